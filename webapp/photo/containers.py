"""What PNG, WebP, HEIC and AVIF say about their picture and Pillow does not pass on."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from webapp.photo.orientation import orientation_of

PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
MAX_PNG_CHUNKS: Final = 20_000  # 15 MB in libpng's pieces of 8 kB are 1,900
MAX_BOXES: Final = 10_000  # a phone's HEIC has 200
_IDAT, _IEND = b"IDAT", b"IEND"


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yields name, begin and end of the content of each chunk of a PNG, up to its end."""
    position = len(PNG_SIGNATURE)
    while position + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        if name == _IEND:
            return
        yield name, position + 8, position + 8 + length
        position += 12 + length


def is_hostile_png(data: bytes) -> bool:
    """Whether a PNG has so many chunks that it was made to keep a decoder busy."""
    return any(number >= MAX_PNG_CHUNKS for number, _ in enumerate(png_chunks(data)))


def png_heads(data: bytes) -> dict[bytes, bytes]:
    """Returns the first chunk of each name before a PNG's pixels; browsers heed no later one."""
    heads: dict[bytes, bytes] = {}
    for name, begin, end in png_chunks(data):
        if name == _IDAT:
            break
        heads.setdefault(name, data[begin:end])
    return heads


@dataclass(frozen=True)
class WebP:
    """Width and height, and whether it has several frames."""

    size: tuple[int, int]
    animated: bool


def read_webp(data: bytes) -> WebP | None:
    """Reads a WebP's head; ``None`` if it has none. Pillow takes all memory as soon as it opens one."""
    kind, head = data[12:16], data[20:30]
    if not (data.startswith(b"RIFF") and data[8:12] == b"WEBP" and len(head) == 10):
        return None
    if kind == b"VP8X":
        size = int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1
        return WebP(size, bool(head[0] & 2))
    if kind == b"VP8L" and head[0] == 0x2F:
        bits = int.from_bytes(head[1:5], "little")
        return WebP(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1), False)
    if kind == b"VP8 " and head[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", head, 6)
        return WebP((width & 0x3FFF, height & 0x3FFF), False)
    return None


def iso_properties(data: bytes) -> dict[bytes, list[bytes]]:
    """Returns what a HEIC or AVIF says about its primary picture: the contents of its properties, by name."""
    try:
        meta = _box(data, 0, len(data), b"meta")
        parts = dict(_named(data, meta[0] + 4, meta[1]))
        iprp = dict(_named(data, *parts[b"iprp"]))
        known = list(_named(data, *iprp[b"ipco"]))
        primary = _primary(data, parts[b"pitm"][0])
        properties: dict[bytes, list[bytes]] = {}
        for number in _associated(data, iprp[b"ipma"][0], primary):
            if 1 <= number <= len(known):
                name, (begin, end) = known[number - 1]
                properties.setdefault(name, []).append(data[begin:end])
    except (KeyError, StopIteration, struct.error, IndexError):  # a decoder will tell what is wrong with it
        return {}
    return properties


def _named(data: bytes, begin: int, end: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
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


def _box(data: bytes, begin: int, end: int, wanted: bytes) -> tuple[int, int]:
    return next(place for name, place in _named(data, begin, end) if name == wanted)


def _primary(data: bytes, begin: int) -> int:
    return int(struct.unpack_from(">I" if data[begin] else ">H", data, begin + 4)[0])


def _associated(data: bytes, begin: int, item: int) -> Iterator[int]:
    """Yields the numbers of an item's properties."""
    version, wide = data[begin], data[begin + 3] & 1
    (count,) = struct.unpack_from(">I", data, begin + 4)
    begin += 8
    for _ in range(min(count, MAX_BOXES)):
        (name,) = struct.unpack_from(">I" if version else ">H", data, begin)
        begin += 4 if version else 2
        number = data[begin]
        begin += 1
        for _ in range(number):
            if name == item:
                yield struct.unpack_from(">H", data, begin)[0] & 0x7FFF if wide else data[begin] & 0x7F
            begin += 2 if wide else 1


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
        properties: As from :func:`iso_properties`.
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
