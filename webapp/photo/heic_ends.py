"""Whether the pixels of a HEIC hang on the end of its coded data, as those of a whole one do.

HEVC's arithmetic takes whatever comes for some picture, and libheif's strict decoding finds nothing either.
But behind every block it says whether that was the last one: where a part was overwritten, it soon says so
too soon, and the rest of the picture is made up. So the picture is decoded once more with another end; a part
of it that stays the same does without its own. To find that takes as long as to decode it.
"""

import re
import struct
import zlib
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pillow_heif

from webapp.photo.bits import Bits
from webapp.photo.coded_items import kinds_of, places_of, references
from webapp.photo.iso import UNREADABLE, Meta, Place, av1_orientation
from webapp.photo.orientation import inverse, turned_box

_TAIL: Final = 64
"""Bytes at its end that are made others: where those do not count, a part is not whole."""
_LEAST: Final = 256
"""Bytes of data below which a part is flat, and its end may say nothing that is seen."""
_EDGE: Final = 2
"""Pixels at the edge of a tile that mix with the next one's colours."""
_MOST_HIDDEN: Final = 0.5
_PARAMETERS: Final = 33
"""The type of the unit that gives the size of what is coded."""
_BEFORE_NUMBERS: Final = 15
"""Bytes at its begin: its head, and what a decoder must be able to do."""
_OTHER: Final = bytes(range(255, -1, -1))
_ROWS: Final = 64
_LAST_SLICE: Final = 31
"""The last type of HEVC's units (ITU-T H.265, table 7-1) that holds pixels."""
_FILLING: Final = re.compile(rb"(?:\0\0\x03)*\0*\Z")
_MOST_FILLED: Final = 3_000
_SMALLEST: Final = 16
"""Pixels of a side below which a part is not tried."""

Size = tuple[int, int]
Region = tuple[int, int, int, int]
"""Left, upper, right and lower edge in pixels of the upright picture."""


@dataclass(frozen=True)
class Altered:
    """The same file with other ends, the size of its picture, and where in it each part is that has one."""

    data: bytes = field(repr=False)
    size: Size
    regions: tuple[Region, ...]

    def prints(self, frame: pillow_heif.HeifImage) -> list[int]:
        """Returns a checksum of the colours of each part of a decoded picture.

        Raises:
            ValueError: It is of another size, or has no samples of 8 bits.
        """
        channels = len(frame.mode)
        rows = np.frombuffer(frame.data, np.uint8).reshape(-1, frame.stride)
        if frame.size != self.size or ";" in frame.mode:
            raise ValueError("not the picture that its container says")
        return [_print(rows, channels, region) for region in self.regions]

    @staticmethod
    def differs(one: list[int], other: list[int]) -> bool:
        """Whether every part of two pictures differs."""
        return not any(mine == its for mine, its in zip(one, other, strict=True))


def altered(data: bytes) -> Altered | None:
    """Makes the end of each part (the picture, or each of its tiles) another.

    Args:
        data: The whole file.

    Returns:
        ``None`` where no part can be tried: of a picture that is cropped by its container, or too small.
    """
    other, regions = bytearray(data), []
    try:
        meta = Meta.of(data)
        places = places_of(meta)
        size, parts = _parts(meta, places)
        for item, region, rows in parts:
            config = meta.properties(item)[b"hvcC"][0]
            hidden = 1 - rows / _coded_rows(config)
            ((begin, end),) = places[item]
            begin, end = _last_slice(data, begin, end, (config[21] & 3) + 1)
            if end - begin >= _LEAST and hidden <= _MOST_HIDDEN and _is_seen(region):
                begin = end - _TAIL - int((end - begin - _TAIL) * hidden)
                other[begin:end] = data[begin:end].translate(_OTHER)
                regions.append(region)
    except (*UNREADABLE, ValueError):
        return None
    return Altered(bytes(other), size, tuple(regions)) if regions else None


def _print(rows: np.ndarray, channels: int, region: Region) -> int:
    left, upper, right, lower = region
    found = 0
    for top in range(upper, lower, _ROWS):
        part = rows[top : min(top + _ROWS, lower), left * channels : right * channels]
        if channels == 4:
            part = part.reshape(len(part), -1, 4)[..., :3]
        found = zlib.crc32(np.ascontiguousarray(part).data, found)
    return found


def _last_slice(data: bytes, begin: int, end: int, length_size: int) -> Place:
    """Returns where the last unit with pixels of a picture lies, without what only fills it up."""
    found, position = (begin, begin), begin
    while position < end:
        first = position + length_size
        position = first + int.from_bytes(data[position:first])
        if data[first] >> 1 & 63 <= _LAST_SLICE:
            found = first, position
    first, position = found
    filled = _FILLING.search(data[max(first, position - _MOST_FILLED) : position])
    return first, position - len(filled[0]) if filled else position


def _coded_rows(config: bytes) -> int:
    """Returns how many rows of pixels are coded (ITU-T H.265, 7.3.2.2): a picture may show fewer.

    Args:
        config: The content of ``hvcC`` (ISO/IEC 14496-15, 8.3.2.1).
    """
    place = 23
    for _ in range(config[22]):
        kind, count = struct.unpack_from(">BH", config, place)
        length = struct.unpack_from(">H", config, place + 3)[0]
        if kind & 63 == _PARAMETERS:
            unit = config[place + 5 : place + 5 + length].replace(b"\0\0\3", b"\0\0")
            return _rows_of(Bits(unit, 8 * _BEFORE_NUMBERS))
        place += 3
        for _ in range(count):
            place += 2 + struct.unpack_from(">H", config, place)[0]
    raise ValueError("no size")


def _rows_of(bits: Bits) -> int:
    bits.number()  # of the set
    if bits.number() == 3:  # how colours are sampled
        bits.read(1)
    bits.number()
    return bits.number()


def _is_seen(region: Region) -> bool:
    left, upper, right, lower = region
    return right - left >= _SMALLEST and lower - upper >= _SMALLEST


def _parts(meta: Meta, places: dict[int, list[Place]]) -> tuple[Size, list[tuple[int, Region, int]]]:
    """Returns the size of the upright picture; and of each item that is a part of it where that is, and how
    many of its rows are seen."""
    properties = meta.properties(meta.primary)
    size: Size = struct.unpack_from(">II", properties[b"ispe"][0], 4)
    if b"clap" in properties or (b"irot" in properties and b"imir" in properties):
        return size, []
    tile = size
    tiles: tuple[int, ...] = (meta.primary,)
    columns = 1
    if kinds_of(meta)[meta.primary] == b"grid":
        ((begin, _),) = places[meta.primary]
        columns = meta.data[begin + 3] + 1
        tiles = next(to for name, item, to in references(meta) if (name, item) == (b"dimg", meta.primary))
        tile = struct.unpack_from(">II", meta.properties(tiles[0])[b"ispe"][0], 4)
    orientation, parts = av1_orientation(properties), []
    for number, item in enumerate(tiles):
        left, upper = number % columns * tile[0], number // columns * tile[1]
        right, lower = min(left + tile[0], size[0]), min(upper + tile[1], size[1])
        box = left + _EDGE, upper + _EDGE, right - _EDGE, lower - _EDGE
        seen = turned_box(box, size, inverse(orientation))
        region = int(seen[0]), int(seen[1]), int(seen[2]), int(seen[3])
        parts.append((item, region, lower - upper))
    return (size[::-1] if orientation >= 5 else size), parts
