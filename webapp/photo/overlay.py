"""The pictures of a result: the photo as the page shows it, and the heat map that lies over it."""

import base64
import io
from dataclasses import dataclass
from typing import Final

import numpy as np
from markupsafe import Markup
from PIL import Image

from webapp.photo.imaging import Box

SHOWN_SIDE: Final = 896  # twice the width of the result's column, for sharp screens; about 100 kB as JPEG
HEAT_MAP_SIDE: Final = 64  # the map has 24 × 24 places at most: more pixels add bytes and time only

# Matplotlib's "plasma" (CC0) at even steps: brightness rises evenly, so that it reads in grey and with
# any colour vision too.
PLASMA: Final = np.array(
    [
        (13, 8, 135),
        (84, 2, 163),
        (139, 10, 165),
        (185, 50, 137),
        (219, 92, 104),
        (244, 136, 73),
        (254, 188, 43),
        (240, 249, 33),
    ],
    np.float32,
)
MOST_OPAQUE: Final = 0.85  # the spot stays visible under the brightest part
_STEPS: Final = np.linspace(0, 1, 256)
_COLOURS: Final = np.stack(
    [np.interp(_STEPS, np.linspace(0, 1, len(PLASMA)), channel) for channel in PLASMA.T], axis=-1
)
_PALETTE: Final = _COLOURS.round().astype(np.uint8).tobytes()
_OPACITY: Final = (_STEPS**0.7 * MOST_OPAQUE * 255).astype(np.uint8).tobytes()


@dataclass(frozen=True)
class Picture:
    """A picture for an ``<img>``: its address and the size to reserve for it, in pixels."""

    uri: Markup
    width: int
    height: int


def shown_photo(image: Image.Image, box: Box | None = None, longest: int = SHOWN_SIDE) -> Picture:
    """Encodes a photo anew for the page; nothing of the sent file but its pixels comes along.

    Args:
        image: RGB photo, as from :func:`webapp.photo.imaging.decode`.
        box: The part to show; the whole photo if ``None``.
        longest: Its longer side in pixels at most.
    """
    left, upper, right, lower = box or (0, 0, *image.size)
    scale = min(1.0, longest / max(right - left, lower - upper))
    size = max(1, round((right - left) * scale)), max(1, round((lower - upper) * scale))
    if scale == 1 and (left, upper, right, lower) == (round(left), round(upper), round(right), round(lower)):
        shown = image.crop((round(left), round(upper), round(right), round(lower)))
    else:
        shown = image.resize(
            size, Image.Resampling.BICUBIC, box=(left, upper, right, lower), reducing_gap=2.0
        )
    shown.info = {}  # Pillow would write a comment of the sent file into the new one
    return Picture(_data_uri(shown, "JPEG", quality=85), *size)


def heat_map(activation_map: np.ndarray) -> Picture:
    """Draws an activation map as a transparent picture to lie over the square that the network saw.

    Args:
        activation_map: ``float32`` array of shape ``(height, width)``, 0–1.

    Returns:
        A PNG from see-through violet (0) to yellow (1).
    """
    size = HEAT_MAP_SIDE, HEAT_MAP_SIDE
    smooth = np.asarray(Image.fromarray(activation_map).resize(size, Image.Resampling.BICUBIC))
    levels = Image.fromarray((np.clip(smooth, 0, 1) * 255).astype(np.uint8)).convert("P")
    levels.putpalette(_PALETTE)
    # More effort makes the file 3 % smaller and takes twice as long.
    return Picture(_data_uri(levels, "PNG", transparency=_OPACITY, compress_level=1), *size)


def peak(activation_map: np.ndarray) -> tuple[int, int] | None:
    """Finds the ninth of the photo in which an activation map is highest.

    Args:
        activation_map: As for :func:`heat_map`.

    Returns:
        Row and column, each 0 to 2; ``None`` if the map is empty.
    """
    if not activation_map.any():
        return None
    height, width = activation_map.shape
    row, column = divmod(int(activation_map.argmax()), width)
    return int(3 * (row + 0.5) / height), int(3 * (column + 0.5) / width)


def _data_uri(image: Image.Image, file_format: str, **options: object) -> Markup:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    encoded = base64.b64encode(buffer.getvalue()).decode()
    # Base64 needs no escaping, and looking through it twice a page would take .3 ms.
    return Markup(f"data:image/{file_format.lower()};base64,{encoded}")
