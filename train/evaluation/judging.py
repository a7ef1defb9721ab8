"""What the web app makes of a prediction: the limits that hold for it, and whether it refuses to judge.

The only place where measuring asks the contract for them, so that the figures follow the app.
"""

from typing import Final

import numpy as np
from PIL import Image

from webapp.answer.assessment import Answers, Outcome, assess, find_reasons, photo_cautions
from webapp.model.contract import Contract, PhotoKind, Thresholds
from webapp.model.predictor import Prediction
from webapp.photo.imaging import Box, centre_square

IN_DOUBT: Final = "in_doubt"


def limits_of(contract: Contract, kind: PhotoKind) -> Thresholds:
    """Returns the limits for photos that are known to be of one kind."""
    return contract.thresholds[kind]


def limits_for(prediction: Prediction, contract: Contract) -> Thresholds:
    """Returns the limits by which the app judges this photo."""
    return contract.operating_point(prediction.phone).thresholds


def holding(prediction: Prediction, contract: Contract) -> tuple[float, float]:
    """Returns from which malignancy on this photo is ``signs``, and from which ``unsure``: 0 for one that is
    never ``no_signs``, because it is too unusual or its spot too small."""
    limits = limits_for(prediction, contract)
    return limits.signs, 0.0 if photo_cautions(prediction, limits) else limits.unsure


def kind_of(prediction: Prediction, contract: Contract) -> str:
    """Returns what the app takes a photo for: a :class:`PhotoKind`, or ``in_doubt``."""
    limits = contract.kind_limits
    if prediction.phone is None or limits is None:
        return str(PhotoKind.DERMATOSCOPE)
    if limits.dermatoscope <= prediction.phone <= limits.phone:
        return IN_DOUBT
    return str(contract.operating_point(prediction.phone).kind)


def refused(image: Image.Image, prediction: Prediction, contract: Contract, box: Box | None = None) -> bool:
    """Whether the app answers ``cannot_judge``.

    Args:
        image: The upright RGB photo.
        prediction: What the network said of it.
        contract: Holds the limits of the gate.
        box: The part that the network saw; the centre square if ``None``.
    """
    return outcome_of(image, prediction, contract, box) is Outcome.CANNOT_JUDGE


def outcome_of(
    image: Image.Image, prediction: Prediction, contract: Contract, box: Box | None = None
) -> Outcome:
    """Returns the app's answer to a photo of which nobody said anything; arguments as :func:`refused` has."""
    left, upper, right, lower = box or centre_square(*image.size)
    width, height = right - left, lower - upper
    whole = image.size if box is None else (width, height)
    reasons = find_reasons(whole, min(width, height), prediction, contract.gate)
    point = contract.operating_point(prediction.phone)
    return assess(prediction, point, reasons, Answers()).outcome


def lesion_map(prediction: Prediction) -> np.ndarray | None:
    """Returns the network's map of the lesion, ``float (height, width)``, 0–1, where it has one."""
    return prediction.lesion_map
