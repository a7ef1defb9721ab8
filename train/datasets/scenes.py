"""Photos as people take them, made of frames whose lesion is outlined: small spots, several, none.

HAM10000's frames are close-ups. Here a lesion is lifted off its skin and laid onto as much skin as is
wanted: its own, with the lesion painted over, mirrored at its edges.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from PIL import Image

from train.datasets.dataset import Record, Subset
from train.datasets.frames import in_true_aspect
from train.datasets.masks import Masks

FRAME_SIDE: Final = 300
"""Pixels of a frame's shorter side: a crop of half of it still fills a network's input."""
MOST_COVERED: Final = 0.6
"""A lesion that covers more of its frame leaves too little skin to paint over it with."""
RIM: Final = 60
"""A frame with a darker corner shows the dermatoscope's rim, which no wider photo repeats."""
EDGE: Final = 0.02
"""Of the frame's shorter side: how far a lesion fades into the skin around its outline."""
LARGEST_GAP: Final = 0.04
TRIES: Final = 40
SMALL_SIDES: Final = (0.08, 0.5)
"""Of a lesion among more skin, as shares of the square's side."""
MOST_SPOTS: Final = 5
SKIN_SCALES: Final = (0.5, 1.2)
"""How much skin a view shows: at most twice its frame, or mirror images of the same hair would be many."""


@dataclass(frozen=True)
class OutlinedFrame:
    """A frame in true aspect, ``uint8 (height, width, 3)``, and its lesion, ``bool (height, width)``.

    ``skin`` is the same with the lesion painted over, ``None`` where too little skin is seen for that.
    """

    pixels: np.ndarray
    outline: np.ndarray
    skin: np.ndarray | None

    @property
    def extent(self) -> tuple[float, float, float]:
        """Middle (x, y) of the lesion's bounding box and its longer side, in pixels."""
        rows, columns = np.nonzero(self.outline)
        left, right, upper, lower = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
        return (left + right) / 2, (upper + lower) / 2, float(max(right - left, lower - upper))


def outlined_frames(subset: Subset, masks: Masks) -> Iterator[OutlinedFrame]:
    """Yields the frames whose lesion is outlined."""
    for record, image, mask in masks.images(subset):
        if frame := outlined_frame(record, image, mask):
            yield frame


def outlined_frame(
    record: Record, image: Image.Image, mask: np.ndarray, side: int = FRAME_SIDE
) -> OutlinedFrame | None:
    """Returns a frame with its shorter side scaled to ``side`` pixels; ``None`` if its outline is empty.

    Args:
        record: Of the photo.
        image: The photo as it is stored.
        mask: ``bool (height, width)`` of that.
        side: Of the frame, in pixels.
    """
    frame = in_true_aspect(image, record.aspect)
    scale = side / min(frame.size)
    size = round(frame.width * scale), round(frame.height * scale)
    outline = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    if not outline.any():
        return None
    pixels = cv2.resize(np.asarray(frame), size, interpolation=cv2.INTER_AREA)
    return OutlinedFrame(pixels, outline, _painted_over(pixels, outline))


def _painted_over(pixels: np.ndarray, outline: np.ndarray) -> np.ndarray | None:
    corners = pixels[:: len(pixels) - 1, :: pixels.shape[1] - 1].reshape(4, 3)
    if outline.mean() > MOST_COVERED or corners.mean(axis=1).min() < RIM:
        return None
    height, width = outline.shape
    small = cv2.resize(pixels, (width // 3, height // 3), interpolation=cv2.INTER_AREA)
    reach = round(0.06 * height) | 1
    hidden = cv2.dilate(outline.astype(np.uint8), np.ones((reach, reach), np.uint8))
    hidden_small = cv2.resize(hidden, (width // 3, height // 3), interpolation=cv2.INTER_NEAREST)
    if hidden_small.all():
        return None
    filled = cv2.resize(
        cv2.inpaint(small, hidden_small, 3, cv2.INPAINT_TELEA), (width, height), interpolation=cv2.INTER_CUBIC
    )
    # What is painted has no pores: the grain of the skin beside it goes on over it.
    grain = small.astype(np.float32) - cv2.blur(small, (3, 3))
    spread = float(grain[hidden_small == 0].std())
    noise = np.random.default_rng(int(outline.sum())).normal(0, spread, outline.shape).astype(np.float32)
    filled = filled + cv2.blur(noise, (2, 2))[..., None] * 2
    share = np.maximum(cv2.blur(hidden.astype(np.float32), (9, 9)), hidden)[..., None]
    return (pixels * (1 - share) + filled * share).clip(0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Scene:
    """A square view, ``uint8 (size, size, 3)``, and how much of each pixel is lesion: ``float32`` 0–1."""

    view: np.ndarray
    lesion: np.ndarray


def whole_frame(frame: OutlinedFrame, size: int) -> Scene:
    """Returns all of a frame, squashed to a square, as the app's first look sees a photo."""
    return Scene(
        cv2.resize(frame.pixels, (size, size), interpolation=cv2.INTER_AREA),
        cv2.resize(frame.outline.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA),
    )


def part_of_frame(frame: OutlinedFrame, size: int, rng: np.random.Generator) -> Scene:
    """Returns a square of 50 to 100 % of a frame's shorter side that shows some of its lesion, if it can."""
    height, width = frame.outline.shape
    side = round(rng.uniform(0.5, 1) * min(height, width))
    for _ in range(TRIES):
        left, upper = int(rng.integers(width - side + 1)), int(rng.integers(height - side + 1))
        part = np.s_[upper : upper + side, left : left + side]
        if frame.outline[part].any():
            break
    shown = OutlinedFrame(frame.pixels[part], frame.outline[part], None)
    return whole_frame(shown, size)


def placed(
    skin: OutlinedFrame,
    lesions: Sequence[OutlinedFrame],
    size: int,
    sides: Sequence[float],
    rng: np.random.Generator,
) -> Scene | None:
    """Lays lesions side by side onto skin.

    Args:
        skin: Whose skin is the ground; it has some.
        lesions: What lies on it: of its own or of others, whose colours are brought to this skin's.
        size: Of the view in pixels.
        sides: The longer side of each lesion, as a share of the view's.
        rng: Draws places and turns.

    Returns:
        The scene; ``None`` where no place is left for one of them.
    """
    ground = skin.skin
    assert ground is not None
    height, width = ground.shape[:2]
    # Skin at the scale of the first lesion, if there is one: its pores and hairs are as far away.
    nearest = size / min(height, width)
    scale = size * sides[0] / lesions[0].extent[2] if lesions else nearest * rng.uniform(*SKIN_SCALES)
    scale = max(scale, nearest * SKIN_SCALES[0])
    linear = _turned(rng) / scale
    middle = rng.uniform(0.3, 0.7, 2) * (width, height)
    view = _warped(ground, linear, middle, size, cv2.BORDER_REFLECT_101).astype(np.float32)
    lesion = np.zeros((size, size), np.float32)
    taken: list[tuple[float, float, float]] = []
    for each, side in zip(lesions, sides, strict=True):
        place = _free_place(taken, side, rng)
        if place is None:
            return None
        taken.append((*place, side))
        x, y, extent = each.extent
        turn = _turned(rng) * extent / (size * side)
        # The place in the view that the lesion's middle is to come to.
        centre = np.array([x, y]) + turn @ (np.full(2, 0.5) - place) * size
        layer, share = _lifted(each, ground if each is not skin else None)
        over = _warped(layer, turn, centre, size, cv2.BORDER_REPLICATE).astype(np.float32)
        opaque = _warped(share, turn, centre, size, cv2.BORDER_CONSTANT)[..., None]
        view = view * (1 - opaque) + over * opaque
        shape = _warped(each.outline.astype(np.float32), turn, centre, size, cv2.BORDER_CONSTANT)
        lesion = np.maximum(lesion, shape)
    return Scene(view.clip(0, 255).astype(np.uint8), lesion)


def _free_place(
    taken: Sequence[tuple[float, float, float]], side: float, rng: np.random.Generator
) -> np.ndarray | None:
    for _ in range(TRIES):
        place = rng.uniform(side / 2, 1 - side / 2, 2) if side < 1 else np.full(2, 0.5)
        apart = [
            math.hypot(place[0] - x, place[1] - y) - (side + other) / 2 * 1.1 - LARGEST_GAP
            for x, y, other in taken
        ]
        if min(apart, default=1) > 0:
            return np.asarray(place)
    return None


def _turned(rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0, 2 * math.pi)
    flip = 1 - 2 * int(rng.integers(2))
    return np.array([[math.cos(angle) * flip, -math.sin(angle)], [math.sin(angle) * flip, math.cos(angle)]])


def _lifted(frame: OutlinedFrame, ground: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Returns a lesion in the colours of the ground, and how opaque it is, ``float32`` 0–1."""
    reach = round(2 * EDGE * len(frame.outline)) | 1
    wide = cv2.dilate(frame.outline.astype(np.uint8), np.ones((reach, reach), np.uint8)).astype(np.float32)
    share = cv2.blur(wide, (reach, reach))
    pixels = frame.pixels
    if ground is not None:
        assert frame.skin is not None
        own, other = (each[::4, ::4].mean(axis=(0, 1)) for each in (frame.skin, ground))
        light = other / np.maximum(own, 1)
        pixels = (pixels * light).clip(0, 255).astype(np.uint8)
    return pixels, share


def _warped(
    picture: np.ndarray, linear: np.ndarray, middle: np.ndarray, size: int, border: int
) -> np.ndarray:
    """Samples a picture: ``linear`` maps pixels of the view to pixels of the picture, ``middle`` is seen in
    the view's middle."""
    shrink = float(np.sqrt(abs(np.linalg.det(linear))))
    if shrink > 1:  # bilinear sampling alone would alias
        height, width = picture.shape[:2]
        small = max(2, round(width / shrink)), max(2, round(height / shrink))
        picture = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
        by = np.array([small[0] / width, small[1] / height])
        linear, middle = by[:, None] * linear, by * middle
    offset = middle - 0.5 - linear @ np.full(2, (size - 1) / 2)
    return cv2.warpAffine(
        picture,
        np.column_stack([linear, offset]),
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=border,
    )


def small_side(rng: np.random.Generator) -> float:
    """Draws the side of a lesion among more skin, as a share of the square's: small as often as large."""
    low, high = np.log(SMALL_SIDES)
    return float(np.exp(rng.uniform(low, high)))


def several(
    skin: OutlinedFrame, others: Sequence[OutlinedFrame], size: int, rng: np.random.Generator
) -> Scene | None:
    """Lays two to five lesions of like size side by side; ``None`` where they do not find room."""
    count = int(rng.integers(2, MOST_SPOTS + 1))
    side = rng.uniform(0.1, 0.75 / count**0.6)
    lesions = [others[index] for index in rng.choice(len(others), count)]
    return placed(skin, lesions, size, list(side * rng.uniform(0.7, 1.3, count)), rng)
