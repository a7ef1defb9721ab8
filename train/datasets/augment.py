"""Random views of a training image: one affine resampling, then colour, sharpness and JPEG."""

import math
from typing import Final

import cv2
import numpy as np

# A crop covers 40–115 % of the area of the largest square in the frame. Its width over height
# reaches the 4:3 of a frame that somebody squashed to a square, because such files are uploaded too.
AREA: Final = (0.4, 1.15)
ASPECT: Final = (0.8, 4 / 3)
TILT_DEGREES: Final = 20.0
# Twice as much colour hid the lesion's own and left the network underfitted (see LOG.md).
GAMMA: Final = 0.07
SATURATION: Final = (0.85, 1.15)
CONTRAST: Final = (0.85, 1.18)
BRIGHTNESS: Final = 0.06
TINT: Final = 0.03


def random_view(frame: np.ndarray, aspect: float, size: int, rng: np.random.Generator) -> np.ndarray:
    """Returns one augmented crop in (nearly) true aspect.

    Args:
        frame: ``uint8`` array of shape ``(side, side, 3)``, the whole frame squashed to a square.
        aspect: True width over height of the frame.
        size: Side of the crop in pixels.
        rng: Source of all randomness.

    Returns:
        ``uint8`` array of shape ``(size, size, 3)``.
    """
    frame = _soften(frame, rng)
    view = _random_crop(frame, aspect, size, rng)
    view = _sharpness(view, rng)
    return _jpeg(_colour(view, rng), rng)


def _soften(frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    # One class (vasc) came from a softer copy: softness must not be able to name a class.
    if rng.random() < 0.75:
        return frame
    side = frame.shape[0]
    small = int(side * rng.uniform(0.5, 0.85))
    return cv2.resize(cv2.resize(frame, (small, small), interpolation=cv2.INTER_AREA), (side, side))


def _random_crop(frame: np.ndarray, aspect: float, size: int, rng: np.random.Generator) -> np.ndarray:
    side = frame.shape[0]
    # Lengths are in units of the frame's shorter true side.
    full_width, full_height = max(aspect, 1.0), max(1 / aspect, 1.0)
    length = math.sqrt(rng.uniform(*AREA))
    stretch = math.exp(rng.uniform(math.log(ASPECT[0]), math.log(ASPECT[1])) / 2)
    width, height = min(length * stretch, full_width), min(length / stretch, full_height)
    x = full_width / 2 + (full_width - width) * (rng.beta(2, 2) - 0.5)
    y = full_height / 2 + (full_height - height) * (rng.beta(2, 2) - 0.5)

    angle = math.radians(90 * rng.integers(4) + rng.uniform(-TILT_DEGREES, TILT_DEGREES))
    flip = 1 - 2 * int(rng.integers(2))
    rotate = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    to_pixels = np.diag([side / full_width, side / full_height])
    linear = to_pixels @ rotate @ np.diag([width * flip, height]) / size
    centre = to_pixels @ np.array([x, y]) - 0.5
    offset = centre - linear @ np.full(2, (size - 1) / 2)

    shrink = float(np.sqrt(abs(np.linalg.det(linear))))
    if shrink > 1:  # bilinear sampling alone would alias
        frame = cv2.GaussianBlur(frame, (0, 0), 0.5 * math.sqrt(shrink**2 - 1) + 1e-3)
    return cv2.warpAffine(
        frame,
        np.column_stack([linear, offset]),
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )


def _sharpness(view: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    choice = rng.random()
    if choice > 0.25:
        return view
    blurred = cv2.GaussianBlur(view, (0, 0), rng.uniform(0.4, 1.2))
    if choice < 0.15:
        return blurred
    return cv2.addWeighted(view, 1.7, blurred, -0.7, 0)


def _colour(view: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    x = view.astype(np.float32) / 255
    x = x ** np.float32(math.exp(rng.normal(0, GAMMA)))
    grey = x.mean(axis=2, keepdims=True)
    x = grey + (x - grey) * np.float32(rng.uniform(*SATURATION))
    mean = x.mean()
    x = (x - mean) * np.float32(rng.uniform(*CONTRAST)) + mean
    # Brightness, and the light's colour channel by channel.
    x = x * (math.exp(rng.normal(0, BRIGHTNESS)) * np.exp(rng.normal(0, TINT, 3))).astype(np.float32)
    return (x.clip(0, 1) * 255).astype(np.uint8)


def _jpeg(view: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if rng.random() > 0.2:
        return view
    _, data = cv2.imencode(".jpg", view, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 90))])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
