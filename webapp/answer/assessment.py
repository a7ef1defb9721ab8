"""From a prediction to an answer: the outcome, its verdict and its confidence. Pure functions."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from webapp.model.contract import Gate, OperatingPoint
from webapp.model.predictor import Prediction


class Outcome(StrEnum):
    """The four possible answers."""

    SIGNS = "signs"
    UNSURE = "unsure"
    NO_SIGNS = "no_signs"
    CANNOT_JUDGE = "cannot_judge"


VERDICTS: Final = {
    Outcome.SIGNS: "Signs of skin cancer detected",
    Outcome.UNSURE: "Unsure: have it looked at",
    Outcome.NO_SIGNS: "No signs of skin cancer detected",
    Outcome.CANNOT_JUDGE: "This photo cannot be judged",
}
"""One fixed English sentence an outcome, the same on page, command line and API."""


class Reason(StrEnum):
    """Why a photo cannot be judged."""

    TOO_SMALL = "too_small"
    TOO_NARROW = "too_narrow"
    TOO_DARK = "too_dark"
    BLURRED = "blurred"
    GLARE = "glare"
    UNFAMILIAR = "unfamiliar"


@dataclass(frozen=True)
class Answers:
    """What a person said about the spot. Can make an answer more urgent, never less."""

    changed: bool = False
    symptoms: bool = False
    different: bool = False

    @property
    def any(self) -> bool:
        """Whether anything was ticked."""
        return self.changed or self.symptoms or self.different


@dataclass(frozen=True)
class Assessment:
    """The answer for one photo.

    ``confidence`` (0–1) is the malignancy for ``signs`` and ``unsure``, 1 − malignancy for
    ``no_signs`` and ``None`` for ``cannot_judge``. ``raised_by_answers`` says that the photo alone
    would have been ``no_signs``. ``operating_point`` holds the limits that the photo was held against.
    """

    outcome: Outcome
    verdict: str
    confidence: float | None
    reasons: tuple[Reason, ...]
    raised_by_answers: bool
    prediction: Prediction
    operating_point: OperatingPoint


MIN_SIDE: Final = 64  # pixels; below this the network would see an enlarged blur
MAX_ASPECT: Final = 4.0  # a narrower strip loses more than three quarters of itself to the centre square


def find_reasons(
    size: tuple[int, int], side: float, prediction: Prediction, gate: Gate
) -> tuple[Reason, ...]:
    """Collects every reason why a photo cannot be judged.

    Args:
        size: Width and height of the whole photo in pixels.
        side: Shorter side in pixels of the part that the network sees.
        prediction: What the network said, and how good the photo is.
        gate: The contract's limits.
    """
    quality, unfamiliarity = prediction.quality, prediction.unfamiliarity
    found = {
        Reason.TOO_SMALL: side < MIN_SIDE,
        Reason.TOO_NARROW: max(size) > MAX_ASPECT * min(size),
        Reason.TOO_DARK: quality is not None and _above(gate.brightness, quality.brightness),
        Reason.BLURRED: quality is not None and _above(gate.sharpness, quality.sharpness),
        Reason.GLARE: quality is not None and _above(quality.glare, gate.glare),
        Reason.UNFAMILIAR: _above(unfamiliarity, gate.unfamiliarity),
    }
    return tuple(reason for reason, applies in found.items() if applies)


def _above(value: float | None, limit: float | None) -> bool:
    return value is not None and limit is not None and value > limit


def assess(
    prediction: Prediction, point: OperatingPoint, reasons: tuple[Reason, ...], answers: Answers
) -> Assessment:
    """Decides the answer for one photo.

    Args:
        prediction: What the network said.
        point: The contract's for this kind of photo.
        reasons: Why the photo cannot be judged; any at all makes it ``cannot_judge``.
        answers: What the person said; any tick raises ``no_signs`` to ``unsure``.
    """
    malignancy, thresholds = prediction.malignancy, point.thresholds
    raised = False
    confidence: float | None = malignancy
    if reasons:
        outcome, confidence = Outcome.CANNOT_JUDGE, None
    elif malignancy >= thresholds.signs:
        outcome = Outcome.SIGNS
    elif malignancy >= thresholds.unsure:
        outcome = Outcome.UNSURE
    elif answers.any:
        outcome, raised = Outcome.UNSURE, True
    else:
        outcome, confidence = Outcome.NO_SIGNS, 1 - malignancy
    return Assessment(outcome, VERDICTS[outcome], confidence, reasons, raised, prediction, point)
