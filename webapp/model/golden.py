"""A picture whose answer is known: the model is asked for it where the app must say that it is ready."""

from typing import Final

import numpy as np
from PIL import Image

from webapp.model.predictor import Prediction

SIDE: Final = 256  # pixels; above every gate for size, and a few milliseconds to look at
TOLERANCE: Final = 0.01  # of a probability; processors with other vector units differ by about 1e-5


def golden_picture() -> Image.Image:
    """Renders a brown spot on light skin, the same on every machine: no random numbers, no files."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float64) / SIDE - 0.5
    wobble = 1 + 0.12 * np.cos(3 * np.arctan2(y, x) + 0.5) + 0.06 * np.cos(7 * np.arctan2(y, x))
    spot = 1 / (1 + np.exp((np.hypot(x, 1.2 * y) - 0.22 * wobble) / 0.02))
    pigment = spot * (0.9 + 0.3 * np.sin(40 * x) * np.sin(40 * y) + 0.5 * x)
    light = np.exp(-pigment[..., np.newaxis] * np.array([0.62, 1.10, 1.38]))  # absorbed in red, green, blue
    return Image.fromarray((np.array([228, 190, 180]) * light).round().clip(0, 255).astype(np.uint8))


def agrees(prediction: Prediction, recorded: tuple[float, ...]) -> bool:
    """Whether a prediction for the golden picture is the one that was recorded with the model."""
    return prediction.probabilities is not None and bool(
        np.allclose(prediction.probabilities, recorded, rtol=0, atol=TOLERANCE)
    )
