"""Which way a photo is up: by its EXIF, and only where and as browsers honour that (tried with Chromium 156).

What a person framed on a page and what the server looks at would otherwise be two different parts. XMP's own
word is nothing to browsers, and neither is EXIF in WebP; HEIC and AVIF say it with properties of their own.
"""

import struct
from typing import Final

from PIL import Image

TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each of EXIF's orientations; from 5 on, a photo lies on its side."""
_TAG: Final = 0x0112
_SHORT: Final = 3


def read_orientation(exif: bytes | None) -> int:
    """Reads how a photo lies.

    Args:
        exif: From its TIFF head on; whatever it is, it never fails.

    Returns:
        1 to 8: of the first entry that is one SHORT and one of these; 1 where there is none.
    """
    if exif is None or exif[:4] not in (b"II*\0", b"MM\0*"):
        return 1
    order = "<" if exif[0] == ord("I") else ">"
    try:
        (begin,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, begin) if begin >= 8 else (0,)
        for index in range(count):
            tag, kind, number, value = struct.unpack_from(order + "HHIH2x", exif, begin + 2 + 12 * index)
            if (tag, kind, number) == (_TAG, _SHORT, 1) and 1 <= value <= 8:
                return int(value)
    except struct.error:  # it was cut off
        pass
    return 1


def orientation_of(quarters: int, axis: int | None) -> int:
    """Returns EXIF's number for the properties of a HEIC or AVIF.

    Args:
        quarters: ``irot``, 0 to 3: quarter turns to the left, which come first.
        axis: ``imir``: mirrored top to bottom (0) or left to right (1); ``None`` if it is not.
    """
    return {None: (1, 8, 3, 6), 0: (4, 5, 2, 7), 1: (2, 7, 4, 5)}[axis][quarters]


def inverse(orientation: int) -> int:
    """Returns the orientation that undoes another."""
    return {6: 8, 8: 6}.get(orientation, orientation)


def turned_box(
    box: tuple[float, float, float, float], size: tuple[int, int], orientation: int
) -> tuple[float, float, float, float]:
    """Says where a box of the upright photo lies in the photo as it is stored.

    Args:
        box: Left, upper, right and lower edge.
        size: Width and height of the upright photo.
        orientation: As from :func:`read_orientation`.
    """
    left, upper, right, lower = box
    width, height = size
    if orientation in (2, 3, 6, 7):
        left, right = width - right, width - left
    if orientation in (3, 4, 7, 8):
        upper, lower = height - lower, height - upper
    return (upper, left, lower, right) if orientation >= 5 else (left, upper, right, lower)
