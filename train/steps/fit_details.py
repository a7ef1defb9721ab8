"""Fits what age, sex and the place on the body add to the log-probabilities of the seven classes.

A multinomial logistic regression whose offset is the network's own log-probability: the coefficients say what
these three tell beyond the photo. Each photo is shown with every combination of its details left out, so that
the same numbers serve whoever tells one of them, two or all; what is left out adds nothing at all. How common
the classes are in a collection is not what a detail tells: an intercept takes that up and is thrown away, and
over the photos of a collection each detail adds 0 on average.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Final

import numpy as np
from scipy.optimize import minimize

from webapp.answer.details import Details, Sex, Site
from webapp.model.contract import DetailOffsets
from webapp.model.labels import CLASSES

AGE_KNOTS: Final = (20.0, 35.0, 50.0, 65.0, 80.0)
"""Years. Of HAM10000's people 4 % are younger than the first and 4 % older than the last."""
PENALTIES: Final = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""L2, in photos' worth of log-loss; cross-validation chooses, and none may be good enough."""
FOLDS: Final = 5
FEWEST: Final = 10
"""Photos with a sex or at a place; where there are fewer, the offsets leave it out."""
LEAST_GAIN: Final = 0.002
"""Nats a photo, below which the details are left out: half a thousandth of the loss is chance."""

INTERCEPT_PENALTY: Final = 0.1
"""Enough for a class of which there is no photo to stay where it is."""

_SITES: Final = tuple(Site)
_SEXES: Final = tuple(Sex)
_FIELDS: Final = ("age", "sex", "site")
_WIDTHS: Final = {"age": len(AGE_KNOTS), "sex": len(_SEXES), "site": len(_SITES)}


@dataclass(frozen=True)
class FittedDetails:
    """Offsets, and what they gain: cross-validated nats a photo, all details told."""

    offsets: DetailOffsets
    gain: float
    penalty: float | None
    cross_validated: np.ndarray
    """``(count, 7)``: log-probabilities with details, each photo's by a fit without its group, and with the
    intercept, which makes the classes as frequent as they are here."""
    weighed: np.ndarray
    """``(count, 7)``: probabilities as the app would give them, each photo's by offsets that were fitted
    without its group."""


def fit_details(
    probabilities: np.ndarray, truth: np.ndarray, details: Sequence[Details], groups: Sequence[str]
) -> FittedDetails:
    """Fits offsets, if they gain anything on photos that they were not fitted to.

    Args:
        probabilities: The network's, calibrated, ``(count, 7)``, of photos that it did not learn from.
        truth: Class indices, ``int (count,)``.
        details: Of each photo.
        groups: Lesions or patients, which are not torn apart by the cross-validation.
    """
    photo = np.log(np.maximum(probabilities, 1e-12))
    columns = design(details)
    folds = _folds(groups)
    # Against a fit of the intercept alone: else the classes' frequencies would pass for what details tell.
    before = _loss(_held_out(photo, truth, np.zeros_like(columns), folds, PENALTIES[0])[0], truth)
    found: list[tuple[float, float, np.ndarray, np.ndarray]] = []
    for penalty in PENALTIES:
        held_out, weighed = _held_out(photo, truth, columns, folds, penalty)
        found.append((before - _loss(held_out, truth), penalty, held_out, weighed))
    gain, best, held_out, weighed = max(found, key=lambda each: each[0])
    if gain < LEAST_GAIN:
        return FittedDetails(DetailOffsets(), 0.0, None, photo, probabilities)
    coefficients, _ = _fit(photo, truth, columns, best)
    offsets = _as_offsets(coefficients, columns.sum(axis=0))
    return FittedDetails(offsets, float(gain), best, held_out, weighed)


def design(details: Sequence[Details]) -> np.ndarray:
    """Returns ``(count, 14)``: shares of the knots around the age, then sex and place as 0 or 1. The columns
    of what is not known are 0."""
    columns = np.zeros((len(details), sum(_WIDTHS.values())))
    first_sex, first_site = len(AGE_KNOTS), len(AGE_KNOTS) + len(_SEXES)
    for row, known in zip(columns, details, strict=True):
        if known.age is not None:
            for knot, at in enumerate(np.eye(len(AGE_KNOTS))):
                row[knot] = np.interp(known.age, AGE_KNOTS, at)
        if known.sex is not None:
            row[first_sex + _SEXES.index(known.sex)] = 1
        if known.site is not None:
            row[first_site + _SITES.index(known.site)] = 1
    return columns


def with_offsets(probabilities: np.ndarray, columns: np.ndarray, offsets: DetailOffsets) -> np.ndarray:
    """Returns probabilities ``(count, 7)`` with what the details tell, as :func:`webapp.answer.details.weigh`
    works out one; ``columns`` are those of :func:`design`."""
    photo = np.log(np.maximum(probabilities, 1e-12))
    return np.exp(_normalised(photo + columns @ _coefficients(offsets)))


def _folds(groups: Sequence[str]) -> np.ndarray:
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    return np.asarray(np.random.default_rng(0).permutation(len(names))[index] % FOLDS)


def _held_out(
    photo: np.ndarray, truth: np.ndarray, columns: np.ndarray, folds: np.ndarray, penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    """Returns log-probabilities with the intercept and probabilities without it, both ``(count, 7)``, each
    photo's by a fit without its group."""
    held_out, weighed = np.empty_like(photo), np.empty_like(photo)
    for fold in range(FOLDS):
        fitted, left_out = folds != fold, folds == fold
        coefficients, intercept = _fit(photo[fitted], truth[fitted], columns[fitted], penalty)
        held_out[left_out] = _normalised(photo[left_out] + intercept + columns[left_out] @ coefficients)
        offsets = _as_offsets(coefficients, columns.sum(axis=0))
        weighed[left_out] = with_offsets(np.exp(photo[left_out]), columns[left_out], offsets)
    return held_out, weighed


def _fit(
    photo: np.ndarray, truth: np.ndarray, columns: np.ndarray, penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    """Returns coefficients ``(14, 7)`` and the intercept ``(7,)``; each photo counts once, spread over what
    it may be told with."""
    parts = [np.column_stack([columns * _mask(told), np.ones(len(photo))]) for told in _combinations()]
    x, base = np.concatenate(parts), np.tile(photo, (len(parts), 1))
    target, weight = np.tile(np.eye(len(CLASSES))[truth], (len(parts), 1)), 1 / len(parts)
    penalties = np.full((x.shape[1], 1), penalty)
    penalties[-1] = INTERCEPT_PENALTY

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        coefficients = flat.reshape(x.shape[1], len(CLASSES))
        logs = _normalised(base + x @ coefficients)
        value = -weight * (target * logs).sum() + (penalties * coefficients**2).sum() / 2
        slope = weight * x.T @ (np.exp(logs) - target) + penalties * coefficients
        return float(value), slope.ravel()

    start = np.zeros(x.shape[1] * len(CLASSES))
    found = minimize(objective, start, jac=True, method="L-BFGS-B")
    solution = found.x.reshape(x.shape[1], len(CLASSES))
    coefficients, intercept = solution[:-1].copy(), solution[-1]
    for told in (_mask((name,)) > 0 for name in _FIELDS):
        known = columns[:, told].any(axis=1)
        if known.any():
            average = (columns[known][:, told] @ coefficients[told]).mean(axis=0)
            coefficients[told] -= average
            intercept = intercept + average * known.mean()
    return coefficients, intercept


def _combinations() -> list[tuple[str, ...]]:
    """Returns every choice of details."""
    return list(chain.from_iterable(combinations(_FIELDS, count) for count in range(len(_FIELDS) + 1)))


def _mask(fields: Sequence[str]) -> np.ndarray:
    return np.concatenate([np.full(width, float(name in fields)) for name, width in _WIDTHS.items()])


def _as_offsets(coefficients: np.ndarray, photos: np.ndarray) -> DetailOffsets:
    rows = [tuple(map(float, row)) for row in coefficients]
    named = [
        {str(name): rows[first + i] for i, name in enumerate(names) if photos[first + i] >= FEWEST}
        for first, names in ((len(AGE_KNOTS), _SEXES), (len(AGE_KNOTS) + len(_SEXES), _SITES))
    ]
    return DetailOffsets(AGE_KNOTS, tuple(rows[: len(AGE_KNOTS)]), *named)


def _coefficients(offsets: DetailOffsets) -> np.ndarray:
    nothing = (0.0,) * len(CLASSES)
    ages = offsets.age_offsets if offsets.age_knots else (nothing,) * len(AGE_KNOTS)
    sexes = [offsets.sex.get(str(name), nothing) for name in _SEXES]
    return np.array([*ages, *sexes, *(offsets.site.get(str(name), nothing) for name in _SITES)])


def _normalised(scores: np.ndarray) -> np.ndarray:
    """Returns logarithms of probabilities that sum to 1."""
    return np.asarray(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True))


def _loss(logs: np.ndarray, truth: np.ndarray) -> float:
    return float(-logs[np.arange(len(truth)), truth].mean())
