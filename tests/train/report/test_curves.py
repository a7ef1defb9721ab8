import numpy as np
import pytest

from train.evaluation.metrics import Scored, score
from train.report.curves import (
    class_reliability_bins,
    precision_recall_points,
    reliability_bins,
    roc_points,
    score_histogram,
)
from webapp.model.contract import Thresholds

LIMITS = Thresholds(signs=0.5, unsure=0.35)


def binary(malignancy, malignant):
    return Scored(np.array(malignant), np.array(malignancy), np.arange(len(malignancy)).astype(str))


def test_reliability_bins_leave_out_empty_ones_and_count_every_photo():
    bins = reliability_bins(binary([0.01, 0.02, 0.99, 1.0], [False, True, True, True]))
    assert [b["count"] for b in bins] == [2, 2]
    assert bins[0]["observed"] == 0.5


def test_class_reliability_is_of_the_likeliest_class():
    probabilities = np.array([[0.9, 0.1, 0, 0, 0, 0, 0], [0.1, 0.9, 0, 0, 0, 0, 0]])
    (group,) = class_reliability_bins(score(probabilities, np.array([0, 0]), ["a", "b"], np.ones(7)))
    assert group["predicted"] == pytest.approx(0.9)
    assert group["observed"] == 0.5


def test_roc_runs_from_corner_to_corner():
    points = roc_points(binary([0.1, 0.4, 0.35, 0.8], [False, False, True, True]), LIMITS)
    assert (points["fpr"][0], points["tpr"][0]) == (0, 0)
    assert (points["fpr"][-1], points["tpr"][-1]) == (1, 1)
    assert points["at"] == {"signs": {"fpr": 0, "tpr": 0.5}, "unsure": {"fpr": 0.5, "tpr": 1}}


def test_precision_recall_ends_with_every_cancer_found_and_stays_small():
    rng = np.random.default_rng(0)
    malignant = rng.random(5000) < 0.2
    points = precision_recall_points(binary(malignant * 0.4 + rng.random(5000) * 0.6, malignant))
    assert points["recall"][-1] == 1
    assert points["recall"] == sorted(points["recall"])
    assert points["precision"][len(points["recall"]) // 2] > points["cancers"]
    assert len(points["recall"]) <= 201


def test_curves_of_one_side_alone_are_empty():
    benign = binary([0.1, 0.2], [False, False])
    assert roc_points(benign, LIMITS)["fpr"] == precision_recall_points(benign)["recall"] == []


def test_histogram_counts_every_photo_once():
    found = score_histogram(binary([0.0, 0.02, 1.0, 0.5], [False, False, True, True]))
    assert sum(found["cancer"]) == sum(found["harmless"]) == 2
    assert found["harmless"][0] == 2
    assert found["cancer"][-1] == 1
