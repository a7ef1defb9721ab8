"""Where the spot probably is: the box from which a person starts to crop."""

from dataclasses import dataclass
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


@dataclass(frozen=True)
class Proposal:
    """Where to look, and whether that leaves a spot out.

    Attributes:
        box: A square inside the photo, in pixels of the photo as it was sent.
        others: Whether the middle of another whole spot, one beyond doubt, lies outside of the box.
    """

    box: Box
    others: bool = False


def propose_box(predictor: Predictor, photo: Photo) -> Proposal | None:
    """Proposes the part of a photo to look at: looks at all of it, and then closer at the spot that it finds.

    Args:
        predictor: The network, which may know where the spot is.
        photo: As from :func:`webapp.answer.diagnose.read_photo`.

    Returns:
        ``None`` where no spot is found.
    """
    width, height = photo.size
    whole = (0.0, 0.0, float(width), float(height))
    found = _spots(predictor, photo, whole)
    if not found:
        return None
    looks = [(whole, found)]
    spot = on_photo(found[0], whole)
    side = CLOSER * _side(spot)
    if side < min(photo.size):  # else no closer than before: parts of a large spot would be left out
        close_up = _square(spot, side, photo.size)
        if closer := _spots(predictor, photo, close_up):
            looks.append((close_up, closer))
            spot = on_photo(closer[0], close_up)
    box = with_margin(spot, photo.size)
    # Of both looks: what the first takes for one spot, the second may tell apart.
    sure = [on_photo(each, part) for part, spots in looks for each in spots if each.beyond_doubt]
    return Proposal(box, any(_is_left_out(each, box, photo.size) for each in sure))


def with_margin(spot: Box, size: tuple[int, int]) -> Box:
    """Returns the square to look at of a photo of a size (width, height), all in pixels, whose spot fills the
    box ``spot``."""
    return _square(spot, max((1 + 2 * MARGIN) * _side(spot), LEAST), size)


def _spots(predictor: Predictor, photo: Photo, part: Box) -> tuple[Spot, ...]:
    """Returns the spots in a part of the photo, in pixels as it was sent; those that weigh most first."""
    lesion_map = predictor.predict(photo.image, photo.on_image(part)).lesion_map
    return () if lesion_map is None else spots_of(lesion_map)


def _is_left_out(spot: Box, box: Box, size: tuple[int, int]) -> bool:
    """Whether a spot's middle lies outside of the box; one that goes on beyond the photo does not count, see
    :func:`webapp.answer.spots.beside`."""
    left, upper, right, lower = spot
    if min(left, upper) <= 0 or right >= size[0] - 1e-6 or lower >= size[1] - 1e-6:
        return False
    x, y = (left + right) / 2, (upper + lower) / 2
    return not (box[0] <= x <= box[2] and box[1] <= y <= box[3])


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
