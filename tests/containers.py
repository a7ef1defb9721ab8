"""Puts things into files where Pillow does not: segments, chunks, and properties of pictures."""

import struct
import zlib
from collections.abc import Sequence
from typing import Final

from tests.hazards import png_chunk
from webapp.photo.av1 import alphas_range_bits

PNG_HEAD: Final = 33  # bytes: the signature and IHDR


def jpeg_segment(marker: int, content: bytes) -> bytes:
    """A segment with its length."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def in_jpeg(data: bytes, *segments: bytes) -> bytes:
    """Puts segments behind a JPEG's start."""
    return data[:2] + b"".join(segments) + data[2:]


def icc_segments(profile: bytes) -> list[bytes]:
    """A profile as a JPEG carries it, in pieces."""
    pieces = [profile[start : start + 65_000] for start in range(0, len(profile), 65_000)]
    return [
        jpeg_segment(0xE2, b"ICC_PROFILE\0" + bytes([number, len(pieces)]) + piece)
        for number, piece in enumerate(pieces, 1)
    ]


def in_png(data: bytes, *chunks: bytes) -> bytes:
    """Puts chunks behind a PNG's head."""
    return data[:PNG_HEAD] + b"".join(chunks) + data[PNG_HEAD:]


def behind_png(data: bytes, *chunks: bytes) -> bytes:
    """Puts chunks between a PNG's pixels and its end."""
    return data[:-12] + b"".join(chunks) + data[-12:]


def iccp(profile: bytes) -> bytes:
    """A profile as a PNG carries it."""
    return png_chunk(b"iCCP", b"icc\0\0" + zlib.compress(profile))


def exif(entries: Sequence[tuple[int, int, int, bytes]], order: str = "<") -> bytes:
    """EXIF of one directory; an entry is tag, type, count and its four bytes."""
    body = b"".join(
        struct.pack(order + "HHI", tag, kind, count) + value for tag, kind, count, value in entries
    )
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return head + struct.pack(order + "H", len(entries)) + body + bytes(4)


def orientation(value: int, kind: int = 3, count: int = 1, order: str = "<") -> bytes:
    """EXIF that says nothing but how a photo lies: as a SHORT (3), BYTE (1) or LONG (4)."""
    form = {1: "B3x", 3: "H2x", 4: "I", 6: "b3x", 8: "h2x", 9: "i"}[kind]
    return exif([(0x0112, kind, count, struct.pack(order + form, value))], order)


def in_webp(data: bytes, **chunks: bytes) -> bytes:
    """Puts chunks into a WebP that has an extended header (Pillow writes one for EXIF)."""
    assert data[12:16] == b"VP8X"
    body = data[12:]
    for name, content in chunks.items():
        body += name.encode().ljust(4) + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def boxes(data: bytes, start: int, end: int) -> list[tuple[bytes, int, int, int]]:
    """The boxes of an ISO media file between two places: name, place, place of the content, end."""
    found = []
    while start + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, start)
        found.append((name, start, start + 8, start + size))
        start += size
    return found


def with_properties(data: bytes, *properties: bytes, without: Sequence[bytes] = ()) -> bytes:
    """Gives every picture of a HEIC or AVIF further properties (whole boxes), all of them essential.

    Args:
        data: As Pillow or pillow-heif writes it: offsets of 4 bytes, one extent an item.
        properties: What is added, in this order.
        without: Names of properties that are made unknown instead.
    """
    (meta,) = [each for each in boxes(data, 0, len(data)) if each[0] == b"meta"]
    inner = {each[0]: each for each in boxes(data, meta[2] + 4, meta[3])}
    iprp = inner[b"iprp"]
    parts = {each[0]: each for each in boxes(data, iprp[2], iprp[3])}
    ipco, ipma = parts[b"ipco"], parts[b"ipma"]
    known = boxes(data, ipco[2], ipco[3])
    kept = b"".join(
        data[place : place + 4] + (b"skip" if name in without else name) + data[content:end]
        for name, place, content, end in known
    )
    numbers = bytes(0x80 | (len(known) + 1 + index) for index in range(len(properties)))
    new_ipco = box(b"ipco", kept + b"".join(properties))
    version, flags = data[ipma[2]], data[ipma[2] + 3]
    assert not flags & 1
    (count,) = struct.unpack_from(">I", data, ipma[2] + 4)
    position, entries = ipma[2] + 8, b""
    width = 2 if version == 0 else 4
    for _ in range(count):
        item, number = data[position : position + width], data[position + width]
        own = data[position + width + 1 : position + width + 1 + number]
        own = bytes(index & 0x7F if known[(index & 0x7F) - 1][0] in without else index for index in own)
        entries += item + bytes([number + len(numbers)]) + own + numbers
        position += width + 1 + number
    new_ipma = box(b"ipma", data[ipma[2] : ipma[2] + 8] + entries)
    new_iprp = box(b"iprp", new_ipco + new_ipma)
    grown = len(new_iprp) - (iprp[3] - iprp[1])
    content = bytearray(data[meta[2] : iprp[1]] + new_iprp + data[iprp[3] : meta[3]])
    new_meta = bytearray(box(b"meta", bytes(content)))
    whole = data[: meta[1]] + bytes(new_meta) + data[meta[3] :]
    return _moved(whole, grown)


def box(name: bytes, content: bytes) -> bytes:
    """A box of an ISO media file with its length."""
    return struct.pack(">I", len(content) + 8) + name + content


def _moved(data: bytes, by: int) -> bytes:
    """Adds to every offset of the items' locations."""
    (meta,) = [each for each in boxes(data, 0, len(data)) if each[0] == b"meta"]
    (iloc,) = [each for each in boxes(data, meta[2] + 4, meta[3]) if each[0] == b"iloc"]
    moved, place = bytearray(data), iloc[2]
    version, sizes = data[place], struct.unpack_from(">H", data, place + 4)[0]
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    index_size = index_size if version in (1, 2) else 0
    place += 6
    count = struct.unpack_from(">I" if version == 2 else ">H", data, place)[0]
    place += 4 if version == 2 else 2
    for _ in range(count):
        place += 4 if version == 2 else 2
        method = struct.unpack_from(">H", data, place)[0] & 15 if version in (1, 2) else 0
        place += (2 if version in (1, 2) else 0) + 2
        base = int.from_bytes(data[place : place + base_size])
        if base and method == 0:
            moved[place : place + base_size] = (base + by).to_bytes(base_size)
        place += base_size
        (extents,) = struct.unpack_from(">H", data, place)
        place += 2
        for _ in range(extents):
            place += index_size
            offset = int.from_bytes(data[place : place + offset_size])
            if method == 0 and not base:
                moved[place : place + offset_size] = (offset + by).to_bytes(offset_size)
            place += offset_size + length_size
    return bytes(moved)


def nclx(primaries: int, transfer: int, matrix: int = 6, full: bool = True) -> bytes:
    """The property that says by numbers (ITU-T H.273) which colours a picture has."""
    return box(b"colr", b"nclx" + struct.pack(">HHHB", primaries, transfer, matrix, 0x80 * full))


def icc_property(profile: bytes, kind: bytes = b"prof") -> bytes:
    """The property that holds a profile."""
    return box(b"colr", kind + profile)


def turned(quarters: int) -> bytes:
    """The property that turns a picture to the left by quarters."""
    return box(b"irot", bytes([quarters]))


def mirrored(axis: int) -> bytes:
    """The property that mirrors a picture: top to bottom (0) or left to right (1)."""
    return box(b"imir", bytes([axis]))


def cropped(size: tuple[int, int], to: tuple[int, int, int, int]) -> bytes:
    """The property (clean aperture) that shows a part of a picture: left, upper, right and lower edge."""
    left, upper, right, lower = to
    across, down = left + right - size[0], upper + lower - size[1]  # twice the way of the middle
    numbers = (right - left, 1, lower - upper, 1, across, 2, down, 2)
    return box(b"clap", struct.pack(">IIIIiIiI", *numbers))


def narrow_alpha(data: bytes) -> bytes:
    """Lets the alpha of an AVIF, as Pillow writes it, say that its samples go from 16 to 235."""
    (bit,) = alphas_range_bits(data)
    assert data[bit >> 3] & 128 >> (bit & 7)
    changed = bytearray(data)
    changed[bit >> 3] ^= 128 >> (bit & 7)
    return bytes(changed)
