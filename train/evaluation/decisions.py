"""What the thresholds do: sensitivity, specificity, predictive values, and how answers end."""

from collections.abc import Callable
from typing import Any, Final, Literal

import numpy as np

from train.evaluation.metrics import RESAMPLES, Figures, Scored, share, with_intervals
from webapp.answer.assessment import Outcome
from webapp.model.contract import Thresholds
from webapp.model.labels import CLASSES

Point = Literal["signs", "unsure"]
POINTS: Final[tuple[Point, ...]] = ("signs", "unsure")
PREVALENCES: Final = (0.01, 0.05, 0.10, 0.20)
"""Cancers among the spots that are looked at: from people who worry to a dermatologist's referrals."""


def operating_figures(point: Point) -> Callable[[Scored], Figures]:
    """Returns a function for what flagging at an operating point does.

    Sensitivity and specificity of "malignancy ≥ the limit that holds for the photo", melanoma's
    apart, and ``ppv/P`` for each of ``PREVALENCES``: of 1 flagged, how much is cancer where P of the
    spots are (Bayes); ``npv/P``, of 1 not flagged, how much is harmless.
    """
    column = POINTS.index(point)

    def figures(scored: Scored) -> Figures:
        assert scored.limits is not None
        flagged = scored.malignancy >= scored.limits[:, column]
        sensitivity, specificity = share(flagged[scored.malignant]), share(~flagged[~scored.malignant])
        found = {"sensitivity": sensitivity, "specificity": specificity}
        if scored.truth is not None:
            found["melanoma_sensitivity"] = share(flagged[scored.truth == CLASSES.index("mel")])
        for prevalence in PREVALENCES:
            ppv, npv = predictive_values(sensitivity, specificity, prevalence)
            found |= {f"ppv/{prevalence:g}": ppv, f"npv/{prevalence:g}": npv}
        return found

    return figures


def predictive_values(sensitivity: float, specificity: float, prevalence: float) -> tuple[float, float]:
    """Returns the positive and the negative predictive value; NaN where nothing is said."""
    hits, false_alarms = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
    passes, misses = specificity * (1 - prevalence), (1 - sensitivity) * prevalence
    return _ratio(hits, hits + false_alarms), _ratio(passes, passes + misses)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def operating_points(scored: Scored, limits: Thresholds, resamples: int = RESAMPLES) -> dict[str, Any]:
    """Returns the branch ``operating_points`` of a test set.

    Args:
        scored: With ``limits``, by which photos are flagged.
        limits: The contract's for this kind of photo, to be stated beside.
        resamples: Of the bootstrap.
    """
    tree: dict[str, Any] = {}
    for point in POINTS:
        tree[point] = {"threshold": getattr(limits, point), "ppv": {}, "npv": {}}
        for name, found in with_intervals(scored, operating_figures(point), resamples).items():
            group, _, prevalence = name.partition("/")
            if prevalence:
                tree[point][group][prevalence] = found
            else:
                tree[point][group] = found
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
    return {"missed": share(cleared[scored.malignant]), "spared": share(cleared[~scored.malignant])}


def outcome_figures(scored: Scored) -> Figures:
    """Returns ``cancer/<outcome>`` and ``harmless/<outcome>``: how the photos of each end in the app."""
    ends = _ends(scored)
    sides = {"cancer": scored.malignant, "harmless": ~scored.malignant}
    return {
        f"{side}/{outcome}": share(mask[is_side])
        for side, is_side in sides.items()
        for outcome, mask in ends.items()
    }


def outcomes(scored: Scored, resamples: int = RESAMPLES) -> dict[str, dict[str, Any]]:
    """Returns the branch ``outcomes`` of a test set: ``{cancer, harmless}`` → outcome → share."""
    tree: dict[str, dict[str, Any]] = {"cancer": {}, "harmless": {}}
    for name, found in with_intervals(scored, outcome_figures, resamples).items():
        side, outcome = name.split("/")
        tree[side][outcome] = found
    return tree


def answer_figures(scored: Scored) -> Figures:
    """Returns for each answer which share of the photos that get it are cancers; NaN of none."""
    return {
        str(outcome): share(scored.malignant[mask])
        for outcome, mask in _ends(scored).items()
        if outcome is not Outcome.CANNOT_JUDGE
    }


def answers_given(scored: Scored, resamples: int = RESAMPLES) -> dict[str, dict[str, Any]]:
    """Returns the branch ``answers`` of a test set: answer → ``cancers``, their share among who gets it."""
    found = with_intervals(scored, answer_figures, resamples)
    return {outcome: {"cancers": figure} for outcome, figure in found.items()}
