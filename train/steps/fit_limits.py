"""Chooses the limits of the answers, on the worst collection at hand and not on all of them together.

Three limits for each kind of photo. ``signs`` is what nine in ten harmless validation photos do not reach.
Below ``unsure`` a photo gets the all-clear, unless it is ``unusual``: less familiar than nearly all of what
the network was measured on. Home is where the network learned; what holds there does not hold elsewhere, so
the all-clear's limit is the lowest that any collection asks for, and how it does where it has never been is
checked by leaving each out in turn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from webapp.model.contract import PhotoKind, Thresholds

SPECIFICITY: Final = 0.90
"""Of ``signs``, on validation: of those who read it, most have something."""
MISSED_AT_HOME: Final = 0.025
"""At most this share of validation's cancers may end in "no signs"."""
MISSED_UNSEEN: Final = 0.05
"""At most this share of a collection's cancers may, if the limit was chosen without it."""
PRICES: Final = (0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.05, 0.075, 0.1, 1.0)
"""Shares of each collection's cancers that a limit may let through: the highest is taken with which every
collection that is left out misses no more than ``MISSED_UNSEEN``. 1 asks home alone."""
FAMILIAR: Final = 0.95
"""Share of the validation photos of a kind that are not ``unusual``."""
MELANOMAS_SOON: Final = 0.95
"""Of the validation melanomas that are not told "no signs", this share is to be seen within two weeks."""
FEWEST_MELANOMAS: Final = 20
FEWEST_CANCERS: Final = 20
"""A collection with fewer has no say: a single one would move its limit."""


@dataclass(frozen=True)
class Sample:
    """What the network says to photos of one collection that it has not learned from, all of one kind.

    ``malignancy`` (0–1), ``malignant``, ``unfamiliarity`` and ``melanoma``, its probability, are
    ``(count,)``. ``weighed`` is the malignancy with what is known of age, sex and place,
    ``diagnosed_melanoma`` what is one.
    """

    name: str
    kind: PhotoKind
    home: bool
    malignancy: np.ndarray
    malignant: np.ndarray
    unfamiliarity: np.ndarray
    melanoma: np.ndarray = field(default_factory=lambda: np.empty(0))
    diagnosed_melanoma: np.ndarray = field(default_factory=lambda: np.empty(0, bool))
    weighed: np.ndarray | None = None

    def cleared(self, limits: Thresholds) -> np.ndarray:
        """Returns who gets the all-clear, ``bool (count,)``: below its limit with and without details."""
        low = self.malignancy < limits.unsure
        if self.weighed is not None:
            low &= self.weighed < limits.unsure
        return low if limits.unusual is None else low & (self.unfamiliarity <= limits.unusual)


@dataclass(frozen=True)
class Limits:
    """The limits of each kind of photo, and the table from which their price was chosen."""

    thresholds: dict[PhotoKind, Thresholds]
    table: list[dict[str, Any]]


def choose_limits(samples: Sequence[Sample]) -> Limits:
    """Chooses the limits, and works out what other prices would cost.

    Where even the lowest price misses more of a collection that is left out, that price is taken, and the
    table says how many.

    Args:
        samples: One of the dermatoscope's at home at least.
    """
    rows = {price: _row(samples, price) for price in PRICES}
    kept = [price for price, row in rows.items() if _most_missed_unseen(row) <= MISSED_UNSEEN]
    price = max(kept, default=PRICES[0])
    return Limits(
        {kind: thresholds_for(kind, samples, price) for kind in PhotoKind},
        [{**row, "chosen": each == price} for each, row in rows.items()],
    )


def _most_missed_unseen(row: Mapping[str, Any]) -> float:
    """Returns the largest share of cancers missed in any collection that had no say."""
    left_out = [
        found["left_out"]["missed"]
        for found in row["collections"].values()
        if found["left_out"] and found["cancers"] >= FEWEST_CANCERS
    ]
    return max(left_out, default=0.0)


def thresholds_for(kind: PhotoKind, samples: Sequence[Sample], price: float = 1.0) -> Thresholds:
    """Returns the limits for one kind of photo.

    The all-clear's limit of a phone's photo is never above the dermatoscope's: there is one collection of
    such photos at hand, from one place, and other cameras do worse than any other dermatoscope.

    Args:
        kind: Of the photos.
        samples: One of the dermatoscope's at home at least.
        price: Share of each collection's cancers that may get the all-clear; at home never more than
            ``MISSED_AT_HOME``.
    """
    home = _home(kind, samples)
    unusual = float(np.quantile(home.unfamiliarity, FAMILIAR))
    signs = max(float(np.quantile(part, SPECIFICITY)) for part in _of_harmless(home))
    asked = [
        _all_clear(sample, min(price, MISSED_AT_HOME) if sample.home else price, unusual)
        for sample in samples
        if sample.kind in (PhotoKind.DERMATOSCOPE, kind) and sample.malignant.sum() >= FEWEST_CANCERS
    ]
    unsure = min([signs, *asked])
    return Thresholds(signs, unsure, _melanoma_limit(kind, samples, signs, unsure), unusual)


def _home(kind: PhotoKind, samples: Sequence[Sample]) -> Sample:
    """Returns the sample at home of a kind; the dermatoscope's where there is no other."""
    of_kind = [sample for sample in samples if sample.home and sample.kind is kind]
    return of_kind[0] if of_kind else _home(PhotoKind.DERMATOSCOPE, samples)


def _of_harmless(sample: Sample) -> list[np.ndarray]:
    scores = [sample.malignancy] if sample.weighed is None else [sample.malignancy, sample.weighed]
    return [each[~sample.malignant] for each in scores]


def _all_clear(sample: Sample, allowed: float, unusual: float) -> float:
    """Returns the highest limit below which at most this share of the cancers get the all-clear.

    By the photo alone: what details tell can only take the all-clear back. An unusual photo gets none.
    """
    told = sample.malignant & (sample.unfamiliarity <= unusual)
    scores = np.sort(sample.malignancy[told])
    missed = int(np.floor(allowed * sample.malignant.sum() + 1e-9))
    return float(scores[missed]) if missed < len(scores) else 1.0


def _melanoma_limit(kind: PhotoKind, samples: Sequence[Sample], signs: float, unsure: float) -> float | None:
    """Returns the chance of melanoma from which ``unsure`` means two weeks; the dermatoscope's where a kind
    has few melanomas, and ``None`` where there are few at all."""
    found = None
    for home in (_home(kind, samples), _home(PhotoKind.DERMATOSCOPE, samples)):
        told = home.diagnosed_melanoma & (home.malignancy >= unsure)
        if told.sum() >= FEWEST_MELANOMAS:
            late = int(np.floor((1 - MELANOMAS_SOON) * told.sum() + 1e-9))
            # Those with signs are soon whatever the limit is.
            waiting = np.sort(np.where(home.malignancy >= signs, 1.0, home.melanoma)[told])
            found = min(float(waiting[late]), signs)
            break
    return found


def _row(samples: Sequence[Sample], price: float) -> dict[str, Any]:
    """Returns what a price costs: the all-clear's limits, who gets it in each collection, and who where that
    collection has had no say."""
    limits = {kind: thresholds_for(kind, samples, price) for kind in PhotoKind}
    row: dict[str, Any] = {
        "price": price,
        "unsure": {str(kind): found.unsure for kind, found in limits.items()},
        "collections": {},
    }
    for sample in samples:
        others = [other for other in samples if other is not sample]
        row["collections"][sample.name] = {
            "kind": str(sample.kind),
            "cancers": int(sample.malignant.sum()),
            "harmless": int((~sample.malignant).sum()),
            **shares_cleared(sample, limits[sample.kind]),
            "left_out": shares_cleared(sample, thresholds_for(sample.kind, others, price))
            if any(other.home and other.kind is PhotoKind.DERMATOSCOPE for other in others)
            else None,
        }
    return row


def shares_cleared(sample: Sample, limits: Thresholds) -> dict[str, float | None]:
    """Returns which share of the cancers is missed and which of the harmless is spared: both end in
    "no signs". ``None`` of none."""
    cleared = sample.cleared(limits)
    sides = {"missed": sample.malignant, "spared": ~sample.malignant}
    return {name: float(cleared[side].mean()) if side.any() else None for name, side in sides.items()}
