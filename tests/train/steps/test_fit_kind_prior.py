"""How much more common cancers are among a phone's photos is found, and nothing is added for nothing."""

import numpy as np
import pytest

from train.evaluation.metrics import calibration_error
from train.steps.fit_kind_prior import fit_kind_prior


def drawn(added: float, count: int = 3000, seed: int = 0):
    """Photos of which a third count half as a phone's, and whose odds of cancer are higher than said."""
    rng = np.random.default_rng(seed)
    logits, share = rng.normal(0, 1.5, count), np.where(np.arange(count) % 3 == 0, 0.5, 1.0)
    malignant = rng.random(count) < 1 / (1 + np.exp(-(logits + added * share)))
    return 1 / (1 + np.exp(-logits)), malignant, share, [str(index // 2) for index in range(count)]


def test_the_shift_is_found_and_the_chances_come_true():
    photos = drawn(1.2)
    fitted = fit_kind_prior(*photos)
    assert fitted.log_odds == pytest.approx(1.2, abs=0.12)
    assert fitted.gain > 0.05
    malignancy, malignant = photos[:2]
    assert calibration_error(malignancy, malignant) > 0.15
    assert calibration_error(fitted.cross_validated, malignant) < 0.04


def test_nothing_is_added_where_the_chances_are_right():
    malignancy, *rest = drawn(0.0)
    fitted = fit_kind_prior(malignancy, *rest)
    assert (fitted.log_odds, fitted.gain) == (0, 0)
    assert (fitted.cross_validated == malignancy).all()


def test_too_few_photos_say_nothing():
    malignancy, malignant, share, patients = drawn(3.0, count=60)
    few = (~malignant).nonzero()[0][:5]
    kept = np.union1d(malignant.nonzero()[0], few)
    assert (
        fit_kind_prior(malignancy[kept], malignant[kept], share[kept], [patients[i] for i in kept]).log_odds
        == 0
    )
