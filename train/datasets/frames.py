"""Stored frames in their true shape, whichever shape they were squashed to."""

from PIL import Image

from train.datasets.dataset import true_centre_square
from webapp.photo.imaging import Box, centre_square


def seen_square(image: Image.Image, aspect: float | None) -> Box:
    """Returns the part of a frame that the app looks at unasked, in pixels of the stored frame."""
    return true_centre_square(image.width, image.height, aspect) or centre_square(*image.size)


def in_true_aspect(image: Image.Image, aspect: float | None) -> Image.Image:
    """Undoes a squash by scaling up, so that a rotation turns shapes without bending them."""
    if aspect is None:
        return image
    size = max(image.size)
    shape = (round(size * aspect), size) if aspect >= 1 else (size, round(size / aspect))
    return image.resize(shape, Image.Resampling.BICUBIC)
