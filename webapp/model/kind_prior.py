"""How common cancers are among the photos of a kind, put into the probabilities.

The network learned from far more dermatoscopes' photos than phones', and calibration knows how common each
class is among the former. Among a phone's photos cancers are more common: whoever photographs a spot without
a dermatoscope has seen something. So the odds of cancer are multiplied by what the kind asks for (prior
shift; Saerens et al. 2002), and the shares of the classes among the cancers and among the harmless stay.
"""

from collections.abc import Mapping

import numpy as np

from webapp.model.contract import KindLimits, PhotoKind
from webapp.model.labels import MALIGNANT_INDICES


def phone_share(phone: np.ndarray, limits: KindLimits) -> np.ndarray:
    """Returns how far a photo counts as a phone's: 0 for a dermatoscope's, 1 for a phone's, in between where
    its kind is in doubt.

    Args:
        phone: Chance (0–1) of each photo that it is a phone's, ``(count,)``.
        limits: Between which the kind is in doubt.
    """
    room = max(limits.phone - limits.dermatoscope, 1e-6)
    return np.clip((phone - limits.dermatoscope) / room, 0, 1)


def with_kind_prior(
    probabilities: np.ndarray, phone: np.ndarray, limits: KindLimits, log_odds: Mapping[PhotoKind, float]
) -> np.ndarray:
    """Returns probabilities ``float64 (count, 7)`` for as many cancers as there are among photos of a kind.

    Args:
        probabilities: As the network has them, ``(count, 7)``.
        phone: Chance (0–1) of each photo that it is a phone's, ``(count,)``.
        limits: Between which the kind is in doubt.
        log_odds: What each kind adds to the log-odds of malignancy.
    """
    share = phone_share(phone, limits)
    added = (1 - share) * log_odds.get(PhotoKind.DERMATOSCOPE, 0) + share * log_odds.get(PhotoKind.PHONE, 0)
    weighed = probabilities.astype(np.float64)
    weighed[:, MALIGNANT_INDICES] *= np.exp(added)[:, None]
    return np.asarray(weighed / weighed.sum(axis=1, keepdims=True))
