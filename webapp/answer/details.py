"""What a doctor would ask beside looking: age, sex and the place on the body, and how they count."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from webapp.model.contract import DetailOffsets
from webapp.model.labels import CLASSES, MALIGNANT_INDICES
from webapp.model.predictor import Prediction

MAX_AGE: Final = 120


class Sex(StrEnum):
    """As a contract's ``details`` name them."""

    FEMALE = "female"
    MALE = "male"


class Site(StrEnum):
    """Where the spot is, as a contract's ``details`` name the places."""

    HEAD_NECK = "head_neck"
    TRUNK = "trunk"
    ARM = "arm"
    HAND = "hand"
    LEG = "leg"
    FOOT = "foot"
    GENITAL = "genital"


@dataclass(frozen=True)
class Details:
    """Age in years (0–120), sex and place; whatever a person leaves out is ``None``."""

    age: int | None = None
    sex: Sex | None = None
    site: Site | None = None

    @property
    def any(self) -> bool:
        """Whether anything was told."""
        return self != NO_DETAILS


NO_DETAILS: Final = Details()


class InvalidDetail(ValueError):
    """A detail that is none: ``field`` names it (``age``, ``sex`` or ``site``)."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


def read_details(age: str = "", sex: str = "", site: str = "") -> Details:
    """Reads the details as they were typed or sent; an empty text leaves one out.

    Raises:
        InvalidDetail: The age is no whole number from 0 to 120, or the sex or place none of the known ones.
    """
    if age and not (age.isascii() and age.isdigit() and len(age) <= 3 and int(age) <= MAX_AGE):
        raise InvalidDetail("age")
    if sex and sex not in frozenset(Sex):
        raise InvalidDetail("sex")
    if site and site not in frozenset(Site):
        raise InvalidDetail("site")
    return Details(int(age) if age else None, Sex(sex) if sex else None, Site(site) if site else None)


@dataclass(frozen=True)
class Weighed:
    """A prediction once the details have counted: what :class:`webapp.model.predictor.Prediction` says of
    the photo alone, for the photo and the person. ``counted`` is false where nothing was added to it."""

    malignancy: float
    probabilities: tuple[float, ...] | None
    counted: bool


def weigh(prediction: Prediction, details: Details, offsets: DetailOffsets) -> Weighed:
    """Adds what the details tell to the log-probabilities of the seven classes, and lets them sum to 1.

    The coefficients of a logistic regression on the logits, fitted beside the network (``train/LOG.md``).
    A detail that is left out, or that the model has no numbers for, adds nothing: with none left the photo's
    own probabilities come back bit by bit.

    Args:
        prediction: What the network said about the photo.
        details: What the person told.
        offsets: The contract's for this kind of photo.
    """
    added = list(_added(details, offsets))
    if prediction.probabilities is None or not added:
        return Weighed(prediction.malignancy, prediction.probabilities, counted=False)
    # A share of 0 stays next to 0 whatever is added to it, and its logarithm is finite.
    logits = np.log(np.maximum(prediction.probabilities, 1e-12)) + np.sum(added, axis=0)
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    malignancy = min(1.0, float(shares[list(MALIGNANT_INDICES)].sum()))
    return Weighed(malignancy, tuple(map(float, shares)), counted=True)


def _added(details: Details, offsets: DetailOffsets) -> Iterator[Sequence[float]]:
    """Yields seven numbers for each detail that was told and that the model knows."""
    if details.age is not None and offsets.age_knots:
        yield _interpolated(details.age, offsets.age_knots, offsets.age_offsets)
    if details.sex is not None and details.sex in offsets.sex:
        yield offsets.sex[details.sex]
    if details.site is not None and details.site in offsets.site:
        yield offsets.site[details.site]


def _interpolated(
    age: float, knots: Sequence[float], offsets: Sequence[Sequence[float]]
) -> tuple[float, ...]:
    """Reads the offsets at an age; before the first knot and after the last they stay as they are there."""
    upper = bisect_right(knots, age)
    if upper in (0, len(knots)):
        return tuple(offsets[min(upper, len(knots) - 1)])
    share = (age - knots[upper - 1]) / (knots[upper] - knots[upper - 1])
    low, high = offsets[upper - 1], offsets[upper]
    return tuple(low[i] + share * (high[i] - low[i]) for i in range(len(CLASSES)))
