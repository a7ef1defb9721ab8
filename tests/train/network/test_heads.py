"""Heads and unfamiliarity: what was fitted is what stands in the graph and in the file."""

import dataclasses

import numpy as np
import pytest

pytestmark = pytest.mark.tensorflow

CHANNELS = 24


def clouds(seed: int = 0, count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Two clouds of features, the second one shifted along three channels; few of it."""
    rng = np.random.default_rng(seed)
    features = rng.normal(3, 2, (count, CHANNELS)).astype(np.float32)
    second = np.arange(count) % 8 == 0
    features[second, :3] += 6
    return features, second


def test_a_head_tells_the_sides_apart_and_counts_them_equally():
    from train.network.heads import fit_head

    head = fit_head(*clouds(), regularisation=1.0)
    features, second = clouds(seed=1)
    assert ((head.logits(features) > 0) == second).mean() > 0.97


def test_what_weighs_nothing_teaches_nothing():
    from train.network.heads import fit_head

    features, second = clouds()
    wrong = np.concatenate([second, ~second])
    weights = np.concatenate([np.ones(len(second)), np.full(len(second), 1e-9)])
    taught = fit_head(np.concatenate([features, features]), wrong, weights)
    assert ((taught.logits(features) > 0) == second).mean() > 0.97


def test_a_head_in_the_graph_says_what_it_says():
    import keras

    from train.network.heads import fit_head

    features, second = clouds()
    head = fit_head(features, second)
    flat = keras.Input((CHANNELS,))
    expected = 1 / (1 + np.exp(-head.logits(features)))
    dense = keras.Model(flat, head.as_dense(flat, "phone")).predict(features, verbose=0)
    assert dense[:, 0] == pytest.approx(expected, abs=1e-5)


@pytest.fixture(scope="module")
def embedded():
    from train.steps.fit_heads import Embedded

    rng = np.random.default_rng(5)
    middles = rng.normal(0, 1, (3, CHANNELS))

    def familiar(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        classes = np.arange(count) % 3
        noise = np.random.default_rng(seed).normal(0, 0.5, (count, CHANNELS))
        return (middles[classes] + noise).astype(np.float32), classes

    def outliers(count: int, seed: int) -> np.ndarray:
        noise = np.random.default_rng(seed).normal(0, 0.5, (count, CHANNELS))
        return (noise + 4 * np.eye(CHANNELS)[7]).astype(np.float32)

    dermoscopy, classes = familiar(300, 0)
    phone = familiar(90, 1)[0] + np.float32(0.8)
    return Embedded(
        dermoscopy=dermoscopy,
        dermoscopy_classes=classes,
        home=np.ones(300, bool),
        dermoscopy_val=familiar(300, 2)[0],
        other_val=np.empty((0, CHANNELS), np.float32),
        phone=phone,
        phone_val=familiar(90, 3)[0] + np.float32(0.8),
        outliers=outliers(60, 4),
        outliers_val=outliers(60, 6),
    )


def test_both_measures_refuse_and_familiar_photos_pass(embedded):
    from train.steps.fit_heads import fit_unfamiliarity

    score, figures = fit_unfamiliarity(embedded)
    assert figures["val_accepts_dermoscopy"] >= 0.98
    assert figures["val_accepts_phone"] >= 0.96
    assert figures["val_refuses_outliers"] >= 0.98
    # Neither familiar nor like the outliers that were shown: the distance stands for it.
    away = score.outlier.weights / np.linalg.norm(score.outlier.weights)
    elsewhere = (embedded.dermoscopy.mean(axis=0) - 30 * away)[None]
    assert score.outlier.logits(elsewhere)[0] < 0 < 1 < score.score(elsewhere)[0]


def test_photos_of_other_dermatoscopes_widen_what_is_familiar(embedded):
    from train.steps.fit_heads import _fit_phone, fit_unfamiliarity

    rng = np.random.default_rng(9)
    shift = np.float32(0.5) + 3 * np.eye(CHANNELS, dtype=np.float32)[2]  # partly as phone photos differ
    shown, held = (
        (embedded.dermoscopy_val[:150] + shift + rng.normal(0, 0.2, (150, CHANNELS))).astype(np.float32)
        for _ in range(2)
    )
    before, _ = fit_unfamiliarity(embedded)
    assert (before.score(held) <= 1).mean() < 0.5
    wider = dataclasses.replace(
        embedded,
        dermoscopy=np.concatenate([embedded.dermoscopy, shown]),
        dermoscopy_classes=np.concatenate([embedded.dermoscopy_classes, np.full(150, 3)]),
        home=np.arange(450) < 300,
        other_val=held,
    )
    _, figures = fit_unfamiliarity(wider)
    assert figures["val_accepts_other_dermoscopy"] >= 0.97
    assert figures["val_refuses_outliers"] >= 0.98
    taken_for_phone = [float((_fit_phone(each).logits(held) > 0).mean()) for each in (embedded, wider)]
    assert taken_for_phone[0] > 0.5 > 0.3 > taken_for_phone[1]


def test_unfamiliarity_in_the_graph_and_in_the_file_is_the_one_that_was_fitted(embedded, tmp_path):
    import keras

    from train.network.served import Heads, load_heads, save_heads
    from train.steps.fit_heads import fit_unfamiliarity

    score, _ = fit_unfamiliarity(embedded)
    flat = keras.Input((CHANNELS,))
    model = keras.Model(flat, score.as_layers(flat))
    photos = np.concatenate([embedded.dermoscopy_val, embedded.outliers_val])
    assert model.predict(photos, verbose=0)[:, 0] == pytest.approx(score.score(photos), rel=1e-3, abs=1e-4)

    save_heads(tmp_path / "heads.npz", Heads(score, phone=score.outlier))
    read = load_heads(tmp_path / "heads.npz")
    assert np.array_equal(read.unfamiliarity.score(photos), score.score(photos))
    assert np.array_equal(read.phone.logits(photos), score.outlier.logits(photos))
    assert read.lesion_map is None
