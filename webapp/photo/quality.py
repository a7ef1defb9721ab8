"""How good a photo is, measured on what the network sees. No judgement: the contract holds the limits."""

from dataclasses import dataclass
from typing import Final

import numpy as np

_LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_WHITE: Final = 250


@dataclass(frozen=True)
class Quality:
    """Of the network's input, in steps of its 0–255 scale.

    Attributes:
        sharpness: Standard deviation of the Laplacian of the luma (Pech-Pacheco et al. 2000).
        brightness: 90th percentile of the luma: of the skin, where a spot covers less than that.
        glare: Share (0–1) of pixels that are white in all three channels.
    """

    sharpness: float
    brightness: float
    glare: float


def measure_quality(pixels: np.ndarray) -> Quality:
    """Measures a photo.

    Args:
        pixels: ``uint8`` array of shape ``(size, size, 3)``, before any exposure is corrected.
    """
    luma = pixels @ _LUMA
    brightness, brightest = _brightness(luma), luma.max()
    # As the network sees it, or a dark photo would count as a blurred one.
    luma *= exposure_gain(brightness)
    laplacian = luma[2:, 1:-1] + luma[:-2, 1:-1]
    laplacian += luma[1:-1, 2:]  # in place: the sum of all five in one line takes half as long again
    laplacian += luma[1:-1, :-2]
    laplacian -= 4 * luma[1:-1, 1:-1]
    return Quality(float(laplacian.std()), brightness, _glare(pixels) if brightest >= _WHITE - 0.5 else 0.0)


def _glare(pixels: np.ndarray) -> float:
    red, green, blue = np.moveaxis(pixels >= _WHITE, 2, 0)  # ten times faster than the least of each three
    return float((red & green & blue).mean())


def measure_brightness(pixels: np.ndarray) -> float:
    """Measures the one part of a photo's quality that its exposure is corrected by."""
    return _brightness(pixels @ _LUMA)


def _brightness(luma: np.ndarray) -> float:
    # What np.percentile(luma, 90) returns, to the bit, in a tenth of its time.
    place = 0.9 * (luma.size - 1)
    below = int(place)
    parted = np.partition(luma, below, axis=None)
    low, high = parted[below], parted[below + 1 :].min()
    share = place - below
    return float(low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share))


DARK: Final = 150.0
"""Brightness below which a photo is brightened to it: 2 % of HAM10000 are darker. At half of its light the
malignancy AUC on validation fell from .912 to .821 without this."""
_MOST: Final = 4.0  # a darker photo has too few of its 256 steps left


def exposure_gain(brightness: float) -> float:
    """Returns what a photo's values are multiplied by: 1 unless it is dark."""
    return min(max(1.0, DARK / max(brightness, 1.0)), _MOST)
