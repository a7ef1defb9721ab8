"""Units of AV1: where they are in an AVIF, and the range of an alpha's samples."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from webapp.photo.bits import Bits
from webapp.photo.coded_items import alphas, kinds_of, parts_of, places_of
from webapp.photo.iso import UNREADABLE, Meta

SEQUENCE: Final = 1
FRAME: Final = 6
TILES: Final = 4
_PADDING: Final = 15
"""Types of units (AV1 6.2.2)."""
_HAS_SIZE: Final = 2


@dataclass(frozen=True)
class Unit:
    """One unit: its type, and where its size, its content and its end are in the file."""

    kind: int
    size_at: int
    begin: int
    end: int


def units(data: bytes, begin: int, end: int) -> Iterator[Unit]:
    """Yields the units between two places; may raise ``IndexError``.

    Raises:
        ValueError: One does not say how long it is.
    """
    while begin < end:
        head = data[begin]
        if not head & _HAS_SIZE:
            raise ValueError("a unit without size")
        size_at = begin + 1 + (head >> 2 & 1)
        size, content = _size(data, size_at)
        begin = content + size
        yield Unit(head >> 3 & 15, size_at, content, begin)


def shortened(data: bytes, unit: Unit, length: int) -> bytes:
    """Returns a file with only the begin of a unit's content, and something that nobody heeds behind it.

    Args:
        data: The whole file.
        unit: One of its units.
        length: Of what is kept of it: at least 6 bytes less than it has.
    """
    size = _as_size(length, unit.begin - unit.size_at)
    left_out = unit.end - unit.begin - length
    padding = bytes([_PADDING << 3 | _HAS_SIZE]) + _as_size(left_out - 5, 4) + b"\x80" + bytes(left_out - 6)
    kept = data[unit.begin : unit.begin + length]
    return data[: unit.size_at] + size + kept + padding + data[unit.end :]


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


def with_narrow_alpha(data: bytes) -> bytes:
    """Returns an AVIF that says of its alpha what Chromium 156 takes for granted: samples from 16 to 235.

    It should be the whole range (AV1 Image File Format, 4), and so coders write it. But where a photo is half
    seen through, what a person saw would be another picture, by up to 5 of 255.
    """
    changed = bytearray(data)
    try:
        meta = Meta.of(data)
        kinds, places = kinds_of(meta), places_of(meta)
        for item in parts_of(meta, kinds, alphas(meta)):
            for begin, end in places[item] if kinds[item] == b"av01" else ():
                for unit in units(data, begin, end):
                    if unit.kind == SEQUENCE and (bit := _range_bit(data, unit.begin)) is not None:
                        changed[bit >> 3] &= ~(128 >> (bit & 7))
    except (*UNREADABLE, ValueError):
        return data
    return bytes(changed)


def _range_bit(data: bytes, begin: int) -> int | None:
    """Returns which bit of a file says that a still picture of one channel uses the whole range (AV1 5.5).

    ``None`` for a sequence that could be of moving pictures, which no writer of photos makes of an alpha.
    """
    bits = Bits(data, 8 * begin)
    profile = bits.read(3)
    bits.read(1)
    if not bits.read(1):
        return None
    bits.read(5)
    width, height = bits.read(4) + 1, bits.read(4) + 1
    bits.read(width)
    bits.read(height)
    bits.read(6)  # which tools are used
    deep = bits.read(1)
    if profile == 2 and deep:
        bits.read(1)
    if profile == 1 or not bits.read(1):
        return None
    if bits.read(1):
        bits.read(24)  # which colours
    return bits.position
