"""What the thresholds do: sensitivity, specificity, predictive values, and how answers end."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import numpy as np

from train.evaluation.metrics import Figures, Scored, Share, with_intervals
from webapp.answer.assessment import Outcome
from webapp.model.contract import Thresholds
from webapp.model.labels import CLASSES

Point = Literal["signs", "unsure"]
POINTS: Final[tuple[Point, ...]] = ("signs", "unsure")
PREVALENCES: Final = (0.01, 0.05, 0.10, 0.20)
"""Cancers among the spots that are looked at: from people who worry to a dermatologist's referrals."""


def operating_figures(point: Point) -> Callable[[Scored], Figures]:
    """Returns a function for what flagging at an operating point does: the sensitivity and the specificity of
    "malignancy ≥ the limit that holds for the photo", and melanoma's sensitivity apart.

    A photo that never gets "no signs", because it is unusual or its spot small, has 0 for the limit of
    ``unsure``: it is flagged whatever its malignancy.
    """
    column = POINTS.index(point)

    def figures(scored: Scored) -> Figures:
        assert scored.limits is not None
        flagged = scored.malignancy >= scored.limits[:, column]
        sides = {
            "sensitivity": (flagged, scored.malignant),
            "specificity": (~flagged, ~scored.malignant),
        }
        if scored.truth is not None:
            sides["melanoma_sensitivity"] = (flagged, scored.truth == CLASSES.index("mel"))
        return _shares(scored, sides)

    return figures


def predictive_values(sensitivity: float, specificity: float, prevalence: float) -> tuple[float, float]:
    """Returns the positive and the negative predictive value; NaN where nothing is said."""
    hits, false_alarms = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
    passes, misses = specificity * (1 - prevalence), (1 - sensitivity) * prevalence
    return _ratio(hits, hits + false_alarms), _ratio(passes, passes + misses)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def operating_points(scored: Scored, limits: Thresholds) -> dict[str, Any]:
    """Returns the branch ``operating_points`` of a test set.

    Beside :func:`operating_figures` it has ``ppv`` for each of ``PREVALENCES``: of 1 flagged, how much is
    cancer where so many of the spots are (Bayes); and ``npv``: of 1 not flagged, how much is harmless. Their
    intervals reach from both shares at their low ends to both at their high ends, which is too wide rather
    than too narrow.

    Args:
        scored: With ``limits``, by which photos are flagged.
        limits: The contract's for this kind of photo, to be stated beside.
    """
    tree: dict[str, Any] = {}
    for point in POINTS:
        found = with_intervals(scored, operating_figures(point))
        tree[point] = {"threshold": getattr(limits, point), "ppv": {}, "npv": {}, **found}
        for prevalence in PREVALENCES:
            ends: Mapping[str, tuple[float, float]] = {
                end: predictive_values(found["sensitivity"][end], found["specificity"][end], prevalence)
                for end in ("value", "low", "high")
            }
            for column, name in enumerate(("ppv", "npv")):
                tree[point][name][f"{prevalence:g}"] = {end: values[column] for end, values in ends.items()}
    return tree


def _ends(scored: Scored) -> dict[Outcome, np.ndarray]:
    """Returns which photos end in each outcome, ``bool (count,)``."""
    assert scored.limits is not None and scored.refused is not None
    signs, unsure = (scored.malignancy >= column for column in scored.limits.T)
    judged = ~scored.refused
    return {
        Outcome.SIGNS: judged & signs,
        Outcome.UNSURE: judged & unsure & ~signs,
        Outcome.NO_SIGNS: judged & ~unsure & ~signs,
        Outcome.CANNOT_JUDGE: scored.refused,
    }


def missed_figures(scored: Scored) -> Figures:
    """Returns ``missed``: which share of the cancers ends in "no signs"; ``spared``: of the harmless."""
    cleared = _ends(scored)[Outcome.NO_SIGNS]
    return _shares(scored, {"missed": (cleared, scored.malignant), "spared": (cleared, ~scored.malignant)})


def outcome_figures(scored: Scored) -> Figures:
    """Returns ``cancer/<outcome>`` and ``harmless/<outcome>``: how the photos of each end in the app."""
    ends = _ends(scored)
    sides = {"cancer": scored.malignant, "harmless": ~scored.malignant}
    return _shares(
        scored,
        {
            f"{side}/{outcome}": (mask, is_side)
            for side, is_side in sides.items()
            for outcome, mask in ends.items()
        },
    )


def _shares(scored: Scored, sides: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figures:
    """Returns for each name the share of the second mask's photos that are in the first, too."""
    return {name: Share(mask[part], scored.groups[part]) for name, (mask, part) in sides.items()}


def outcomes(scored: Scored) -> dict[str, dict[str, Any]]:
    """Returns the branch ``outcomes`` of a test set: ``{cancer, harmless}`` → outcome → share."""
    tree: dict[str, dict[str, Any]] = {"cancer": {}, "harmless": {}}
    for name, found in with_intervals(scored, outcome_figures).items():
        side, outcome = name.split("/")
        tree[side][outcome] = found
    return tree


def answer_figures(scored: Scored) -> Figures:
    """Returns for each answer which share of the photos that get it are cancers; NaN of none."""
    return _shares(
        scored,
        {
            str(outcome): (scored.malignant, mask)
            for outcome, mask in _ends(scored).items()
            if outcome is not Outcome.CANNOT_JUDGE
        },
    )


def answers_given(scored: Scored) -> dict[str, dict[str, Any]]:
    """Returns the branch ``answers`` of a test set: answer → ``cancers``, their share among who gets it."""
    found = with_intervals(scored, answer_figures)
    return {outcome: {"cancers": figure} for outcome, figure in found.items()}
