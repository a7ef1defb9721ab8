"""Where the spot probably is: the box from which a person starts to crop."""

from typing import Final

from webapp.answer.spots import Spot, spots_of
from webapp.model.predictor import Predictor
from webapp.photo.imaging import Box, Photo

MARGIN: Final = 0.5
"""Of the spot's longer side, added on each of its sides: the spot fills half of the box, as people are asked
to frame it. On validation frames such boxes hold every lesion that fits into a square; with 0.15 they are
smaller by a sixth, and malignancy AUC on phone photos is .959 instead of .965 (``train/LOG.md``)."""
CLOSER: Final = 2.5
"""The second look is at a square so many times as wide as the spot seems: room for what was missed."""
LEAST: Final = 64
"""Pixels of the side of the least box: less the network cannot judge."""


def propose_box(predictor: Predictor, photo: Photo) -> Box | None:
    """Proposes the part of a photo to look at: looks at all of it, and then closer at the spot that it finds.

    Args:
        predictor: The network, which may know where the spot is.
        photo: As from :func:`webapp.answer.diagnose.read_photo`.

    Returns:
        A square inside the photo, in pixels of the photo as it was sent; ``None`` where no spot is found.
    """
    width, height = photo.size
    whole = (0.0, 0.0, float(width), float(height))
    far = _spot(predictor, photo, whole)
    if far is None:
        return None
    side = CLOSER * _side(far)
    if side >= min(photo.size):  # no closer than before: parts of a large spot would be left out
        return with_margin(far, photo.size)
    close_up = _square(far, side, photo.size)
    return with_margin(_spot(predictor, photo, close_up) or far, photo.size)


def with_margin(spot: Box, size: tuple[int, int]) -> Box:
    """Returns the square to look at of a photo of a size (width, height), all in pixels, whose spot fills the
    box ``spot``."""
    return _square(spot, max((1 + 2 * MARGIN) * _side(spot), LEAST), size)


def _spot(predictor: Predictor, photo: Photo, part: Box) -> Box | None:
    """Returns the box around the spot that weighs most in a part of the photo, in pixels as it was sent."""
    lesion_map = predictor.predict(photo.image, photo.on_image(part)).lesion_map
    found = () if lesion_map is None else spots_of(lesion_map)
    return on_photo(found[0], part) if found else None


def on_photo(spot: Spot, part: Box) -> Box:
    """Returns the box around a spot in the pixels in which ``part``, the looked-at box, is given."""
    left, upper, right, lower = part
    across, down = right - left, lower - upper
    first, top, last, bottom = spot.box
    return left + first * across, upper + top * down, left + last * across, upper + bottom * down


def _side(box: Box) -> float:
    left, upper, right, lower = box
    return max(right - left, lower - upper)


def _square(box: Box, side: float, size: tuple[int, int]) -> Box:
    """Returns the square of a side around a box's middle, moved and made smaller until the photo holds it."""
    side = min(side, *size)
    x, y = (
        min(max((low + high) / 2, side / 2), whole - side / 2)
        for low, high, whole in zip(box[:2], box[2:], size, strict=True)
    )
    return x - side / 2, y - side / 2, x + side / 2, y + side / 2
