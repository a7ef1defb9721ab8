"""The bundle's figures on a stranger's labelled photos, as a table and as JSON."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from train.evaluation.answers import Answers, scored_classes, scored_malignancy
from train.evaluation.decisions import operating_points, outcomes
from train.evaluation.judging import limits_of
from train.evaluation.metrics import (
    RESAMPLES,
    Scored,
    binary_figures,
    class_figures,
    confusion_counts,
    per_class_figures,
    share_with_interval,
    with_intervals,
)
from webapp.model.contract import Contract, PhotoKind
from webapp.model.labels import CLASSES


def outside_metrics(answers: Answers, contract: Contract, resamples: int = RESAMPLES) -> dict[str, Any]:
    """Returns the figures for photos that have nothing to do with the project.

    Seven-class figures need a ``dx`` for every photo; without them cancer-or-not remains.
    """
    by_class = all(record.dx is not None for record in answers.records)
    scored = scored_classes(answers, contract.decision_weights) if by_class else scored_malignancy(answers)
    tree: dict[str, Any] = {
        "model_version": contract.version,
        "images": len(scored),
        "lesions": len(set(scored.groups)),
        "cancers": int(scored.malignant.sum()),
        **with_intervals(scored, class_figures if by_class else binary_figures, resamples),
        "accepted": share_with_interval(~answers.refused, scored.groups),
        "operating_points": operating_points(scored, limits_of(contract, PhotoKind.DERMATOSCOPE)),
        "outcomes": outcomes(scored),
    }
    if by_class:
        tree["recall"] = _recalls(scored)
        tree["confusion"] = confusion_counts(scored)
    return tree


def _recalls(scored: Scored) -> dict[str, Any]:
    found = with_intervals(scored, per_class_figures)
    return {dx: found[f"{dx}/recall"] for dx in CLASSES}


_FIGURES = (
    ("balanced_accuracy", "balanced accuracy, 7 diagnoses"),
    ("accuracy", "accuracy, 7 diagnoses"),
    ("macro_f1", "macro-F1, 7 diagnoses"),
    ("malignancy_auc", "malignancy AUC"),
    ("melanoma_auc", "melanoma AUC"),
    ("accepted", "accepted by the gate"),
)
_POINT_FIGURES = (
    ("sensitivity", "sensitivity"),
    ("specificity", "specificity"),
    ("melanoma_sensitivity", "melanoma's sensitivity"),
)


def table(tree: Mapping[str, Any]) -> str:
    """Returns the figures of :func:`outside_metrics` as lines of text."""
    head = (
        f"model {tree['model_version']}: {tree['images']} images of {tree['lesions']} lesions, "
        f"{tree['cancers']} images of cancers"
    )
    lines = [f"{name:<42}{_interval(found)}" for name, found in _rows(tree)]
    return "\n".join([head, "", f"{'figure':<42} value   95 % interval", *lines])


def _rows(tree: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from ((name, tree[key]) for key, name in _FIGURES if key in tree)
    for point, found in tree["operating_points"].items():
        name = "signs" if point == "signs" else "signs or unsure"
        yield from ((f"{name}: {label}", found[key]) for key, label in _POINT_FIGURES if key in found)
    for side, ends in tree["outcomes"].items():
        yield f"{side} ending in no signs", ends["no_signs"]
    yield from ((f"recall of {dx}", found) for dx, found in tree.get("recall", {}).items())


def _interval(found: Mapping[str, float]) -> str:
    if math.isnan(found["value"]):
        return " none in these photos"
    return f" {found['value']:.3f}   {found['low']:.3f}–{found['high']:.3f}"
