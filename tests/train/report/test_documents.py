import json
import re
import shutil

import pytest

from tests.fakes import CONTRACT, METRICS, figure
from train.report.documents import ReportError, percent, render_marked, report
from train.report.documents import figure as in_words
from train.steps.commands.leak import LEAK
from webapp.model.bundle import BUNDLE_FOLDER


@pytest.fixture
def bundle(tmp_path):
    """A bundle of the time before most figures were measured."""
    metrics = {
        **METRICS,
        "gate": {"dermoscopy": {"images": 1503, "accepted": figure(0.97)}},
        "baselines": {
            "write_up": {"accuracy": {"value": 0.7079}},
            "always_benign": {
                name: figure(0.5) for name in ("accuracy", "balanced_accuracy", "malignancy_auc")
            },
        },
    }
    point = {"threshold": 0.2} | {
        name: figure(0.9) for name in ("sensitivity", "specificity", "melanoma_sensitivity")
    }
    metrics["test"] = {
        **metrics["test"],
        "binary": {name: figure(0.8) for name in ("accuracy", "balanced_accuracy", "loss")},
        "operating_points": {"signs": point, "unsure": point},
    }
    metrics["phone"] = {
        **metrics["phone"],
        "operating_points": {"signs": point, "unsure": point},
        "pad_definition": {"malignancy_auc": figure(0.7)},
    }
    (tmp_path / "contract.json").write_text(json.dumps(CONTRACT))
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    return tmp_path


def test_figures_in_words():
    assert percent({"value": 0.708, "low": 0.681, "high": 0.732}) == "70.8 % (68.1–73.2)"
    assert percent({"value": 0.708, "low": 0.681, "high": 0.732}, interval=False) == "70.8 %"
    assert in_words({"value": -0.01, "low": -0.02, "high": 0.005}) == "−0.010 (−0.020 to 0.005)"
    assert in_words({"value": 0.7}) == "0.700"
    assert percent(None) == percent({"value": None}) == "too few photos"


def test_an_older_bundle_gives_a_shorter_card_with_every_heading(bundle):
    report(bundle, leak=bundle / "leak.json")
    card = (bundle / "MODEL_CARD.md").read_text()
    headings = re.findall(r"^## (.+)$", card, re.MULTILINE)
    assert headings == [
        *("Model details", "Intended use", "Factors", "Metrics", "Evaluation data", "Training data"),
        *("Quantitative analyses", "Ethical considerations", "Caveats and recommendations", "CLEAR Derm"),
    ]
    assert "Changed photos" not in card
    assert "split by image would" not in card
    assert "\n\n\n" not in card
    assert "more information needed" not in card.lower()


def test_the_card_tells_what_a_kind_adds_and_when_an_unsure_spot_is_soon(bundle):
    limits = {"signs": 0.3, "unsure": 0.03}
    contract = {
        **CONTRACT,
        "malignancy_log_odds": {"phone": 0.875},
        "thresholds": {
            "dermatoscope": {**limits, "melanoma": 0.109},
            "phone": {**limits, "melanoma": 0.086},
        },
    }
    (bundle / "contract.json").write_text(json.dumps(contract))
    report(bundle)
    card = (bundle / "MODEL_CARD.md").read_text()
    assert "A phone's photo has 0.88 added to its log-odds of cancer" in card
    assert "from a chance of melanoma of 0.109 on" in card
    assert "(0.086 for a phone's photo)" in card


def test_every_picture_in_the_card_is_there_and_old_ones_go(bundle):
    (bundle / "report").mkdir()
    (bundle / "report" / "of_an_earlier_report.svg").write_text("<svg/>")
    report(bundle)
    shown = set(re.findall(r"\(report/(\w+)\.svg\)", (bundle / "MODEL_CARD.md").read_text()))
    drawn = {file.stem for file in (bundle / "report").iterdir()}
    assert shown == drawn == {"roc", "reliability", "confusion", "by_sex", "by_sex_phone"}


def test_the_leak_is_shown_where_it_was_measured(bundle):
    names = ("accuracy", "balanced_accuracy", "malignancy_auc", "melanoma_auc")
    claimed, honest = ({name: figure(value) for name in names} for value in (0.9, 0.6))
    leak = {
        "recipe": {"model": "lite0", "size": 160},
        "by_lesion": {"images": 9, "seen_in_training": 0.0, **honest},
        "by_image": {"images": 9, "seen_in_training": 0.39, **claimed},
    }
    (bundle / "leak.json").write_text(json.dumps(leak))
    report(bundle, leak=bundle / "leak.json")
    card = (bundle / "MODEL_CARD.md").read_text()
    assert "makes of the images at\n160 px" in card
    assert "| by image | 39.0 % | 90.0 % (88.0–92.0)" in card


def test_what_a_run_learned_from_and_how_far_seeds_lie_apart_is_shown_where_it_is_known(bundle):
    metrics = json.loads((bundle / "metrics.json").read_text())
    spread = {"values": [0.71, 0.73, 0.72], "mean": 0.72, "sd": 0.01}
    recipe = {"model": "lite2", "stages": [[128, 6], [160, 8]], "learning_rate": 0.0006, "seed": 0}
    metrics |= {
        "seeds": {
            "seeds": [0, 1, 2],
            "stages": [[160, 1]],
            "val_balanced_accuracy": spread,
            "val_malignancy_auc": {**spread, "mean": 0.921},
        },
        "recipes": [recipe, {**recipe, "phone_share": 0.15, "teacher_share": 0.5, "extra_share": 0.25}],
    }
    metrics["phone"]["without_phone_photos"] = {
        "model_version": "1.0.0",
        "malignancy_auc": figure(0.84),
        "pad_definition": {"malignancy_auc": figure(0.74)},
        "dermoscopy_difference": {"value": 0.009, "low": -0.006, "high": 0.021},
    }
    (bundle / "metrics.json").write_text(json.dumps(metrics))
    report(bundle)
    card = (bundle / "MODEL_CARD.md").read_text()
    assert "seeds 0, 1, 2" in card and "72.0 ± 1.0 % / 0.921 ± 0.010" in card
    assert "| lite2 | 128 px × 6, 160 px × 8 | 0.0006 | 15 % | 25 % | 50 % | 0 | 0 |" in card
    assert "version 1.0.0, which had learned from HAM10000 alone | 0.840 (0.820–0.860) / 0.740" in card
    assert "less that of version 1.0.0 | 0.009 (−0.006 to 0.021) |" in card


def test_a_document_without_a_mark_is_refused():
    with pytest.raises(ReportError, match="mark"):
        render_marked("# Nothing to render", {})


def test_what_is_committed_is_what_its_figures_render_to(tmp_path):
    for name in ("contract.json", "metrics.json"):
        shutil.copy(BUNDLE_FOLDER / name, tmp_path)
    readme = BUNDLE_FOLDER.parents[1] / "README.md"
    shutil.copy(readme, tmp_path)
    report(tmp_path, tmp_path / "README.md", LEAK)
    assert (tmp_path / "README.md").read_text() == readme.read_text(), "run: make report"
    assert (tmp_path / "MODEL_CARD.md").read_text() == (BUNDLE_FOLDER / "MODEL_CARD.md").read_text()
    drawn, committed = (
        {file.name: file.read_text() for file in (folder / "report").iterdir()}
        for folder in (tmp_path, BUNDLE_FOLDER)
    )
    assert drawn == committed
