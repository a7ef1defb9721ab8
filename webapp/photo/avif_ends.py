"""Whether the coded data of an AVIF is used up when its picture is complete, as that of a whole one is.

AV1's arithmetic takes whatever comes for some picture; dav1d complains only where data runs out before the
picture is complete. So each part of it is decoded once more without its end, which a whole one needs. Where a
part of the data was overwritten, some is left over, or has run out already. To find that takes as long as to
decode it. Where coders divide a part further (into tiles, from 512 × 512 pixels on), only the last is tried.
"""

import io
import struct
from collections.abc import Iterator
from typing import Final

from PIL import Image

from webapp.photo import iso
from webapp.photo.coded_items import BrokenItem, kinds_of, looked_at, places_of
from webapp.photo.iso import UNREADABLE, Meta, Place

_END: Final = 8
"""Bytes at its end that are cut off; a decoder reads at most 2 beyond what it needs."""
_HAS_SIZE: Final = 2
_PADDING: Final = 15
_WITH_PIXELS: Final = (4, 6)
"""Types of units: a group of tiles, or a frame with its tiles."""


def check(data: bytes) -> None:
    """Looks for coded data that is left over.

    Args:
        data: The whole file, which :func:`webapp.photo.coded_items.check` found nothing in.

    Raises:
        BrokenItem: There is some.
    """
    if any(_is_decoded(part) for part in _shortened(iso.known(data))):
        raise BrokenItem("a part of the picture does without its end")


def _shortened(data: bytes) -> Iterator[bytes]:
    """Yields for each part of the picture a file whose picture it is, without its end."""
    try:
        meta = Meta.of(data)
        kinds, places = kinds_of(meta), places_of(meta)
        left = 2 * _pixels(meta, meta.primary)
        for item in looked_at(meta, kinds):
            left -= _pixels(meta, item)
            if kinds[item] != b"av01" or len(places[item]) != 1 or left < -_pixels(meta, meta.primary):
                continue
            if shortened := _without_end(data, *places[item][0]):
                yield _of_another(shortened, meta.boxes[b"pitm"], item)
    except UNREADABLE:
        return


def _pixels(meta: Meta, item: int) -> int:
    width, height = struct.unpack_from(">II", meta.properties(item)[b"ispe"][0], 4)
    return int(width * height)


def _of_another(data: bytes, pitm: Place, item: int) -> bytes:
    begin, end = pitm
    return data[: begin + 4] + item.to_bytes(end - begin - 4) + data[end:]


def _without_end(data: bytes, begin: int, end: int) -> bytes | None:
    """Shortens the last unit of an item; ``None`` where that cannot be done."""
    last, position = None, begin
    while position < end:
        head = data[position]
        if not head & _HAS_SIZE:
            return None
        size_at = position + 1 + (head >> 2 & 1)
        size, content = _size(data, size_at)
        position = content + size
        if head >> 3 & 15 in _WITH_PIXELS:
            last = size_at, content, position
    if last is None or position != end:
        return None
    size_at, content, position = last
    # Behind the last of the ones that say where the arithmetic ends may be zeros.
    used = len(data[content:position].rstrip(b"\0"))
    if used < 2 * _END:
        return None
    cut, width = content + used - _END, content - size_at
    shorter = _as_size(used - _END, width) + data[content:cut]
    return data[:size_at] + shorter + _padding(position - cut) + data[position:]


def _padding(length: int) -> bytes:
    """Returns a unit that nobody heeds, of so many bytes."""
    return bytes([_PADDING << 3 | _HAS_SIZE]) + _as_size(length - 5, 4) + b"\x80" + bytes(length - 6)


def _size(data: bytes, begin: int) -> tuple[int, int]:
    """Reads a number (leb128, AV1 4.10.5); returns it and where it ends."""
    value = 0
    for place in range(8):
        value |= (data[begin + place] & 127) << 7 * place
        if data[begin + place] < 128:
            return value, begin + place + 1
    raise IndexError


def _as_size(value: int, width: int) -> bytes:
    return bytes(value >> 7 * place & 127 | (128 if place < width - 1 else 0) for place in range(width))


def _is_decoded(data: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(data), formats=["AVIF"]) as image:
            image.load()
    except Exception:  # as in webapp.photo.imaging
        return False
    return True
