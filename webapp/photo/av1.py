"""Units of AV1: where they are in an AVIF, and the range of an alpha's samples."""

from collections.abc import Iterator
from typing import Final

from webapp.photo.bits import Bits
from webapp.photo.coded_items import alphas, kinds_of, parts_of, places_of
from webapp.photo.iso import UNREADABLE, Meta

_SEQUENCE: Final = 1
"""The type of the unit that says what all frames have in common (AV1 6.2.2)."""
_HAS_SIZE: Final = 2


def _units(data: bytes, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Yields the type of each unit between two places, and where its content begins.

    Raises:
        ValueError: One does not say how long it is.
    """
    while begin < end:
        head = data[begin]
        if not head & _HAS_SIZE:
            raise ValueError("a unit without size")
        size, content = _size(data, begin + 1 + (head >> 2 & 1))
        yield head >> 3 & 15, content
        begin = content + size


def _size(data: bytes, begin: int) -> tuple[int, int]:
    """Reads a number (leb128, AV1 4.10.5); returns it and where it ends."""
    value = 0
    for place in range(8):
        value |= (data[begin + place] & 127) << 7 * place
        if data[begin + place] < 128:
            return value, begin + place + 1
    raise IndexError


def with_narrow_alpha(data: bytes) -> bytes:
    """Returns an AVIF that says of its alpha what Chromium 156 takes for granted: samples from 16 to 235.

    It should be the whole range (AV1 Image File Format, 4), and so coders write it. But where a photo is half
    seen through, what a person saw would be another picture, by up to 5 of 255.
    """
    if not (bits := alphas_range_bits(data)):
        return data
    changed = bytearray(data)
    for bit in bits:
        changed[bit >> 3] &= ~(128 >> (bit & 7))
    return bytes(changed)


def alphas_range_bits(data: bytes) -> list[int]:
    """Returns which bits of an AVIF say of its alpha that the samples use the whole range."""
    try:
        meta = Meta.of(data)
        kinds, places = kinds_of(meta), places_of(meta)
        found = [
            _range_bit(data, content)
            for item in parts_of(meta, kinds, alphas(meta))
            for begin, end in (places[item] if kinds[item] == b"av01" else ())
            for kind, content in _units(data, begin, end)
            if kind == _SEQUENCE
        ]
    except (*UNREADABLE, ValueError):
        return []
    return [bit for bit in found if bit is not None]


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
