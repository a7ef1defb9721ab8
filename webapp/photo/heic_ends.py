"""Whether the pixels of a HEIC hang on the end of its coded data, as those of a whole one do.

HEVC's arithmetic takes whatever comes for some picture, and libheif's strict decoding finds nothing either.
But where a part was overwritten, the data is no longer used up just when the picture is complete. Either a
block is said too soon to be the last one: then another end of the data makes no other picture. Or the data
runs out: then another end is seen far above the picture's, and what is written behind it is seen, too. The
former takes as long as to decode the photo, and so does the latter, which few whole photos need.

Noise in the middle (1, 16 or 600 bytes) was found in 179 of 180 files of 512 × 384 pixels, and no damage in
251 whole ones, half of them flat. x265 codes each row of blocks for itself unless it is told not to: of such
files it was found in 98 of 120. Zeros are found in all (:mod:`webapp.photo.coded_items`). 12 megapixels take
twice the 0.4 seconds of a processor that they took.
"""

import re
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
import pillow_heif

from webapp.photo.bits import Bits
from webapp.photo.coded_items import BrokenItem, Extent, extents_of, kinds_of, references
from webapp.photo.iso import UNREADABLE, Meta, Place, av1_orientation
from webapp.photo.orientation import inverse, turned_box

_TAIL: Final = 64
"""Bytes at the end of a part's data that are made others, or written behind it."""
_MORE: Final = b"\xa5" * _TAIL
_INVERTED: Final = bytes(range(255, -1, -1))
_LEAST: Final = 256
"""Bytes of data below which a part is flat, and its end may say nothing that is seen."""
_EDGE: Final = 2
"""Pixels at the edge of a tile that mix with the next one's colours."""
_SMALLEST: Final = 16
"""Pixels of a side below which a part is not tried."""
_MOST_HIDDEN: Final = 0.5
_ROWS: Final = 16
"""Rows of pixels that are compared at once."""
_BLOCK: Final = 64
"""Pixels of a side of the largest blocks."""
_FILLED_UP: Final = 8
"""Pixels by which a side is filled up: half the smallest block."""
_BLOCKS: Final = _BLOCK + 32
"""Rows that the last ones and the filters between them may take."""
_UNEVEN: Final = 8
"""Where an end is more of the picture than so many times its share of the data, that is looked into."""
_SMALL: Final = 1_500_000
"""Pixels up to which it always is: that takes a tenth of a second."""
_PARAMETERS: Final = 33
_LAST_SLICE: Final = 31
"""Types of HEVC's units (ITU-T H.265, table 7-1): what gives the size, and the last that holds pixels."""
_BEFORE_NUMBERS: Final = 15
"""Bytes at the begin of the former: its head, and what a decoder must be able to do."""
_FILLING: Final = re.compile(rb"(?:\0\0\x03)*\0*\Z")
_MOST_FILLED: Final = 3_000
_AS_CODED: Final[dict[int, Callable[[np.ndarray], np.ndarray]]] = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    6: lambda upright: np.rot90(upright),
    8: lambda upright: np.rot90(upright, -1),
}
"""What undoes each of EXIF's orientations that come of turning or of mirroring."""

Size = tuple[int, int]
Prints = list[list[int]]
"""Of each part of a picture, a checksum of every few rows."""
Region = tuple[int, int, int, int]
"""Left, upper, right and lower edge in pixels of the upright picture."""


@dataclass(frozen=True)
class Part:
    """One part of a picture that has coded data of its own: the picture itself, or one of its tiles.

    Attributes:
        where: In the file, that data is.
        slice: Begin and end of the last piece of it that holds pixels.
        length_size: Bytes before it that say how long it is.
        region: In the upright picture, it is.
        hidden: How much of its data may be of blocks that are not seen, at its end, 0–1.
    """

    where: Extent
    slice: Place
    length_size: int
    region: Region
    hidden: float


@dataclass(frozen=True)
class Ends:
    """A HEIC's parts, the size of its picture, and how (as EXIF says it) what is coded lies."""

    data: bytes = field(repr=False)
    size: Size
    orientation: int
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, data: bytes) -> Self | None:
        """Finds them; ``None`` where none can be tried: all too small, or cropped by the container."""
        try:
            return cls._of(data)
        except (*UNREADABLE, ValueError):
            return None

    @classmethod
    def _of(cls, data: bytes) -> Self | None:
        meta = Meta.of(data)
        extents = extents_of(meta)
        properties = meta.properties(meta.primary)
        if b"clap" in properties or (b"irot" in properties and b"imir" in properties):
            return None
        orientation, parts = av1_orientation(properties), []
        size: Size = struct.unpack_from(">II", properties[b"ispe"][0], 4)
        for item, box in _tiles(meta, extents, size):
            config = meta.properties(item)[b"hvcC"][0]
            (where,) = extents[item]
            length_size = (config[21] & 3) + 1
            coded = _last_slice(data, where.begin, where.end, length_size)
            hidden = _hidden((box[2] - box[0], box[3] - box[1]), _coded_size(config))
            inner = box[0] + _EDGE, box[1] + _EDGE, box[2] - _EDGE, box[3] - _EDGE
            left, upper, right, lower = (int(edge) for edge in turned_box(inner, size, inverse(orientation)))
            is_seen = right - left >= _SMALLEST and lower - upper >= _SMALLEST
            if is_seen and hidden <= _MOST_HIDDEN and coded[1] - coded[0] >= _LEAST:
                parts.append(Part(where, coded, length_size, (left, upper, right, lower), hidden))
        upright = size[::-1] if orientation >= 5 else size
        return cls(data, upright, orientation, tuple(parts)) if parts else None

    def with_others(self) -> bytes:
        """Returns the file with another end of each part."""
        other = bytearray(self.data)
        for part in self.parts:
            begin, end = part.slice
            begin = end - _TAIL - int((end - begin - _TAIL) * part.hidden)
            other[begin:end] = self.data[begin:end].translate(_INVERTED)
        return bytes(other)

    def with_more(self, parts: Sequence[Part]) -> bytes | None:
        """Returns the file with something behind some parts' ends; ``None`` where that has no place."""
        other = bytearray(self.data)
        for part in parts:
            where, (begin, end) = part.where, part.slice
            head, content = self.data[where.begin : begin - part.length_size], self.data[begin:end] + _MORE
            try:
                moved = head + len(content).to_bytes(part.length_size) + content
                where.moved(other, len(other), len(moved))
            except OverflowError:
                return None
            other += moved
        return bytes(other)

    def prints(self, frame: pillow_heif.HeifImage) -> Prints:
        """Returns checksums of the colours of each part of a decoded picture: one of every few rows.

        Raises:
            ValueError: It is of another size, or has no samples of 8 bits.
        """
        rows = np.frombuffer(frame.data, np.uint8).reshape(-1, frame.stride)
        if frame.size != self.size or ";" in frame.mode:
            raise ValueError("not the picture that its container says")
        return [_prints(rows, len(frame.mode), part.region, self.orientation) for part in self.parts]


def compare(ends: Ends, own: Prints, other: Prints) -> list[Part]:
    """Compares a picture with the one that has other ends.

    Args:
        ends: Of the former.
        own: As from :meth:`Ends.prints`, of the picture itself.
        other: Of the one that has other ends.

    Returns:
        The parts that differ from far above their lower end on, or all of a small one: data may have run out.

    Raises:
        BrokenItem: A part does not differ.
    """
    early = []
    for part, mine, its in zip(ends.parts, own, other, strict=True):
        if mine == its:
            raise BrokenItem("a part does without its end")
        same = next(at for at, (one, another) in enumerate(zip(mine, its, strict=True)) if one != another)
        rows = len(mine) * _ROWS
        share = _TAIL / (part.slice[1] - part.slice[0])
        is_small = ends.size[0] * ends.size[1] <= _SMALL
        if is_small or rows - same * _ROWS > _BLOCKS + (_UNEVEN * share + part.hidden) * rows:
            early.append(part)
    return early


def _prints(rows: np.ndarray, channels: int, region: Region, orientation: int) -> list[int]:
    left, upper, right, lower = region
    part = rows[upper:lower, left * channels : right * channels].reshape(lower - upper, -1, channels)
    part = _AS_CODED[orientation](part[..., :3])
    return [zlib.crc32(part[top : top + _ROWS].tobytes()) for top in range(0, len(part), _ROWS)]


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


def _coded_size(config: bytes) -> Size:
    """Returns how many pixels are coded (ITU-T H.265, 7.3.2.2): a picture may show fewer.

    Args:
        config: The content of ``hvcC`` (ISO/IEC 14496-15, 8.3.2.1).
    """
    place = 23
    for _ in range(config[22]):
        kind, count = struct.unpack_from(">BH", config, place)
        length = struct.unpack_from(">H", config, place + 3)[0]
        if kind & 63 == _PARAMETERS:
            unit = config[place + 5 : place + 5 + length].replace(b"\0\0\3", b"\0\0")
            return _size_of(Bits(unit, 8 * _BEFORE_NUMBERS))
        place += 3
        for _ in range(count):
            place += 2 + struct.unpack_from(">H", config, place)[0]
    raise ValueError("no size")


def _size_of(bits: Bits) -> Size:
    bits.number()  # of the set
    if bits.number() == 3:  # how colours are sampled
        bits.read(1)
    return bits.number(), bits.number()


def _hidden(seen: Size, coded: Size) -> float:
    """Returns which share of the data may be of pixels at the end that are not seen."""
    missing = max(0, coded[0] - seen[0]), max(0, coded[1] - seen[1])
    if max(missing) == 0:
        return 0.0
    if max(missing) <= _FILLED_UP:  # of the last block only a part
        return min(1.0, 2 * _BLOCK**2 / (coded[0] * coded[1]))
    return (missing[1] + _BLOCK) / coded[1]  # the last ones of the last row that is seen, too


def _tiles(meta: Meta, extents: dict[int, list[Extent]], size: Size) -> Iterator[tuple[int, Region]]:
    """Yields the items of which the picture is made, and where each is in it before it is turned."""
    tile = size
    tiles: tuple[int, ...] = (meta.primary,)
    columns = 1
    if kinds_of(meta)[meta.primary] == b"grid":
        columns = meta.data[extents[meta.primary][0].begin + 3] + 1
        tiles = next(to for name, item, to in references(meta) if (name, item) == (b"dimg", meta.primary))
        tile = struct.unpack_from(">II", meta.properties(tiles[0])[b"ispe"][0], 4)
    for number, item in enumerate(tiles):
        left, upper = number % columns * tile[0], number // columns * tile[1]
        yield item, (left, upper, min(left + tile[0], size[0]), min(upper + tile[1], size[1]))
