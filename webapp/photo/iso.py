"""What HEIC and AVIF say about their picture and Pillow does not pass on (ISO/IEC 23008-12)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Self

from webapp.photo.orientation import orientation_of

MAX_BOXES: Final = 10_000  # a phone's HEIC has 200

Place = tuple[int, int]
"""Begin and end in a file."""

_MOST_BRANDS: Final = 512  # bytes of them; files have 5
_CALLED: Final = frozenset(
    {b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
)
_FIRST: Final = (b"avif", b"heic", b"heix")
"""What a file is called that says of none of these that it is one, but that it is compatible with one."""

UNREADABLE: Final = (KeyError, StopIteration, struct.error, IndexError)
"""What comes of boxes that are none; a decoder will tell what is wrong with them."""


@dataclass(frozen=True)
class Meta:
    """The head of a HEIC or AVIF: where its boxes are, which picture is the primary one, and all properties.

    May raise what stands in ``UNREADABLE``.
    """

    data: bytes = field(repr=False)
    boxes: dict[bytes, Place]
    primary: int
    known: tuple[tuple[bytes, Place], ...]
    associations: dict[int, list[int]]

    @classmethod
    def of(cls, data: bytes) -> Self:
        meta = next(place for name, place in named(data, 0, len(data)) if name == b"meta")
        boxes = dict(named(data, meta[0] + 4, meta[1]))
        iprp = dict(named(data, *boxes[b"iprp"]))
        return cls(
            data,
            boxes,
            _primary(data, boxes[b"pitm"][0]),
            tuple(named(data, *iprp[b"ipco"])),
            _associations(data, iprp[b"ipma"][0]),
        )

    def properties(self, item: int) -> dict[bytes, list[bytes]]:
        """Returns the contents of a picture's properties, by name."""
        found: dict[bytes, list[bytes]] = {}
        for number in self.associations.get(item, []):
            if 1 <= number <= len(self.known):
                name, (begin, end) = self.known[number - 1]
                found.setdefault(name, []).append(self.data[begin:end])
        return found


def known(data: bytes) -> bytes:
    """Returns a file under a name by which decoders know it.

    Browsers look at all that a HEIC or AVIF says it is compatible with, Pillow and libheif at the first.
    """
    if data[4:8] != b"ftyp" or data[8:12] in _CALLED:
        return data
    end = min(int.from_bytes(data[:4]), _MOST_BRANDS)
    brands = {data[place : place + 4] for place in range(16, end, 4)}
    name = next((each for each in _FIRST if each in brands), None)
    return data[:8] + name + data[12:] if name else data


def properties(data: bytes) -> dict[bytes, list[bytes]]:
    """Returns what a HEIC or AVIF says about its primary picture; nothing where that cannot be read."""
    try:
        meta = Meta.of(data)
        return meta.properties(meta.primary)
    except UNREADABLE:
        return {}


def named(data: bytes, begin: int, end: int) -> Iterator[tuple[bytes, Place]]:
    """Yields name and place of the content of each box that stands between two places."""
    for _ in range(MAX_BOXES):
        if begin + 8 > end:
            return
        size, name = struct.unpack_from(">I4s", data, begin)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", data, begin + 8)[0], 16
        size = size or end - begin
        if size < head or begin + size > end:
            return
        yield name, (begin + head, begin + size)
        begin += size


def _primary(data: bytes, begin: int) -> int:
    return int(struct.unpack_from(">I" if data[begin] else ">H", data, begin + 4)[0])


def _associations(data: bytes, begin: int) -> dict[int, list[int]]:
    """Returns the numbers of each item's properties."""
    version, wide = data[begin], data[begin + 3] & 1
    (count,) = struct.unpack_from(">I", data, begin + 4)
    begin += 8
    found: dict[int, list[int]] = {}
    for _ in range(min(count, MAX_BOXES)):
        (item,) = struct.unpack_from(">I" if version else ">H", data, begin)
        begin += 4 if version else 2
        length = data[begin] * (2 if wide else 1)
        numbers = struct.unpack_from(f">{data[begin]}{'H' if wide else 'B'}", data, begin + 1)
        begin += 1 + length
        found.setdefault(item, []).extend(number & (0x7FFF if wide else 0x7F) for number in numbers)
    return found


@dataclass(frozen=True)
class Coded:
    """How the samples of an AVIF are stored: bits, and samples of all channels for each pixel."""

    bits: int
    samples: float


def read_av1(properties: dict[bytes, list[bytes]]) -> Coded:
    """Reads how an AVIF's samples are stored; as large as they come where it does not say."""
    for content in properties.get(b"av1C", []):
        if len(content) >= 3:
            flags = content[2]
            bits = 8 if not flags & 0x40 else 12 if flags & 0x20 else 10
            halved = (flags >> 3 & 1) + (flags >> 2 & 1)
            return Coded(bits, 1.0 if flags & 0x10 else 1 + 2 / 2**halved)
    return Coded(12, 3.0)


def nclx(properties: dict[bytes, list[bytes]]) -> tuple[int, int] | None:
    """Returns the numbers (ITU-T H.273) of primaries and transfer that a HEIC's or AVIF's properties hold."""
    for content in properties.get(b"colr", []):
        if content.startswith(b"nclx") and len(content) >= 8:
            primaries, transfer = struct.unpack_from(">HH", content, 4)
            return primaries, transfer
    return None


def av1_orientation(properties: dict[bytes, list[bytes]]) -> int:
    """Returns how an AVIF lies, as a number of EXIF's; its own EXIF does not count."""
    turn, mirror = (properties.get(name, [b""])[0][:1] for name in (b"irot", b"imir"))
    return orientation_of(turn[0] & 3 if turn else 0, mirror[0] & 1 if mirror else None)


def clean_size(properties: dict[bytes, list[bytes]], size: tuple[int, int]) -> tuple[int, int]:
    """Returns the size to which browsers crop an AVIF (clean aperture): only from its upper left corner.

    Args:
        properties: As from :func:`properties`.
        size: Of the whole picture.
    """
    for content in properties.get(b"clap", []):
        if len(content) < 32:
            break
        numbers = struct.unpack_from(">IIIIiIiI", content)
        tops, bottoms = numbers[::2], numbers[1::2]
        if 0 in bottoms or any(top % bottom for top, bottom in zip(tops[:2], bottoms[:2], strict=True)):
            break
        width, height = tops[0] // bottoms[0], tops[1] // bottoms[1]
        # The middle of the part less the picture's own middle, in pixels.
        at_corner = all(
            2 * top == bottom * (part - whole)
            for top, bottom, part, whole in zip(tops[2:], bottoms[2:], (width, height), size, strict=True)
        )
        if at_corner and 0 < width <= size[0] and 0 < height <= size[1]:
            return width, height
        break
    return size
