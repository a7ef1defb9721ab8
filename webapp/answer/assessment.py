"""From a prediction to an answer: the outcome, its verdict and its confidence. Pure functions."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from webapp.answer.details import NO_DETAILS, Details, Weighed, weigh
from webapp.answer.spots import LESION, beside, sureness
from webapp.model.contract import Gate, OperatingPoint, Thresholds
from webapp.model.labels import CLASSES
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
    NO_SINGLE_SPOT = "no_single_spot"
    SEVERAL_SPOTS = "several_spots"


class Caution(StrEnum):
    """Why an answer is not ``no_signs`` although the shown number is below the limit."""

    UNUSUAL = "unusual"
    SMALL_SPOT = "small_spot"
    OTHER_SPOT = "other_spot"
    DETAILS = "details"
    SYMPTOMS = "symptoms"


UNRELIABLE: Final = frozenset({Caution.UNUSUAL, Caution.SMALL_SPOT})
"""Where one of these keeps an answer from ``no_signs``, the model saw too little to trust its number."""


class Urgency(StrEnum):
    """When a doctor should look at the spot: within a time, at the next visit (``watch``), or no word on it
    because the photo says nothing (``none``)."""

    ONE_WEEK = "one_week"
    TWO_WEEKS = "two_weeks"
    FOUR_WEEKS = "four_weeks"
    WATCH = "watch"
    NONE = "none"

    @property
    def weeks(self) -> int | None:
        """Within how many weeks; ``None`` if no visit is advised for this."""
        return {Urgency.ONE_WEEK: 1, Urgency.TWO_WEEKS: 2, Urgency.FOUR_WEEKS: 4}.get(self)


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

    Attributes:
        confidence: 0–1: the malignancy for ``signs`` and ``unsure``, 1 − malignancy for ``no_signs`` and
            ``None`` for ``cannot_judge``.
        reasons: Why the photo cannot be judged.
        cautions: Why it is not ``no_signs`` although the malignancy is below the limit.
        urgency: When a doctor should look at the spot.
        malignancy: Calibrated probability of mel + bcc + akiec (0–1), with what the details tell.
        probabilities: As in the prediction, with what the details tell.
        looks_like_melanoma: Whether the chance of melanoma, with or without the details, is above its own
            limit.
        details_counted: Whether the details changed these two; else they are the photo's own.
        prediction: What the network said about the photo alone.
        operating_point: The limits that the photo was held against.
    """

    outcome: Outcome
    verdict: str
    confidence: float | None
    reasons: tuple[Reason, ...]
    cautions: tuple[Caution, ...]
    urgency: Urgency
    malignancy: float
    probabilities: tuple[float, ...] | None
    looks_like_melanoma: bool
    details_counted: bool
    prediction: Prediction
    operating_point: OperatingPoint

    @property
    def reliable(self) -> bool:
        """Whether the malignancy may be relied on; see ``UNRELIABLE``."""
        return not UNRELIABLE & {*self.cautions}

    @property
    def replaceable(self) -> bool:
        """Whether the answer to a larger photo of the same spot counts instead of this one.

        Only where nothing but the spot's size kept it from ``no_signs``: what else speaks against that, no
        photo takes back.
        """
        return self.cautions == (Caution.SMALL_SPOT,) and not self.looks_like_melanoma

    @property
    def raised_by_answers(self) -> bool:
        """Whether the photo, with the details, would have been ``no_signs`` but for the ticked answers."""
        return self.cautions == (Caution.SYMPTOMS,)


MIN_SIDE: Final = 64  # pixels; below this the network would see an enlarged blur
MAX_ASPECT: Final = 4.0  # a narrower strip loses more than three quarters of itself to the centre square


def find_reasons(
    size: tuple[float, float], side: float, prediction: Prediction, gate: Gate
) -> tuple[Reason, ...]:
    """Collects every reason why a photo cannot be judged.

    Args:
        size: Width and height in pixels of the whole photo, of which the network sees the square in the
            middle, or of the box that says what it sees, which is squashed to a square.
        side: Shorter side in pixels of the part that the network sees.
        prediction: What the network said, and how good the photo is.
        gate: The contract's limits.
    """
    quality, unfamiliarity = prediction.quality, prediction.unfamiliarity
    lesion_map = prediction.lesion_map
    found = {
        Reason.TOO_SMALL: side < MIN_SIDE,
        Reason.TOO_NARROW: max(size) > MAX_ASPECT * min(size),
        Reason.TOO_DARK: quality is not None and _above(gate.brightness, quality.brightness),
        Reason.BLURRED: quality is not None and _above(gate.sharpness, quality.sharpness),
        Reason.GLARE: quality is not None and _above(quality.glare, gate.glare),
        Reason.UNFAMILIAR: _above(unfamiliarity, gate.unfamiliarity),
        Reason.NO_SINGLE_SPOT: lesion_map is not None and _above(gate.sureness, sureness(lesion_map)),
        Reason.SEVERAL_SPOTS: lesion_map is not None and _above(beside(lesion_map), gate.beside),
    }
    return tuple(reason for reason, applies in found.items() if applies)


def _above(value: float | None, limit: float | None) -> bool:
    return value is not None and limit is not None and value > limit


def assess(
    prediction: Prediction,
    point: OperatingPoint,
    reasons: tuple[Reason, ...],
    answers: Answers,
    details: Details = NO_DETAILS,
    others: bool = False,
) -> Assessment:
    """Decides the answer for one photo.

    Args:
        prediction: What the network said.
        point: The contract's for this kind of photo.
        reasons: Why the photo cannot be judged; any at all makes it ``cannot_judge``.
        answers: What the person said; any tick raises ``no_signs`` to ``unsure`` and halves the time.
        details: What a doctor would ask. They move the malignancy up or down, but ``no_signs`` must be
            below its limit with and without them.
        others: Whether the photo shows another spot, which was not judged.
    """
    weighed, thresholds = weigh(prediction, details, point.details), point.thresholds
    malignancy = weighed.malignancy
    cautions: tuple[Caution, ...] = ()
    confidence: float | None = malignancy
    if reasons:
        outcome, confidence = Outcome.CANNOT_JUDGE, None
    elif malignancy >= thresholds.signs:
        outcome = Outcome.SIGNS
    elif malignancy >= thresholds.unsure:
        outcome = Outcome.UNSURE
    else:
        cautions = _cautions(prediction, thresholds, answers, others)
        outcome = Outcome.UNSURE if cautions else Outcome.NO_SIGNS
    if outcome is Outcome.NO_SIGNS:
        confidence = 1 - malignancy
    melanoma = _looks_like_melanoma(prediction, weighed, thresholds)
    return Assessment(
        outcome,
        VERDICTS[outcome],
        confidence,
        reasons,
        cautions,
        _urgency(outcome, cautions, answers, melanoma),
        malignancy,
        weighed.probabilities,
        melanoma,
        weighed.counted,
        prediction,
        point,
    )


SMALL: Final = 0.1
"""A spot that covers less than this of the judged square was too far away."""


def covered(prediction: Prediction) -> float | None:
    """Returns which share (0–1) of the judged square its spots cover; ``None`` if the model cannot tell."""
    lesion_map = prediction.lesion_map
    return None if lesion_map is None else float((lesion_map >= LESION).mean())


def photo_cautions(prediction: Prediction, thresholds: Thresholds) -> tuple[Caution, ...]:
    """Returns why a photo is never ``no_signs``, however low its malignancy; see :func:`assess`."""
    found = {
        Caution.UNUSUAL: _above(prediction.unfamiliarity, thresholds.unusual),
        Caution.SMALL_SPOT: _above(SMALL, covered(prediction)),
    }
    return tuple(caution for caution, applies in found.items() if applies)


def _cautions(
    prediction: Prediction, thresholds: Thresholds, answers: Answers, others: bool
) -> tuple[Caution, ...]:
    told = {
        Caution.OTHER_SPOT: others,
        Caution.DETAILS: prediction.malignancy >= thresholds.unsure,
        Caution.SYMPTOMS: answers.any,
    }
    photo = photo_cautions(prediction, thresholds)
    return photo + tuple(caution for caution, applies in told.items() if applies)


def _looks_like_melanoma(prediction: Prediction, weighed: Weighed, thresholds: Thresholds) -> bool:
    if thresholds.melanoma is None or prediction.probabilities is None or weighed.probabilities is None:
        return False
    melanoma = CLASSES.index("mel")
    return max(prediction.probabilities[melanoma], weighed.probabilities[melanoma]) >= thresholds.melanoma


def _urgency(outcome: Outcome, cautions: tuple[Caution, ...], answers: Answers, melanoma: bool) -> Urgency:
    if outcome is Outcome.NO_SIGNS:
        return Urgency.WATCH
    if outcome is Outcome.CANNOT_JUDGE:
        return Urgency.FOUR_WEEKS if answers.any else Urgency.NONE
    sooner = answers.any and cautions != (Caution.SYMPTOMS,)  # else the tick has raised the answer already
    if outcome is Outcome.SIGNS or melanoma:
        return Urgency.ONE_WEEK if sooner else Urgency.TWO_WEEKS
    return Urgency.TWO_WEEKS if sooner else Urgency.FOUR_WEEKS
