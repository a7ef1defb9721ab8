"""The whole road, from official-looking images to a bundle that the web app serves, in small."""

import dataclasses
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.rendered import render_lesion
from tests.train.made_dataset import (
    make_dataset,
    make_everyday_photos,
    make_masks,
    make_other_dermoscopy,
    make_phone_photos,
)
from train.__main__ import main
from train.datasets.dataset import Subset, open_collection
from train.datasets.split import make_split, select
from train.evaluation.agreement import agreement
from train.evaluation.metrics import METRICS
from webapp.model.bundle import load_bundle
from webapp.model.labels import CLASSES
from webapp.model.predictor import Predictor
from webapp.model.runtimes import KerasRuntime, LiteRtRuntime

pytestmark = pytest.mark.tensorflow

RECIPE = ["--stages", "64x2", "--batch-size", "8"]  # from ImageNet: random weights let almost nothing through


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("made") / "ham10000")


@pytest.fixture(scope="module")
def baseline(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "seed-cnn"
    split = data.parent / "split.csv"
    assert main(["split", "--data", str(data), "--split-file", str(split)]) == 0
    arguments = ["--data", str(data), "--split-file", str(split), "--run", str(run)]
    assert main(["fit", *arguments, "--model", "seed-cnn", "--stages", "128x1"]) == 0
    return run


@pytest.fixture(scope="module")
def bundle(data: Path, baseline: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "bundle"
    readme = folder.parent / "README.md"
    readme.write_text(
        "# Made\n\n<!-- begin results: rendered by `make report` -->\nold\n<!-- end results -->\n"
    )
    phone = make_phone_photos(folder.with_name("phone.zip"))
    everyday = make_everyday_photos(folder.with_name("everyday.zip"))
    other = str(make_other_dermoscopy(folder.with_name("isic2017.zip")))
    arguments = [
        *("--data", str(data), "--split-file", str(data.parent / "split.csv")),
        *("--phone", str(phone), "--phone-split-file", str(phone.with_name("split_phone.csv"))),
        *("--natural", str(everyday), "--extra", other, "--isic2017", other, "--elsewhere", other),
        *("--nails", str(make_everyday_photos(folder.with_name("nails.zip")))),
        *("--run", str(baseline.parent / "lite0"), "--bundle", str(folder), "--readme", str(readme)),
        *("--size", "64", "--views", "4", "--version", "9.9.9", "--baseline-run", str(baseline)),
        *("--masks", str(make_masks(data)), "--robustness-images", "4", "--resamples", "50"),
    ]
    assert main(["all", *arguments, *RECIPE]) == 0
    return folder


def test_bundle_opens_in_the_web_app_and_both_runtimes_agree(bundle):
    opened = load_bundle(bundle)
    photo = render_lesion(7)
    answers = [
        Predictor(opened, [runtime(opened.file(name), opened.contract)]).predict(photo)
        for runtime, name in ((LiteRtRuntime, "model.tflite"), (KerasRuntime, "model.keras"))
    ]
    assert answers[0].probabilities == pytest.approx(answers[1].probabilities, abs=1e-4)
    assert answers[0].unfamiliarity == pytest.approx(answers[1].unfamiliarity, rel=1e-3)
    assert sum(answers[0].probabilities) == pytest.approx(1)


def test_metrics_hold_every_network_with_intervals(bundle):
    metrics = json.loads((bundle / METRICS).read_text())
    assert metrics["model_version"] == "9.9.9"
    assert metrics["baselines"]["always_benign"]["balanced_accuracy"]["value"] == 0.5
    for figure in (metrics["test"]["balanced_accuracy"], metrics["baselines"]["seed_cnn"]["malignancy_auc"]):
        assert 0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1
    counted = sum(map(sum, metrics["test"]["confusion"]))
    assert (
        counted
        == metrics["test"]["images"]
        == sum(c["images"] for c in metrics["test"]["per_class"].values())
    )


def test_the_contract_holds_the_limits_and_what_other_prices_would_cost(bundle):
    contract = load_bundle(bundle).contract
    for thresholds in contract.thresholds.values():
        assert 0 < thresholds.unsure <= thresholds.signs < 1
        assert thresholds.unusual is not None
    prices = json.loads((bundle / METRICS).read_text())["prices"]
    assert set(prices[0]["collections"]) == {"ham10000", "phone", "isic2017"}
    assert all(row["collections"]["isic2017"]["left_out"] for row in prices)


def test_nails_are_measured_beside_what_is_to_be_refused(bundle):
    metrics = json.loads((bundle / METRICS).read_text())
    assert metrics["gate"]["nails"]["images"] == 8


def test_what_another_collection_teaches_is_not_measured_on_it(bundle):
    metrics = json.loads((bundle / METRICS).read_text())
    (taught,) = (line for line in load_bundle(bundle).contract.training_data if "ISIC 2017" in line)
    assert taught.endswith("of them with a diagnosis"), "the network saw them, not the heads alone"
    teaching = int(re.search(r"(\d+) images", taught)[1])
    assert teaching + metrics["isic2017"]["images"] == 30 and 5 <= metrics["isic2017"]["images"] <= 20
    assert metrics["gate"]["isic2017"]["images"] == metrics["isic2017"]["images"]
    assert "from which the network has not learned" in (bundle / "MODEL_CARD.md").read_text()


def test_other_collections_reach_the_heads(baseline, bundle):
    figures = json.loads((baseline.parent / "lite0" / "calibration.json").read_text())["figures"]
    assert 0 <= figures["val_accepts_other_dermoscopy"] <= 1
    assert 0 <= figures["val_kind_right_other_dermoscopy"] <= 1


def test_the_contract_says_whether_other_collections_taught_the_network(data, tmp_path):
    from train.__main__ import build_parser
    from train.steps.commands.export import training_data

    (tmp_path / "run.json").write_text(json.dumps({"recipe": {"extra_share": 0.0}}))
    other = make_other_dermoscopy(tmp_path / "isic2017.zip")
    arguments = ["export", "--data", str(data), "--split-file", str(data.parent / "split.csv")]
    arguments += ["--run", str(tmp_path), "--extra", str(other)]
    assert "not for the diagnosis" in training_data(build_parser().parse_args(arguments))[-1]


def test_collections_that_are_too_small_or_the_wrong_one_are_named(data, bundle, tmp_path, capsys):
    arguments = ["--data", str(data), "--split-file", str(data.parent / "split.csv")]
    few = str(make_other_dermoscopy(tmp_path / "few.zip", count=6))
    assert main(["fit", *arguments, "--run", str(tmp_path / "run"), "--extra", few]) == 1
    assert "few: fewer than 8 photos to learn from" in capsys.readouterr().err
    wrong = str(make_everyday_photos(tmp_path / "everyday.zip"))
    assert main(["evaluate", *arguments, "--bundle", str(bundle), "--isic2017", wrong]) == 1
    assert "has no photos of ISIC 2017" in capsys.readouterr().err


def test_metrics_hold_what_the_app_does_with_other_photos(bundle):
    metrics = json.loads((bundle / METRICS).read_text())
    assert metrics["robustness"]["images"] == 4
    assert 0 <= metrics["robustness"]["symmetries"]["all"]["value"] <= 1
    assert 0 < metrics["heat_map"]["images"] <= metrics["test"]["images"]
    assert metrics["gate"]["negatives"]["text"]["images"] > 0
    assert metrics["gate"]["skin_without_lesion"]["images"] > 0
    assert [step["step"] for step in metrics["gate"]["degraded"]["dermoscopy"]["blur"]]
    ends = metrics["test"]["outcomes"]["cancer"]
    assert sum(share["value"] for share in ends.values()) == pytest.approx(1, abs=1e-4)
    assert metrics["training"]["epoch"] == [1, 2]
    assert sum(share["value"] for share in metrics["test"]["taken_for"].values()) == pytest.approx(
        1, abs=1e-4
    )
    assert metrics["phone"]["images"] > 0 and metrics["phone"]["taken_for"]
    assert set(metrics["phone"]["skin_types"]) == {"1-2", "3-4", "5-6"}
    assert set(metrics["gate"]["natural"]["kinds"]) == {"animals", "things"}
    assert load_bundle(bundle).contract.kind_limits
    assert metrics["agreement"]["images"] == metrics["test"]["images"]
    assert {"probabilities", "class_activation_maps", "embedding"} <= set(metrics["agreement"]["largest"])
    assert metrics["agreement"]["largest"]["probabilities"] < 1e-3
    assert metrics["agreement"]["verdicts_changed"]["value"] == 0


def test_sixteen_bit_weights_halve_the_file_and_must_not_change_verdicts(
    data, bundle, baseline, tmp_path, capsys, monkeypatch
):
    from train.steps import export

    half = tmp_path / "half"
    arguments = ["export", "--data", str(data), "--split-file", str(data.parent / "split.csv"), "--half"]
    arguments += ["--run", str(baseline.parent / "lite0"), "--bundle", str(half), "--version", "9.9.9"]
    assert main(arguments) == 0
    sizes = [load_bundle(folder).contract.files["model.tflite"].bytes for folder in (half, bundle)]
    assert sizes[0] < 0.55 * sizes[1]
    measured = json.loads((half / "contract.json").read_text())["half_precision"]
    assert measured["images"] > 0 and measured["verdicts_changed"] <= export.MOST_CHANGED
    collection = open_collection(data)
    largest = agreement(half, Subset(collection, collection.records[:6]))["largest"]
    assert largest["probabilities"] < 1e-4, "Keras was rounded as well"
    monkeypatch.setattr(export, "MOST_CHANGED", -1.0)
    assert main(arguments) == 1
    assert "of the verdicts on validation" in capsys.readouterr().err


def test_committed_figures_are_checked_against_what_is_measured_again(data, bundle, capsys):
    from train.steps.export import add_file

    arguments = ["evaluate", "--data", str(data), "--split-file", str(data.parent / "split.csv")]
    arguments += ["--bundle", str(bundle), "--robustness-images", "0", "--resamples", "20", "--check"]
    metrics, contract = ((bundle / name).read_text() for name in (METRICS, "contract.json"))
    tampered = json.loads(metrics)
    tampered["test"]["balanced_accuracy"]["value"] += 0.01
    try:
        (bundle / METRICS).write_text(json.dumps(tampered))
        add_file(bundle, METRICS)
        assert main(arguments) == 1
        assert "\ntest.balanced_accuracy.value: " in capsys.readouterr().err
    finally:
        (bundle / METRICS).write_text(metrics)
        (bundle / "contract.json").write_text(contract)


def test_differences_are_those_of_figures_that_both_have():
    from train.steps.evaluate import differences

    committed = {"a": {"value": 0.5, "low": None}, "points": [[0.1, 0.2]], "only here": 1, "images": 3}
    assert (
        differences({"a": {"value": 0.5004, "low": None}, "points": [[0.1, 0.2]], "new": 2}, committed) == []
    )
    assert differences({"a": {"value": 0.52, "low": 0.1}, "images": 4}, committed) == [
        "a.value: 0.52, committed 0.5",
        "a.low: 0.1, committed None",
        "images: 4, committed 3",
    ]
    assert differences({"points": [[0.1]]}, committed) != []


def test_the_pictures_are_well_formed_and_the_model_card_shows_them(bundle):
    card = (bundle / "MODEL_CARD.md").read_text()
    drawn = {file.stem for file in (bundle / "report").iterdir()}
    assert {"roc", "confusion", "reliability", "training_loss", "by_age", "robustness"} <= drawn
    assert set(re.findall(r"\(report/(\w+)\.svg\)", card)) == drawn
    for name in drawn:
        ElementTree.fromstring((bundle / "report" / f"{name}.svg").read_text())


def test_report_renders_readme_and_model_card(bundle):
    readme = (bundle.parent / "README.md").read_text()
    assert "old" not in readme
    assert "version 9.9.9" in readme
    assert "70.8 %" in readme
    assert readme.endswith("<!-- end results -->\n")
    assert "# Model card: Skin Cancer Detector 9.9.9" in (bundle / "MODEL_CARD.md").read_text()


def test_leak_scores_the_same_recipe_on_both_splits(tmp_path, capsys):
    twice = make_dataset(tmp_path / "twice", lesions_per_class=6, images_per_lesion=2)
    split, out = tmp_path / "split.csv", tmp_path / "leak.json"
    arguments = ["--data", str(twice), "--split-file", str(split)]
    assert main(["split", *arguments]) == 0
    assert main(["leak", *arguments, "--size", "64", "--resamples", "10", "--out", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["by_lesion"]["seen_in_training"] == 0
    assert found["by_image"]["seen_in_training"] > 0.3
    assert 0 <= found["by_image"]["balanced_accuracy"]["value"] <= 1
    assert "split by image: accuracy" in capsys.readouterr().out


def test_run_folder_says_how_it_was_made(bundle, baseline):
    about = json.loads((baseline.parent / "lite0" / "run.json").read_text())
    assert about["recipe"]["stages"] == [[64, 2]]
    assert about["recipe"]["seed"] == 0
    assert about["versions"]["keras"]
    log = (baseline.parent / "lite0" / "log.csv").read_text().splitlines()
    assert len(log) == 3
    assert log[0].startswith("epoch,size,loss")


def test_a_second_run_does_not_overwrite_the_first(bundle, data, baseline, capsys):
    arguments = ["--data", str(data), "--split-file", str(data.parent / "split.csv")]
    assert main(["fit", *arguments, "--run", str(baseline.parent / "lite0"), *RECIPE]) == 1
    assert "--resume" in capsys.readouterr().err


def test_another_split_is_not_overwritten(data, tmp_path, capsys):
    file = tmp_path / "split.csv"
    file.write_text("another\n")
    assert main(["split", "--data", str(data), "--split-file", str(file)]) == 1
    assert str(file) in capsys.readouterr().err
    assert file.read_text() == "another\n"


def test_missing_data_is_one_sentence(tmp_path, capsys):
    assert main(["split", "--data", str(tmp_path / "nowhere")]) == 1
    assert "nowhere" in capsys.readouterr().err


def test_seed_cnn_is_the_origins_network(baseline):
    import keras

    model = keras.saving.load_model(baseline / "classifier.h5", compile=False)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == [*(["Conv2D", "MaxPooling2D"] * 3), "Flatten", "Dense", "Dense"]
    assert [layer.filters for layer in model.layers if hasattr(layer, "filters")] == [32, 64, 128]
    assert model.input_shape == (None, 128, 128, 3)
    assert model.count_params() == 3_304_769


def test_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(data, tmp_path):
    import keras

    from train.steps.fit import fit
    from train.steps.recipe import Recipe

    collection = open_collection(data)
    parts = make_split(collection.records)
    train, val = (select(collection, parts, part) for part in ("train", "val"))
    recipe = Recipe(stages=((64, 2),), batch_size=8, deterministic=True, validate_every=1)
    whole = fit(train, val, recipe, tmp_path / "whole", pretrained=False)
    fit(train, val, recipe, tmp_path / "resumed", pretrained=False, stop_after=1)
    resumed = fit(train, val, recipe, tmp_path / "resumed", pretrained=False, resume=True)

    first, second = (keras.saving.load_model(file, compile=False).get_weights() for file in (whole, resumed))
    assert max(float(np.abs(a - b).max()) for a, b in zip(first, second, strict=True)) <= 1e-6


def test_smartphone_photos_get_their_share_of_the_draws(data):
    from train.steps.recipe import Recipe
    from train.steps.training_set import load_training_set

    collection = open_collection(data)
    half = len(collection.records) // 2
    images = load_training_set(
        Subset(collection, collection.records[:half]),
        Subset(collection, collection.records[half:]),
        Recipe(phone_share=0.2, frame_size=32),
    )
    assert images.weights[half:].sum() == pytest.approx(0.2)
    assert images.labels.shape == (2 * half, len(CLASSES))


class KnowsOne:
    """A teacher that is sure of a class, and remembers what it was asked about."""

    def __init__(self, size: int, answer: int, rest: int) -> None:
        self.size, self.asked = size, []
        self.answer = np.full(len(CLASSES), 0.0, np.float32)
        self.answer[[answer, rest]] = 0.8, 0.2

    def answers(self, views: np.ndarray) -> np.ndarray:
        self.asked.append(views)
        return np.tile(self.answer, (len(views), 1))


def taught_batch(labels: np.ndarray, teacher: KnowsOne, **recipe: float) -> tuple[np.ndarray, np.ndarray]:
    from train.datasets.dataset import Frames
    from train.steps.batches import AugmentedBatches
    from train.steps.recipe import Recipe
    from train.steps.training_set import TrainingSet

    pixels = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), np.uint8)
    images = TrainingSet(Frames(pixels, np.ones(4, np.float32)), labels, np.full(4, 0.25), draws=4)
    return AugmentedBatches(images, Recipe(stages=((32, 1),), batch_size=4, **recipe), 0, teacher)[0]


def test_a_teacher_is_asked_about_the_view_that_the_pupil_sees_and_mixed_with_the_label():
    teacher = KnowsOne(48, answer=2, rest=5)
    views, targets = taught_batch(np.eye(7, dtype=np.float32)[[2] * 4], teacher, teacher_share=0.5)
    (asked,) = teacher.asked
    assert (views.shape, asked.shape) == ((4, 32, 32, 3), (4, 48, 48, 3))
    assert views.mean((1, 2)) == pytest.approx(asked.mean((1, 2)), abs=1)
    assert targets == pytest.approx(np.tile([0, 0, 0.9, 0, 0, 0.1, 0], (4, 1)), abs=1e-6)


def test_where_only_harmless_is_known_the_teacher_chooses_among_the_harmless():
    from webapp.model.labels import MALIGNANT_INDICES

    harmless = np.ones((4, 7), np.float32)
    harmless[:, list(MALIGNANT_INDICES)] = 0
    melanoma, naevus = CLASSES.index("mel"), CLASSES.index("nv")
    _, targets = taught_batch(harmless, KnowsOne(32, answer=melanoma, rest=naevus), teacher_share=0.5)
    assert targets == pytest.approx(np.eye(7)[[naevus] * 4], abs=1e-6)


def test_several_teachers_answer_with_the_mean_of_their_logits(monkeypatch):
    from types import SimpleNamespace

    from train.steps import teacher as module

    flat = (1 / 7,) * 7
    said = {"a": np.array([0.7] + [0.05] * 6), "b": np.array([0.05] * 6 + [0.7])}

    def opened(name):
        contract = SimpleNamespace(
            input=SimpleNamespace(size=32 if name != "other" else 48),
            outputs=SimpleNamespace(probabilities="p"),
            training_prior=flat,
            natural_prior=flat,
        )
        return SimpleNamespace(
            bundle=SimpleNamespace(contract=contract), run=lambda view: {"p": said[name][np.newaxis]}
        )

    monkeypatch.setattr(module, "open_served", opened)
    views = np.zeros((2, 32, 32, 3), np.uint8)
    expected = np.sqrt(said["a"] * said["b"])
    answers = module.Teacher(["a", "b"]).answers(views)
    assert answers == pytest.approx(np.tile(expected / expected.sum(), (2, 1)))
    with pytest.raises(module.BundleError, match=r"one size.*\[32, 48\]"):
        module.Teacher(["a", "other"])


def test_mixup_blends_each_view_and_its_target_by_the_same_share():
    from train.steps.batches import mixed

    views = np.arange(4, dtype=np.uint8)[:, None, None, None] * np.full((4, 8, 8, 3), 60, np.uint8)
    blended, targets = mixed(views, np.eye(4, dtype=np.float32), 0.4, np.random.default_rng(1))
    assert targets.sum(axis=1) == pytest.approx(1)
    assert (targets.argmax(axis=1) == range(4)).all()  # each stays mostly itself
    assert targets.max(axis=1).min() < 0.99
    assert blended[:, 0, 0, 0] == pytest.approx(targets @ [0, 60, 120, 180], abs=0.5 + 1e-4)


@pytest.mark.parametrize(
    ("recipe", "given", "sentence"),
    [
        ({"teacher_share": 0.5}, {}, "belong together"),
        ({}, {"teachers": [Path("bundle")]}, "belong together"),
        ({"extra_share": 0.5}, {}, "belong together"),
        ({"extra_share": 0.5}, {"extra": True}, "need a teacher"),
    ],
)
def test_what_a_recipe_needs_must_be_there(data, tmp_path, recipe, given, sentence):
    from train.steps.failures import FitError
    from train.steps.fit import fit
    from train.steps.recipe import Recipe

    collection = open_collection(data)
    nobody = Subset(collection, ())
    unknown = dataclasses.replace(collection.records[0], dx=None, malignant=False)
    if "extra" in given:
        given = {"extra": [Subset(collection, (unknown,))]}
    with pytest.raises(FitError, match=sentence):
        fit(nobody, nobody, Recipe(**recipe), tmp_path / "run", **given)
    assert not (tmp_path / "run").exists()


def test_other_collections_get_their_share_and_as_many_cancers_as_the_rest(data):
    from train.steps.recipe import Recipe
    from train.steps.training_set import load_training_set, possible_classes, training_prior
    from webapp.model.labels import MALIGNANT_INDICES

    collection = open_collection(data)
    train = Subset(collection, collection.records)
    unnamed = [
        record if record.malignant else dataclasses.replace(record, dx=None) for record in collection.records
    ]
    extra = Subset(collection, tuple(unnamed))
    recipe = Recipe(frame_size=32, extra_share=0.25)
    images = load_training_set(train, None, recipe, [extra])
    count = len(train.records)
    assert images.draws == count and len(images.weights) == 2 * count
    assert images.weights.sum() == pytest.approx(1)
    assert images.weights[count:].sum() == pytest.approx(0.25)
    malignant = np.array([record.malignant for record in extra.records])
    share = training_prior(train, recipe.balance)[list(MALIGNANT_INDICES)].sum()
    assert images.weights[count:][malignant].sum() == pytest.approx(0.25 * share)
    assert set(possible_classes(extra).sum(axis=1)) == {1, 4}


def test_training_goes_on_from_a_bundle_with_its_first_stages_as_they_are(data, tmp_path):
    import keras

    from train.network.backbone import freeze_stages
    from train.network.models import build_classifier
    from train.network.served import VIEWS, load_classifier_weights
    from webapp.model.bundle import BUNDLE_FOLDER, load_bundle

    bundle = load_bundle(BUNDLE_FOLDER)
    written = json.loads((BUNDLE_FOLDER / "contract.json").read_text())
    architecture = written["architecture"].removeprefix("EfficientNet-").lower()
    served = keras.saving.load_model(bundle.file("model.keras"), compile=False)
    network = build_classifier(architecture, pretrained=False)
    load_classifier_weights(network, BUNDLE_FOLDER)
    photo = np.random.default_rng(0).integers(0, 256, (1, *served.input_shape[1:]), np.uint8)
    laid = [np.rot90(photo[0, :, :: -1 if v.mirrored else 1], v.quarters) for v in VIEWS[written["views"]]]
    logits = network.predict(np.stack(laid), verbose=0).mean(axis=0)
    scores = logits / bundle.contract.temperature + np.log(bundle.contract.natural_prior)
    odds = np.exp(scores - np.log(bundle.contract.training_prior))
    assert odds / odds.sum() == pytest.approx(served.predict(photo, verbose=0)["probabilities"][0], abs=1e-4)

    freeze_stages(network, architecture, 3)
    trained = {layer.name.partition("_")[0] for layer in network.layers if layer.trainable}
    kept = {"lite0": 5, "lite1": 6, "lite2": 7}[architecture]  # blocks of the first three stages
    assert {f"block{kept}", "head", "logits"} <= trained
    assert not trained & {"stem", *(f"block{i}" for i in range(kept))}


def test_a_bundle_teaches_for_the_prior_that_its_pupil_sees():
    from train.steps.teacher import Teacher
    from webapp.model.bundle import BUNDLE_FOLDER, load_bundle

    contract = load_bundle(BUNDLE_FOLDER).contract
    teacher = Teacher([BUNDLE_FOLDER])
    views = np.random.default_rng(0).integers(0, 256, (3, teacher.size, teacher.size, 3), np.uint8)
    served = KerasRuntime(BUNDLE_FOLDER / "model.keras", contract)
    probabilities = np.concatenate([served.run(view[None])["probabilities"] for view in views])
    odds = probabilities * np.divide(contract.training_prior, contract.natural_prior)
    assert teacher.answers(views) == pytest.approx(odds / odds.sum(axis=1, keepdims=True), abs=1e-3)


def test_a_release_without_phone_photos_stands_beside(data, monkeypatch):
    from train.datasets.dataset import DatasetError
    from train.evaluation.answers import open_served, predict
    from train.steps import evaluate
    from webapp.model.bundle import BUNDLE_FOLDER

    collection = open_collection(data)
    photos = Subset(collection, collection.records)
    now = predict(open_served(BUNDLE_FOLDER), photos)
    with pytest.raises(DatasetError, match="phone photos, too"):
        evaluate.without_phone_photos(BUNDLE_FOLDER, photos, photos, now)
    monkeypatch.setattr(evaluate, "PHONE_COLLECTION", "another collection")
    found = evaluate.without_phone_photos(BUNDLE_FOLDER, photos, photos, now, resamples=10)
    assert 0 <= found["malignancy_auc"]["value"] <= 1
    assert 0 <= found["pad_definition"]["malignancy_auc"]["value"] <= 1
    assert found["dermoscopy_difference"] == {"value": 0, "low": 0, "high": 0}


def test_what_another_release_says_of_the_origins_network_is_kept(data, tmp_path):
    from train.steps.evaluate import measure
    from webapp.model.bundle import BUNDLE_FOLDER

    collection = open_collection(data)
    photos = Subset(collection, collection.records[::4])
    earlier = {"baselines": {"seed_cnn": {"accuracy": {"value": 0.5}}}}
    found = measure(BUNDLE_FOLDER, test=photos, earlier=earlier, negatives=1, resamples=10)
    assert found["baselines"]["seed_cnn"] == {"accuracy": {"value": 0.5}}
