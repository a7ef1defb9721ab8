"""The whole road, from official-looking images to a bundle that the web app serves, in small."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

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
from train.evaluation.agreement import agreement
from train.evaluation.metrics import METRICS
from webapp.model.bundle import load_bundle
from webapp.model.predictor import Predictor
from webapp.model.runtimes import KerasRuntime, LiteRtRuntime

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow, pytest.mark.xdist_group("bundle")]

RECIPE = ["--stages", "64x2", "--batch-size", "8"]  # from ImageNet: random weights let almost nothing through


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


@pytest.mark.filterwarnings(
    "ignore:.*classes not in y_true", "ignore:Only one class"
)  # seven photos in halves
def test_validation_may_teach_where_networks_without_a_part_of_it_answer_for_it(data, tmp_path, capsys):
    split, phone = data.parent / "split.csv", make_phone_photos(tmp_path / "phone.zip")
    images = ["--data", str(data), "--split-file", str(split), "--phone", str(phone)]
    images += ["--phone-split-file", str(phone.with_name("split_phone.csv"))]
    main(["split", "--data", str(data), "--split-file", str(split)])
    halves = [str(tmp_path / name) for name in ("first", "second")]
    for number, run in enumerate(halves):
        fold = f"{number + 1}/2"
        arguments = ["fit", *images, "--run", run, "--all-but", fold, "--stages", "32x1", "--batch-size", "8"]
        assert main(arguments) == 0
    mean = str(tmp_path / "mean")
    assert main(["average", "--runs", *halves, "--run", mean]) == 0
    arguments = ["calibrate", *images, "--run", mean, "--size", "32", "--views", "1"]
    assert main(arguments) == 1
    assert "can be calibrated then, by those (first, second)" in capsys.readouterr().err
    assert main([*arguments, "--cross-fitted", halves[0], halves[0]]) == 1
    capsys.readouterr()
    assert main([*arguments, "--cross-fitted", *reversed(halves)]) == 0
    assert 0 <= json.loads(capsys.readouterr().out)["figures"]["val_malignancy_auc"] <= 1

    from train.__main__ import build_parser
    from train.steps.commands.export import training_data

    learned = training_data(build_parser().parse_args(["export", *images, "--run", mean]))
    assert "training and validation parts of the split" in learned[0]


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


@pytest.mark.parametrize("bits", [16, 8])
def test_fewer_bits_make_a_smaller_file_and_must_not_change_much(
    data, bundle, baseline, tmp_path, capsys, monkeypatch, bits
):
    from train.steps import export

    rounded = tmp_path / "rounded"
    arguments = ["export", "--data", str(data), "--split-file", str(data.parent / "split.csv")]
    arguments += ["--bits", str(bits), "--run", str(baseline.parent / "lite0"), "--bundle", str(rounded)]
    # A network of two epochs on drawn spots is sure of nothing: rounding may change much of it.
    anything = {name: dict.fromkeys((8, 16), 1.0) for name in export.MOST_CHANGED}
    monkeypatch.setattr(export, "MOST_CHANGED", anything if bits == 8 else export.MOST_CHANGED)
    assert main(arguments) == 0
    sizes = [load_bundle(folder).contract.files["model.tflite"].bytes for folder in (rounded, bundle)]
    assert sizes[0] < 0.55 * sizes[1]
    measured = json.loads((rounded / "contract.json").read_text())["rounding"]
    assert measured["bits"] == bits and measured["images"] > 0
    assert set(export.MOST_CHANGED) < set(measured)
    collection = open_collection(data)
    largest = agreement(rounded, Subset(collection, collection.records[:6]))["largest"]
    if bits == 16:
        assert largest["probabilities"] < 1e-4, "Keras was rounded as well"
    else:
        assert 0 < largest["probabilities"] < 0.2, "Keras keeps its floats"
    monkeypatch.setitem(export.MOST_CHANGED, "verdicts_changed", {bits: -1.0})
    assert main(arguments) == 1
    assert f"{bits}-bit weights: verdicts_changed is" in capsys.readouterr().err


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


def test_the_pictures_are_well_formed_and_the_model_card_shows_them(bundle):
    card = (bundle / "MODEL_CARD.md").read_text()
    drawn = {file.stem for file in (bundle / "report").iterdir()}
    assert {"roc", "confusion", "reliability", "training_loss", "by_age", "robustness"} <= drawn
    assert set(re.findall(r"\(report/(\w+)\.svg\)", card)) == drawn
    for name in drawn:
        ElementTree.fromstring((bundle / "report" / f"{name}.svg").read_text())


def test_report_renders_readme_and_model_card(bundle):
    readme = (bundle.parent / "README.md").read_text()
    assert "\nold\n" not in readme
    assert "version 9.9.9" in readme
    assert "70.79 %" in readme
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
