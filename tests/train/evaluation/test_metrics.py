import json
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from train.evaluation.metrics import (
    METRICS,
    Scored,
    auc,
    binary_figures,
    calibration_figures,
    calibration_with_intervals,
    class_figures,
    confusion_counts,
    mean_with_interval,
    per_class_figures,
    rounded,
    score,
    share_with_interval,
    threshold_for_sensitivity,
    wilson,
    with_intervals,
)
from webapp.model.bundle import BUNDLE_FOLDER
from webapp.model.labels import CLASSES


def binary(malignancy: list[float], malignant: list[bool], groups: list[str] | None = None) -> Scored:
    names = groups or [str(i) for i in range(len(malignancy))]
    return Scored(np.array(malignant), np.array(malignancy), np.array(names))


def seven(truth: list[str], said: list[str]) -> Scored:
    indices = [CLASSES.index(dx) for dx in said]
    probabilities = np.full((len(said), 7), 0.1)
    probabilities[np.arange(len(said)), indices] = 0.4
    groups = [str(i) for i in range(len(said))]
    return score(probabilities, np.array([CLASSES.index(dx) for dx in truth]), groups, np.ones(7))


def test_balanced_accuracy_is_the_mean_recall_and_accuracy_is_not():
    scored = seven(["nv", "nv", "nv", "mel"], ["nv", "nv", "nv", "nv"])
    found = with_intervals(scored, class_figures, 20)
    assert found["accuracy"]["value"] == 0.75
    assert found["balanced_accuracy"]["value"] == 0.5


def test_decision_weights_change_the_diagnosis_and_not_the_malignancy():
    probabilities = np.array([[0, 0, 0, 0, 0.3, 0.7, 0]])
    weights = np.array([1, 1, 1, 1, 10, 1, 1])
    scored = score(probabilities, np.array([4]), ["a"], weights)
    assert CLASSES[scored.diagnosis[0]] == "mel"
    assert scored.malignancy[0] == pytest.approx(0.3)


def test_a_share_of_photos_that_belong_together_is_less_certain_than_one_of_single_photos():
    mask = np.arange(200) % 5 > 0
    alone = share_with_interval(mask, np.arange(200))
    assert alone == pytest.approx(wilson(160, 200), abs=1e-3)
    twins = share_with_interval(np.repeat(mask, 2), np.repeat(np.arange(200), 2))
    assert twins == pytest.approx(alone, abs=1e-3), "a second photo of the same tells nothing new"
    mixed = share_with_interval(np.tile(mask, 2), np.repeat(np.arange(200), 2))
    assert mixed["high"] - mixed["low"] < 0.8 * (alone["high"] - alone["low"]), "photos that differ count"
    everything = share_with_interval(np.ones(8, bool), np.repeat(np.arange(4), 2))
    assert everything == pytest.approx(wilson(4, 4))
    one = share_with_interval(np.arange(262) == 0, np.arange(262) // 2)
    assert one["high"] > 0.02, "that one of 262 was refused does not mean that it is never three"


def test_malignancy_adds_up_the_three_cancer_classes():
    probabilities = np.array([[0.1, 0.2, 0.3, 0.05, 0.05, 0.2, 0.1]])
    assert score(probabilities, np.array([5]), ["a"], np.ones(7)).malignancy[0] == pytest.approx(0.35)


def test_per_class_recall_and_precision():
    scored = seven(["nv", "nv", "mel", "bcc"], ["nv", "mel", "mel", "bcc"])
    found = with_intervals(scored, per_class_figures)
    assert found["nv/recall"]["value"] == 0.5
    assert found["mel/precision"]["value"] == 0.5
    assert found["bcc/recall"]["value"] == 1
    assert found["bcc/recall"]["low"] < 0.5, "one of one says little"
    assert np.isnan(found["df/recall"]["value"])


def test_confusion_rows_are_the_truth():
    counts = confusion_counts(seven(["nv", "nv", "mel"], ["mel", "nv", "mel"]))
    assert counts[CLASSES.index("nv")][CLASSES.index("mel")] == 1
    assert counts[CLASSES.index("mel")][CLASSES.index("nv")] == 0


def test_threshold_is_the_highest_that_reaches_the_sensitivity():
    scored = binary([i / 100 for i in range(1, 101)] + [0.5], [True] * 100 + [False])
    threshold = threshold_for_sensitivity(scored, 0.95)
    flagged = (scored.malignancy[:100] >= threshold).mean()
    assert flagged == 0.95


def test_threshold_for_all_cancers_misses_none():
    scored = binary([0.3, 0.2, 0.9], [True, True, False])
    assert threshold_for_sensitivity(scored, 1.0) == 0.2


def test_interval_holds_the_value_and_narrows_with_more_groups():
    rng = np.random.default_rng(0)

    def width(count: int) -> float:
        malignant = rng.random(count) < 0.5
        found = with_intervals(
            binary(list(malignant * 0.5 + rng.random(count)), list(malignant)), binary_figures, 200
        )["malignancy_auc"]
        assert found["low"] <= found["value"] <= found["high"]
        return found["high"] - found["low"]

    assert width(2000) < width(100)


def test_copies_of_a_lesion_do_not_narrow_the_interval():
    rng = np.random.default_rng(1)
    malignant = rng.random(80) < 0.5
    malignancy = malignant * 0.4 + rng.random(80)
    once = binary(list(malignancy), list(malignant))
    tenfold = binary(
        list(np.repeat(malignancy, 10)),
        list(np.repeat(malignant, 10)),
        [str(i) for i in np.repeat(np.arange(80), 10)],
    )
    first, second = (with_intervals(s, binary_figures, 300)["malignancy_auc"] for s in (once, tenfold))
    assert second["high"] - second["low"] == pytest.approx(first["high"] - first["low"], rel=0.01)


def test_calibration_error_of_honest_and_of_boastful_scores():
    rng = np.random.default_rng(2)
    chances = rng.random(20_000)
    happened = rng.random(20_000) < chances
    honest = calibration_figures(binary(list(chances), list(happened)))["malignancy_ece"]
    boastful = calibration_figures(binary(list(chances**0.25), list(happened)))["malignancy_ece"]
    assert honest < 0.02 < boastful


def test_the_interval_of_a_calibration_error_holds_it():
    chances = np.repeat([0.1, 0.3, 0.5, 0.7, 0.9], 40)
    scored = binary(list(chances), list(np.tile(np.arange(40) / 40, 5) < chances))
    plain = with_intervals(scored, calibration_figures, 200)["malignancy_ece"]
    assert plain["value"] == pytest.approx(0, abs=1e-9) and plain["low"] > 0.01, "drawing adds its own error"
    found = calibration_with_intervals(scored, 200)["malignancy_ece"]
    assert found["low"] <= found["value"] < found["high"] < plain["high"]


def test_what_chance_adds_to_a_calibration_error_is_told() -> None:
    rng = np.random.default_rng(6)

    def measured(count: int) -> tuple[float, float]:
        chances = rng.random(count)
        found = calibration_with_intervals(binary(list(chances), list(rng.random(count) < chances)), 20)
        return found["malignancy_ece"]["value"], found["malignancy_ece_by_chance"]["value"]

    few, by_chance = zip(*(measured(100) for _ in range(20)), strict=True)
    assert np.mean(few) == pytest.approx(np.mean(by_chance), rel=0.15)
    assert measured(5000)[1] < 0.25 * np.mean(by_chance)


def test_every_committed_interval_holds_its_figure():
    found = 0

    def look(tree: Any, path: str) -> None:
        nonlocal found
        if isinstance(tree, dict) and {"value", "low", "high"} <= set(tree):
            if tree["value"] is not None:
                found += 1
                assert tree["low"] <= tree["value"] <= tree["high"], path
                # A guess that is always the same is the same in every drawing.
                assert tree["low"] < tree["high"] or "always_benign" in path, path
        elif isinstance(tree, dict):
            for name, each in tree.items():
                look(each, f"{path}.{name}")
        elif isinstance(tree, list):
            for each in tree:
                look(each, path)

    look(json.loads((BUNDLE_FOLDER / METRICS).read_text(encoding="utf-8")), "")
    assert found > 500


def test_auc_is_scikit_learns_with_ties():
    rng = np.random.default_rng(3)
    positive, scores = rng.random(500) < 0.3, rng.integers(0, 20, 500)
    assert auc(positive, scores) == pytest.approx(roc_auc_score(positive, scores))
    assert np.isnan(auc(np.ones(3, bool), np.arange(3)))


def test_mean_and_its_interval_are_those_of_the_bootstrap_over_groups():
    rng = np.random.default_rng(4)
    values, groups = rng.random(300), rng.integers(0, 60, 300).astype(str)
    scored = Scored(malignant=values > 2, malignancy=values, groups=groups)
    expected = with_intervals(scored, lambda part: {"mean": part.malignancy.mean()}, 2000, seed=1)["mean"]
    assert mean_with_interval(values, groups, 2000) == pytest.approx(expected, abs=0.003)


def test_wilson_interval_stays_between_none_and_all():
    assert str(wilson(0, 1507)["low"]) == "0.0", "and not −0.0"
    assert wilson(1507, 1507)["high"] == 1


def test_wilson_interval_of_all_does_not_claim_certainty():
    found = wilson(50, 50)
    assert found["value"] == 1
    assert 0.9 < found["low"] < 0.95
    assert found["high"] == pytest.approx(1)


def test_a_figure_that_cannot_be_computed_is_null_in_json():
    assert rounded({"a": [float("nan"), 0.123456789]}) == {"a": [None, 0.12346]}
