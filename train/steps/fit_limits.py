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
NO_PRIOR: Final[Mapping[PhotoKind, float]] = {}
FAMILIAR: Final = 0.95
"""Share of the validation photos of a kind that are not ``unusual``."""
HURRIED: Final = 1 / 3
"""Of the harmless validation photos that are told "unsure", at most this share is to be seen within two weeks
and not four. Who is told so must be the exception, or two weeks say nothing: among these photos the chance
of melanoma tells melanomas from harmless spots poorly (AUC .59), and a limit that hurries 85 % of the
melanomas hurries 79 % of the harmless (``train/LOG.md``)."""
FEWEST_UNSURE: Final = 20
"""Harmless photos that are told "unsure", without which a kind takes the dermatoscope's limit."""
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


def choose_limits(samples: Sequence[Sample], log_odds: Mapping[PhotoKind, float] = NO_PRIOR) -> Limits:
    """Chooses the limits, and works out what other prices would cost.

    Where even the lowest price misses more of a collection that is left out, that price is taken, and the
    table says how many.

    Args:
        samples: One of the dermatoscope's at home at least.
        log_odds: What each kind adds to the log-odds of malignancy, which the samples hold already.
    """
    rows = {price: _row(samples, price, log_odds) for price in PRICES}
    kept = [price for price, row in rows.items() if _most_missed_unseen(row) <= MISSED_UNSEEN]
    price = max(kept, default=PRICES[0])
    return Limits(
        {kind: thresholds_for(kind, samples, price, log_odds) for kind in PhotoKind},
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


def thresholds_for(
    kind: PhotoKind,
    samples: Sequence[Sample],
    price: float = 1.0,
    log_odds: Mapping[PhotoKind, float] = NO_PRIOR,
) -> Thresholds:
    """Returns the limits for one kind of photo.

    A phone's photo must show as little that speaks for cancer as a dermatoscope's to get the all-clear: there
    is one collection of such photos at hand, from one place, and other cameras do worse than any other
    dermatoscope. What the kind itself adds to the chance is no part of what a photo shows, and is added to
    the dermatoscope's limit.

    Args:
        kind: Of the photos.
        samples: One of the dermatoscope's at home at least.
        price: Share of each collection's cancers that may get the all-clear; at home never more than
            ``MISSED_AT_HOME``.
        log_odds: As :func:`choose_limits` has them.
    """
    home = _home(kind, samples)
    unusual = float(np.quantile(home.unfamiliarity, FAMILIAR))
    signs = max(float(np.quantile(part, SPECIFICITY)) for part in _of_harmless(home))
    asked = [
        _moved(
            _all_clear(sample, min(price, MISSED_AT_HOME) if sample.home else price, unusual),
            log_odds.get(kind, 0) - log_odds.get(sample.kind, 0),
        )
        for sample in samples
        if sample.kind in (PhotoKind.DERMATOSCOPE, kind) and sample.malignant.sum() >= FEWEST_CANCERS
    ]
    # Where the kind has no photos at home, another's decide.
    added = log_odds.get(kind, 0) - log_odds.get(home.kind, 0)
    unsure = min([_moved(signs, added), *asked])
    melanoma = melanoma_limit(home, signs, _moved(unsure, -added))
    return Thresholds(
        _moved(signs, added), unsure, None if melanoma is None else _moved(melanoma, added), unusual
    )


def _moved(limit: float, log_odds: float) -> float:
    """Returns a limit (0–1) for scores to whose log-odds something has been added."""
    if not log_odds:
        return limit  # bit by bit: the score of a cancer lies on it
    odds = limit * np.exp(log_odds)
    return float(odds / (1 - limit + odds))


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


def melanoma_limit(home: Sample, signs: float, unsure: float) -> float | None:
    """Returns the chance of melanoma from which "unsure" means two weeks; ``None`` where too few photos are
    told that."""
    told = ~home.malignant & _is_unsure(home, signs, unsure)
    if told.sum() < FEWEST_UNSURE:
        return None
    hurried = int(HURRIED * told.sum())
    return float(np.sort(home.melanoma[told])[-hurried])


def _is_unsure(sample: Sample, signs: float, unsure: float) -> np.ndarray:
    return (sample.malignancy >= unsure) & (sample.malignancy < signs)


def shares_hurried(sample: Sample, limits: Thresholds) -> dict[str, float]:
    """Returns which share of the melanomas, and of the harmless, that are told "unsure" is to be seen within
    two weeks; a group of which none is told so is left out."""
    if limits.melanoma is None:
        return {}
    unsure, soon = _is_unsure(sample, limits.signs, limits.unsure), sample.melanoma >= limits.melanoma
    groups = {"melanomas": sample.diagnosed_melanoma & unsure, "harmless": ~sample.malignant & unsure}
    return {name: float(soon[group].mean()) for name, group in groups.items() if group.any()}


def _row(samples: Sequence[Sample], price: float, log_odds: Mapping[PhotoKind, float]) -> dict[str, Any]:
    """Returns what a price costs: the all-clear's limits, who gets it in each collection, and who where that
    collection has had no say."""
    limits = {kind: thresholds_for(kind, samples, price, log_odds) for kind in PhotoKind}
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
            "left_out": shares_cleared(sample, thresholds_for(sample.kind, others, price, log_odds))
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
