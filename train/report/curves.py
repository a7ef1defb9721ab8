"""The points of the report's pictures, small enough to stand in ``metrics.json``."""

from typing import Any, Final

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from train.evaluation.decisions import POINTS
from train.evaluation.metrics import CALIBRATION_BINS, Scored
from webapp.model.contract import Thresholds

HISTOGRAM_BINS: Final = 20
CURVE_POINTS: Final = 200  # a picture of 290 pixels shows no more


def roc_points(scored: Scored, limits: Thresholds) -> dict[str, Any]:
    """Returns the ROC curve's corner points and, as ``at``, where on it the limits lie, rounded to 4 digits.

    The app flags more than lies at the limit of ``unsure``: a photo that is unusual, or shows its spot small,
    too (``operating_points``).
    """
    if not _both_sides(scored):
        return {"fpr": [], "tpr": [], "at": {}}
    fpr, tpr, _ = roc_curve(scored.malignant, scored.malignancy)
    flagged = {point: scored.malignancy >= getattr(limits, point) for point in POINTS}
    return {
        "fpr": fpr.round(4).tolist(),
        "tpr": tpr.round(4).tolist(),
        "at": {
            point: {
                "fpr": round(float(mask[~scored.malignant].mean()), 4),
                "tpr": round(float(mask[scored.malignant].mean()), 4),
            }
            for point, mask in flagged.items()
        },
    }


def precision_recall_points(scored: Scored) -> dict[str, Any]:
    """Returns the precision-recall curve of the malignancy score, and the share of cancers.

    The curve is thinned to even steps of recall; ``cancers`` (0–1) is what a blind guess reaches.
    """
    if not _both_sides(scored):
        return {"recall": [], "precision": [], "cancers": float(scored.malignant.mean())}
    precision, recall, _ = precision_recall_curve(scored.malignant, scored.malignancy)
    precision, recall = precision[::-1], recall[::-1]
    kept = np.unique(np.searchsorted(recall, np.linspace(0, 1, CURVE_POINTS)).clip(0, len(recall) - 1))
    return {
        "recall": recall[kept].round(4).tolist(),
        "precision": precision[kept].round(4).tolist(),
        "cancers": float(scored.malignant.mean()),
    }


def score_histogram(scored: Scored) -> dict[str, list[Any]]:
    """Returns how many cancers and harmless spots got which malignancy, in even bins from 0 to 1."""
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    return {
        "edges": edges.round(4).tolist(),
        "cancer": np.histogram(scored.malignancy[scored.malignant], edges)[0].tolist(),
        "harmless": np.histogram(scored.malignancy[~scored.malignant], edges)[0].tolist(),
    }


def reliability_bins(scored: Scored) -> list[dict[str, float]]:
    """Returns the bins of the reliability diagram of the malignancy score, empty ones left out."""
    return _bins(scored.malignancy, scored.malignant)


def class_reliability_bins(scored: Scored) -> list[dict[str, float]]:
    """Returns the bins of the largest of the seven probabilities against how often it is right."""
    assert scored.probabilities is not None
    return _bins(scored.probabilities.max(axis=1), scored.probabilities.argmax(axis=1) == scored.truth)


def _bins(predicted: np.ndarray, happened: np.ndarray) -> list[dict[str, float]]:
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)
    index = np.clip(np.digitize(predicted, edges) - 1, 0, CALIBRATION_BINS - 1)
    return [
        {
            "low": float(edges[b]),
            "high": float(edges[b + 1]),
            "count": int((index == b).sum()),
            "predicted": float(predicted[index == b].mean()),
            "observed": float(happened[index == b].mean()),
        }
        for b in range(CALIBRATION_BINS)
        if (index == b).any()
    ]


def _both_sides(scored: Scored) -> bool:
    return bool(scored.malignant.any() and not scored.malignant.all())
