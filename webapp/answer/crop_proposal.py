"""Where the spot probably is: the box from which a person starts to crop."""

from typing import Final

import numpy as np

from webapp.model.predictor import Prediction, Predictor
from webapp.photo.imaging import Box, Photo, centre_square

LESION: Final = 0.5
MARGIN: Final = 0.15
"""Of the spot's longer side, added on each of its sides. On validation photos 92 % of the boxes then hold at
least 90 % of the lesion, and have 83 % of the centre square's area; without it 86 and 68 %."""
LEAST: Final = 1 / 3
"""Of the looked-at side: a smaller box would enlarge single places of the map."""


def propose_box(predictor: Predictor, photo: Photo) -> Box:
    """Proposes the part of a photo to look at.

    Args:
        predictor: The network, which may know where the spot is.
        photo: As from :func:`webapp.answer.diagnose.read_photo`.

    Returns:
        A square inside the photo, in pixels of the photo as it was sent.
    """
    whole = (0.0, 0.0, float(photo.image.width), float(photo.image.height))
    found = box_of(predictor.predict(photo.image, whole))
    width, height = photo.size
    if found is None:
        return centre_square(width, height)
    left, upper, right, lower = found
    side = min(max((right - left) * width, (lower - upper) * height), width, height)
    x = min(max((left + right) / 2 * width, side / 2), width - side / 2)
    y = min(max((upper + lower) / 2 * height, side / 2), height - side / 2)
    return x - side / 2, y - side / 2, x + side / 2, y + side / 2


def box_of(prediction: Prediction) -> Box | None:
    """Proposes the part of the looked-at square that holds the spot.

    Args:
        prediction: With a map of the lesion.

    Returns:
        Left, upper, right and lower edge as shares (0–1) of that square; ``None`` where no spot was found.
    """
    lesion_map = prediction.lesion_map
    if lesion_map is None or lesion_map.max() < LESION:
        return None
    rows, columns = np.nonzero(_around_peak(lesion_map >= LESION, int(lesion_map.argmax())))
    height, width = lesion_map.shape
    left, right = columns.min() / width, (columns.max() + 1) / width
    upper, lower = rows.min() / height, (rows.max() + 1) / height
    side = max((1 + 2 * MARGIN) * max(right - left, lower - upper), LEAST)
    left, right = _within(float(left + right) / 2, side)
    upper, lower = _within(float(upper + lower) / 2, side)
    return left, upper, right, lower


def _around_peak(mask: np.ndarray, peak: int) -> np.ndarray:
    """Returns the part of a ``bool (height, width)`` mask that hangs together with one of its places."""
    part = np.zeros_like(mask)
    part.flat[peak] = True
    for _ in range(mask.size):  # each step grows it by one place at most
        grown = part.copy()
        grown[1:] |= part[:-1]
        grown[:-1] |= part[1:]
        grown[:, 1:] |= part[:, :-1]
        grown[:, :-1] |= part[:, 1:]
        grown &= mask
        if (grown == part).all():
            break
        part = grown
    return part


def _within(middle: float, side: float) -> tuple[float, float]:
    side = min(side, 1.0)
    middle = min(max(middle, side / 2), 1 - side / 2)
    return middle - side / 2, middle + side / 2
