"""The served graph says what its parts say: calibration, views, maps and unfamiliarity are inside it."""

import numpy as np
import pytest

from webapp.model.labels import CLASSES

pytestmark = pytest.mark.tensorflow

SIZE = 64


@pytest.fixture(scope="module")
def classifier():
    import keras

    from train.network.models import build_classifier

    keras.utils.set_random_seed(1)
    model = build_classifier("lite0")  # random weights let almost nothing through
    kernel, bias = model.get_layer("logits").get_weights()
    model.get_layer("logits").set_weights([kernel * 5, np.linspace(-1, 1, len(CLASSES))])
    return model


@pytest.fixture(scope="module")
def photos():
    return np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def calibration():
    from train.network.served import Calibration

    return Calibration(1.7, (0.1, 0.1, 0.2, 0.1, 0.2, 0.2, 0.1), (0.03, 0.05, 0.11, 0.01, 0.11, 0.67, 0.02))


def served(classifier, calibration, views=1, with_features=False, **heads):
    from train.network.served import Heads, build_served_model

    return build_served_model(classifier, SIZE, calibration, Heads(**heads), views, with_features)


def test_temperature_and_priors_are_inside_the_graph(classifier, calibration, photos):
    said = served(classifier, calibration).predict(photos, verbose=0)["probabilities"]
    expected = calibration.probabilities(classifier.predict(photos, verbose=0).astype(np.float64))
    assert said == pytest.approx(expected, abs=1e-5)


def test_maps_are_what_the_answer_is_made_of(classifier, calibration, photos):
    outputs = served(classifier, calibration, views=4).predict(photos, verbose=0)
    logits = outputs["class_activation_maps"].mean(axis=(1, 2))
    answer = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert answer == pytest.approx(outputs["probabilities"], abs=1e-5)


@pytest.mark.parametrize(
    ("views", "change", "undo"),
    [
        (8, lambda x: x[:, :, ::-1], lambda x: x[:, :, ::-1]),
        (8, lambda x: np.rot90(x, 1, (1, 2)), lambda x: np.rot90(x, -1, (1, 2))),
        (4, lambda x: np.rot90(x, 1, (1, 2)), lambda x: np.rot90(x, -1, (1, 2))),
    ],
    ids=["eight-flip", "eight-turn", "four-turn"],
)
def test_what_the_views_cover_changes_nothing_but_where_the_maps_lie(
    classifier, calibration, photos, views, change, undo
):
    model = served(classifier, calibration, views=views)
    straight, changed = (model.predict(x, verbose=0) for x in (photos, np.ascontiguousarray(change(photos))))
    assert changed["probabilities"] == pytest.approx(straight["probabilities"], abs=1e-5)
    maps = straight["class_activation_maps"]
    assert undo(changed["class_activation_maps"]) == pytest.approx(maps, abs=1e-4)
    assert np.abs(maps - change(maps)).max() > 1e-3


@pytest.mark.parametrize("views", [1, 2, 4, 8])
def test_each_view_is_another_and_is_undone(views):
    from train.network.served import VIEWS

    assert len(set(VIEWS[views])) == views
    square = np.random.default_rng(0).normal(size=(1, 4, 4, 2)).astype(np.float32)
    laid = [np.asarray(view.lay(square)) for view in VIEWS[views]]
    assert len({each.tobytes() for each in laid}) == views
    for view, each in zip(VIEWS[views], laid, strict=True):
        np.testing.assert_array_equal(np.asarray(view.undo(each)), square)


def test_one_view_is_not_blind_to_flips(classifier, calibration, photos):
    model = served(classifier, calibration)
    straight, flipped = (model.predict(x, verbose=0)["probabilities"] for x in (photos, photos[:, :, ::-1]))
    assert np.abs(straight - flipped).max() > 1e-4


def test_heads_see_the_mean_of_the_views(classifier, calibration, photos):
    from train.network.heads import LogisticHead

    embedding = served(classifier, calibration, views=4).predict(photos, verbose=0)["embedding"]
    rng = np.random.default_rng(2)
    head = LogisticHead(rng.normal(0, 1, embedding.shape[-1]).astype(np.float32), 0.3)
    outputs = served(classifier, calibration, views=4, phone=head).predict(photos, verbose=0)
    assert "unfamiliarity" not in outputs and "lesion_map" not in outputs
    phone = 1 / (1 + np.exp(-head.logits(embedding)))
    assert outputs["phone"][:, 0] == pytest.approx(phone, abs=1e-4)


def made_map(features, seed=3):
    """A lesion map that was fitted to nothing."""
    from train.network.lesion_map import HIDDEN, KERNELS, LesionMap

    rng = np.random.default_rng(seed)
    kernels = tuple(
        rng.normal(0, 1, (kernel, kernel, each.shape[-1], HIDDEN)).astype(np.float32)
        for kernel, each in zip(KERNELS, features, strict=True)
    )
    bias, out = (rng.normal(0, 1, HIDDEN).astype(np.float32) for _ in range(2))
    return LesionMap(kernels, bias, out, 0.2)


def test_the_lesion_map_reads_three_scales_and_is_four_times_as_fine(
    classifier, calibration, photos, tmp_path
):
    from train.network.served import Heads, load_heads, save_heads

    outputs = served(classifier, calibration, with_features=True).predict(photos, verbose=0)
    features = [outputs[f"features_{index}"] for index in range(3)]
    assert [each.shape[1] for each in features] == [SIZE // 8, SIZE // 16, SIZE // 32]
    save_heads(tmp_path / "heads.npz", Heads(lesion_map=made_map(features)))
    read = load_heads(tmp_path / "heads.npz").lesion_map
    found = served(classifier, calibration, lesion_map=read).predict(photos, verbose=0)["lesion_map"]
    assert found.shape == (3, SIZE // 8, SIZE // 8, 1)
    assert np.ptp(found) > 0.01
    again = served(classifier, calibration, lesion_map=made_map(features)).predict(photos, verbose=0)
    assert found == pytest.approx(again["lesion_map"], abs=1e-6)


def test_the_lesion_map_turns_with_the_photo(classifier, calibration, photos):
    outputs = served(classifier, calibration, views=4, with_features=True).predict(photos, verbose=0)
    made = made_map([outputs[f"features_{index}"] for index in range(3)])
    kernels = tuple(
        kernel.mean(axis=(0, 1), keepdims=True) for kernel in made.kernels
    )  # no upright of its own
    model = served(classifier, calibration, views=4, lesion_map=type(made)(kernels, made.bias, made.out, 0.2))
    straight = model.predict(photos, verbose=0)["lesion_map"]
    turned = model.predict(np.ascontiguousarray(np.rot90(photos, 1, (1, 2))), verbose=0)["lesion_map"]
    assert np.rot90(turned, -1, (1, 2)) == pytest.approx(straight, abs=1e-3)
