"""The spots that the network's map shows: how many there are, where, and how much they cover."""

from dataclasses import dataclass
from typing import Final

import numpy as np

LESION: Final = 0.5
"""From this chance on a place of the map counts as lesion."""
SURE: Final = 0.98
"""A further spot counts from this peak on: hairs and the rim of a lesion make fainter ones."""
LEAST_AREA: Final = 0.003
"""Of the square, that a further spot covers: one of the 576 places of a map is noise."""
REACH: Final = 0.085
"""Of the map's side: parts that are no further apart are one spot. A lesion may pale in between."""


@dataclass(frozen=True, eq=False)
class Spot:
    """A part of the map that hangs together, or nearly so.

    Attributes:
        places: ``bool (height, width)``.
        weight: The sum of the chances in it: large and sure ones weigh most.
        peak: The highest of them.
    """

    places: np.ndarray
    weight: float
    peak: float

    @property
    def area(self) -> float:
        """Which share (0–1) of the square it covers."""
        return float(self.places.mean())

    @property
    def beyond_doubt(self) -> bool:
        """Whether it is sure and large enough to count beside another."""
        return self.peak >= SURE and self.area >= LEAST_AREA

    @property
    def cut_off(self) -> bool:
        """Whether it goes on beyond the edge of the square."""
        left, upper, right, lower = self.box
        return min(left, upper) <= 0 or max(right, lower) >= 1

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, upper, right and lower edge as shares (0–1) of the square."""
        height, width = self.places.shape
        rows, columns = np.nonzero(self.places)
        return (
            float(columns.min() / width),
            float(rows.min() / height),
            float((columns.max() + 1) / width),
            float((rows.max() + 1) / height),
        )


def spots_of(lesion_map: np.ndarray) -> tuple[Spot, ...]:
    """Finds the spots of a map, those that weigh most first.

    Args:
        lesion_map: ``float (height, width)``, 0–1, as :class:`webapp.model.predictor.Prediction` has it.
    """
    left, found = lesion_map >= LESION, []
    while left.any():
        places = _around(left, int(np.argmax(np.where(left, lesion_map, -1))))
        left = left & ~places
        chances = lesion_map[places]
        found.append(Spot(places, float(chances.sum()), float(chances.max())))
    return tuple(sorted(found, key=lambda spot: -spot.weight))


def beside(lesion_map: np.ndarray) -> float:
    """Returns how much of what looks like lesion is further spots beyond doubt: 0 for a single one, 0.5 for
    two alike, 1 for three, more for many.

    From the third on they count twice, because photos of one lesion do show a second. What the edge cuts off
    does not count: stickers, pen and the next lesion look in there (``train/LOG.md``).
    """
    found = spots_of(lesion_map)
    shown = [*found[:1], *(spot for spot in found[1:] if not spot.cut_off)]
    sure = [spot.weight for spot in shown if spot.beyond_doubt]
    return (sum(sure[1:]) + sum(sure[2:])) / sum(spot.weight for spot in shown) if sure[1:] else 0.0


def sureness(lesion_map: np.ndarray) -> float:
    """Returns the chance (0–1) of being lesion where it is highest: low where there is no spot at all."""
    return float(lesion_map.max())


def _around(mask: np.ndarray, start: int) -> np.ndarray:
    """Returns the part of a ``bool (height, width)`` mask that hangs together with one of its places.

    Each place is a bit of one long number, which Python shifts and joins in a tenth of the time that NumPy
    takes for as small a map. Between two rows lie as many empty bits as a step can reach beyond their ends.
    """
    (height, width), steps = mask.shape, max(1, int(REACH * max(mask.shape)))
    row = width + steps
    bits = np.zeros((height, row), bool)
    bits[:, :width] = mask
    allowed = int.from_bytes(np.packbits(bits, bitorder="little").tobytes(), "little")
    part = 1 << (start // width * row + start % width)
    while True:
        grown = part
        for _ in range(steps):
            grown |= grown << row | grown >> row
            grown |= grown << 1 | grown >> 1
        grown &= allowed
        if grown == part:
            break
        part = grown
    packed = np.frombuffer(part.to_bytes(-(-height * row // 8), "little"), np.uint8)
    found = np.unpackbits(packed, count=height * row, bitorder="little").reshape(height, row)
    return found[:, :width].astype(bool)
