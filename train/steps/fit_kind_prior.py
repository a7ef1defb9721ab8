"""Fits how much more common cancers are among the photos of a phone than the network was calibrated for.

One number: what is added to the log-odds of cancer. A slope would say how well the network tells cancers
apart, and validation cannot be asked that twice: the network was chosen on these very photos, and separates
them better than those it has never met (``train/LOG.md``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import minimize_scalar

FOLDS: Final = 5
LEAST_GAIN: Final = 0.002
"""Nats a photo, cross-validated, below which nothing is added: so much is chance."""
FEWEST: Final = 20
"""Cancers, and harmless spots, without which there is nothing to fit."""
MOST: Final = 4.0
"""Of the log-odds, up or down: odds that are 55 times as high."""


@dataclass(frozen=True)
class FittedPrior:
    """``log_odds`` to add, what that gains in cross-validated nats a photo, and ``cross_validated (count,)``:
    the malignancy of each photo by a fit without its patient."""

    log_odds: float
    gain: float
    cross_validated: np.ndarray


def fit_kind_prior(
    malignancy: np.ndarray, malignant: np.ndarray, share: np.ndarray, patients: Sequence[str]
) -> FittedPrior:
    """Fits the number, if it helps photos that it was not fitted to.

    Args:
        malignancy: As the network has it, ``(count,)``, 0–1, of photos that it did not learn from.
        malignant: ``bool (count,)``.
        share: How far each counts as a photo of the kind, ``(count,)``, 0–1.
        patients: Of each photo; the cross-validation does not tear them apart.
    """
    nothing = FittedPrior(0.0, 0.0, malignancy)
    if min(malignant.sum(), (~malignant).sum()) < FEWEST:
        return nothing
    chance = np.clip(malignancy, 1e-6, 1 - 1e-6)
    logits = np.log(chance / (1 - chance))
    names, index = np.unique(np.asarray(patients), return_inverse=True)
    folds = np.random.default_rng(0).permutation(len(names))[index] % FOLDS
    held_out = logits.copy()
    for fold in range(FOLDS):
        fitted, left_out = folds != fold, folds == fold
        added = _fit(logits[fitted], malignant[fitted], share[fitted])
        held_out[left_out] += added * share[left_out]
    gain = float(_losses(logits, malignant).mean() - _losses(held_out, malignant).mean())
    if gain < LEAST_GAIN:
        return nothing
    return FittedPrior(_fit(logits, malignant, share), gain, 1 / (1 + np.exp(-held_out)))


def _fit(logits: np.ndarray, malignant: np.ndarray, share: np.ndarray) -> float:
    found = minimize_scalar(
        lambda added: float(_losses(logits + added * share, malignant).mean()),
        bounds=(-MOST, MOST),
        method="bounded",
    )
    return float(found.x)


def _losses(logits: np.ndarray, malignant: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, np.where(malignant, -logits, logits))
