"""What the web app makes of a prediction: the limits that hold for it, and whether it refuses to judge.

The only place where measuring asks the contract for them, so that the figures follow the app.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import numpy as np
from PIL import Image

from webapp.assessment import find_reasons
from webapp.contract import Contract, Thresholds
from webapp.imaging import Box, centre_square
from webapp.predictor import Prediction

Kind = Literal["dermatoscope", "phone"]
DERMATOSCOPE: Final = "dermatoscope"
PHONE: Final = "phone"

BoxOf = Callable[[Prediction], Box | None]
"""Proposes the part of the seen square that holds the spot: left, upper, right and lower edge as shares
(0–1) of that square; ``None`` where there is nothing to propose."""


def limits_of(contract: Contract, kind: Kind) -> Thresholds:
    """Returns the limits for photos that are known to be of one kind."""
    thresholds: Any = contract.thresholds
    found: Thresholds = thresholds[kind] if isinstance(thresholds, Mapping) else thresholds
    return found


def limits_for(prediction: Prediction, contract: Contract) -> Thresholds:
    """Returns the limits by which the app judges this photo."""
    thresholds: Any = contract.thresholds
    if not isinstance(thresholds, Mapping):
        return limits_of(contract, DERMATOSCOPE)
    kinds = list(thresholds.values())
    return Thresholds(min(kind.signs for kind in kinds), min(kind.unsure for kind in kinds))


def refused(image: Image.Image, prediction: Prediction, contract: Contract, box: Box | None = None) -> bool:
    """Whether the app answers ``cannot_judge``.

    Args:
        image: The upright RGB photo.
        prediction: What the network said of it.
        contract: Holds the limits of the gate.
        box: The part that the network saw; the centre square if ``None``.
    """
    left, upper, right, lower = box or centre_square(*image.size)
    side = min(right - left, lower - upper)
    return bool(find_reasons(image.size, side, prediction.unfamiliarity, contract.gate.unfamiliarity))


def lesion_map(prediction: Prediction) -> np.ndarray | None:
    """Returns the network's map of the lesion, ``float (height, width)``, 0–1, where it has one."""
    found: np.ndarray | None = getattr(prediction, "lesion_map", None)
    return found


def crop_proposal() -> BoxOf | None:
    """Returns the app's crop proposal; ``None`` while the app has none."""
    try:
        from webapp import crop_proposal as module  # type: ignore[attr-defined, unused-ignore]
    except ImportError:
        return None
    box_of: BoxOf = module.box_of
    return box_of
