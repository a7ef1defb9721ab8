"""What the parts of a JPEG say, read without decoding it, and its pixels from a decoder that tells of damage.

Pillow does not pass on what libjpeg warns of: where data is missing, libjpeg goes on with grey or with
whatever the next bytes happen to mean. libjpeg-turbo's own interface, by way of simplejpeg, stops there.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import simplejpeg

MAX_SEGMENTS: Final = 1_000  # a phone's photo has 20; a depth map in XMP adds 200
MAX_SCANS: Final = 64  # progressive photos have about 10

_START, _END, _SCAN, _TABLES, _APP0, _APP1 = 0xD8, 0xD9, 0xDA, 0xC4, 0xE0, 0xE1
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ARITHMETIC: Final = range(0xC9, 0xD0)
_NEEDED: Final = _FRAMES | {_APP0, _TABLES, _SCAN, 0xCC, 0xDB, 0xDD, 0xEE}
"""Segments that pixels depend on: frame, scans, tables, restarts, and what the channels are (JFIF, Adobe)."""
_NEXT_MARKER: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # in scan data, FF 00 and FF D0–D7 are none
_EXTRANEOUS: Final = re.compile(r"Corrupt JPEG data: (\d+) extraneous bytes before marker 0xd9")
_ZEROS: Final = 8
"""Bytes of zeros in a row that no picture brings about where the shortest code is a coefficient's: 21 times
the same one."""
_ZEROS_OF_DETAIL: Final = 32
"""Bytes of zeros in a row that no progressive scan of detail has: it counts blocks without any in one number
instead of 256 codes, and of 256 bits that refine it some are ones."""


class BrokenJpeg(Exception):
    """Pixels are missing, and a decoder would have to invent them."""


class TooManyParts(Exception):
    """So many parts that the file was made to keep a decoder busy."""


@dataclass(frozen=True)
class Component:
    """One channel: how many samples across and down it has where the largest has as many as any."""

    name: int
    across: int
    down: int


@dataclass(frozen=True)
class Scan:
    """One pass over the picture: where its coded data lies, and what it holds."""

    begin: int
    end: int
    components: tuple[int, ...]
    first: int
    last: int
    high: int
    low: int
    shortest: tuple[int, ...]
    """What the shortest code means, in each of the tables of coefficients (not of averages) that are used."""


@dataclass(frozen=True)
class Jpeg:
    """The first picture of a file.

    Attributes:
        frame: The marker that says how it is coded; 0 if there is none.
        bits: Of one sample.
        size: Width and height.
        end: Where the picture ends; ``None`` if it does not.
        exif: What stands in the first EXIF segment, without its name; ``None`` without one.
        needed: Begin and end of each segment that the pixels depend on, with its marker.
    """

    frame: int = 0
    bits: int = 0
    size: tuple[int, int] = (0, 0)
    components: tuple[Component, ...] = ()
    scans: tuple[Scan, ...] = field(default=(), repr=False)
    end: int | None = None
    exif: bytes | None = field(default=None, repr=False)
    needed: tuple[tuple[int, int], ...] = field(default=(), repr=False)

    @property
    def progressive(self) -> bool:
        return self.frame in (0xC2, 0xC6, 0xCA, 0xCE)

    @property
    def coefficients(self) -> int:
        """How many a decoder has to keep, of 2 bytes each: all of them where there are several scans."""
        if not self.components or not (self.progressive or len(self.scans) > 1):
            return 0
        across, down = (max(getattr(c, side) for c in self.components) for side in ("across", "down"))
        samples: float = sum(c.across * c.down for c in self.components) / max(1, across * down)
        return round(self.size[0] * self.size[1] * samples)

    @cached_property
    def is_complete(self) -> bool:
        """Whether every coefficient of every channel came with all of its bits."""
        missing = {component.name: set(range(64)) for component in self.components}
        for scan in self.scans:
            for name in scan.components if scan.low == 0 else ():
                missing.get(name, set()).difference_update(range(scan.first, scan.last + 1))
        return not any(missing.values())


def read_parts(data: bytes) -> Jpeg:
    """Reads how a JPEG is put together.

    Raises:
        TooManyParts: More segments or scans than any photo has.
    """
    found: dict[str, object] = {}
    scans: list[Scan] = []
    needed: list[tuple[int, int]] = []
    tables: dict[int, int] = {}
    position = 2
    for _ in range(MAX_SEGMENTS):
        if scans:
            marked = _NEXT_MARKER.search(data, position)
            position = marked.start() if marked else len(data)
            if scans[-1].end < 0:
                scans[-1] = _ended(scans[-1], position)
        marker = data[position : position + 2]
        if len(marker) < 2:
            return Jpeg(scans=tuple(scans), needed=tuple(needed), **found)  # type: ignore[arg-type]
        if marker[0] != 0xFF or marker[1] in (0x00, 0x01, *range(0xD0, 0xD9), 0xFF):
            position += 1  # fill bytes and stray ones: decoders go over them one at a time, too
            continue
        if marker[1] == _END:
            return Jpeg(scans=tuple(scans), needed=tuple(needed), end=position + 2, **found)  # type: ignore[arg-type]
        length = max(2, int.from_bytes(data[position + 2 : position + 4]))
        content = data[position + 4 : position + 2 + length]
        if marker[1] in _NEEDED:
            needed.append((position, position + 2 + length))
        position += 2 + length
        if marker[1] == _SCAN:
            scans.append(_scan(content, position, tables))
            if len(scans) > MAX_SCANS:
                raise TooManyParts("more scans than a photo has")
        elif marker[1] == _TABLES:
            tables |= _first_values(content)
        elif marker[1] in _FRAMES and len(content) >= 6:
            found.setdefault("frame", marker[1])
            found.setdefault("bits", content[0])
            found.setdefault("size", (int.from_bytes(content[3:5]), int.from_bytes(content[1:3])))
            found.setdefault("components", _components(content))
        elif marker[1] == _APP1 and content.startswith(b"Exif\0") and not scans:
            found.setdefault("exif", content[6:])
    raise TooManyParts("more segments than a photo has")


def _ended(scan: Scan, end: int) -> Scan:
    return Scan(scan.begin, end, *(getattr(scan, name) for name in tuple(Scan.__dataclass_fields__)[2:]))


def _components(frame: bytes) -> tuple[Component, ...]:
    triples = (frame[6 + 3 * index : 9 + 3 * index] for index in range(min(frame[5], 4)))
    return tuple(Component(c[0], max(1, c[1] >> 4), max(1, c[1] & 15)) for c in triples if len(c) == 3)


def _first_values(tables: bytes) -> dict[int, int]:
    """What the shortest code of each table means; it consists of zeros. By class (high) and number."""
    found, position = {}, 0
    while position + 17 < len(tables):
        found[tables[position]] = tables[position + 17]
        position += 17 + sum(tables[position + 1 : position + 17])
    return found


def _scan(head: bytes, begin: int, tables: dict[int, int]) -> Scan:
    number = head[0] if head else 0
    pairs = [head[1 + 2 * index : 3 + 2 * index] for index in range(number)]
    first, last, bits = head[1 + 2 * number :][:3].ljust(3, b"\0")
    named = [pair for pair in pairs if len(pair) == 2]
    # A scan of averages has no such codes, and what refines an earlier one has plain bits between them.
    shortest = (tables.get(0x10 | pair[1] & 15, 0) for pair in named if last and not bits >> 4)
    return Scan(begin, -1, tuple(c[0] for c in named), first, last, bits >> 4, bits & 15, tuple(shortest))


def _is_blank(data: bytes, parts: Jpeg, padding: int) -> bool:
    """Whether coded data was overwritten with zeros, which a decoder may take for a pattern of coefficients.

    Args:
        padding: How many bytes before the picture's end are known to be filling.
    """
    if parts.frame in _ARITHMETIC:
        return False
    zeros = bytes(_ZEROS)
    ends = [scan.end for scan in parts.scans[:-1]] + [scan.end - padding for scan in parts.scans[-1:]]
    # A decoder reads at most 8 bytes ahead: where more of the filling is gone, it was taken for the picture.
    if padding and ends and not any(data[ends[-1] - _ZEROS - 1 : ends[-1]]):
        return True
    if parts.progressive and any(
        data.find(bytes(_ZEROS_OF_DETAIL), scan.begin, end) >= 0
        for scan, end in zip(parts.scans, ends, strict=True)
        if scan.last
    ):
        return True
    return any(
        data.find(zeros, scan.begin, end) >= 0
        for scan, end in zip(parts.scans, ends, strict=True)
        # Where the shortest code ends a block (0x_0, but for 0xF0), zeros are flat parts of the picture.
        if any(value & 15 or value == 0xF0 for value in scan.shortest)
    )


def decode_jpeg(data: bytes, parts: Jpeg, factor: int) -> np.ndarray | None:
    """Decodes a JPEG, or finds that it is damaged.

    Args:
        data: The whole file.
        parts: As from :func:`read_parts`.
        factor: 1, 2, 4 or 8: by how much it is scaled down meanwhile.

    Returns:
        ``uint8`` array of shape ``(height, width, channels)``, with the grey, RGB or CMYK (as stored) of each
        pixel; ``None`` if the file is not damaged but of a kind that must be left to Pillow.

    Raises:
        BrokenJpeg: Pixels are missing.
    """
    if (parts.progressive or parts.end is None) and not parts.is_complete:
        raise BrokenJpeg("the last scans are missing")
    if parts.end is None:
        data += (
            b"\xff\xd9"  # some cameras leave it out; where pixels are missing, too, the decoder finds that
        )
    pixels, padding = _strictly_decoded(data, parts, factor)
    if _is_blank(data, parts, padding):
        raise BrokenJpeg("a part of the data is blank")
    return pixels


def _bare(data: bytes, parts: Jpeg) -> bytes:
    """Returns a JPEG of nothing but what its pixels depend on.

    Of junk between segments, a broken profile or an unknown version of JFIF a decoder warns, too.
    """
    scans = {scan.begin: scan.end for scan in parts.scans}
    pieces = [b"\xff\xd8"]
    for begin, end in parts.needed:
        piece = data[begin : scans.get(end, end)]
        is_jfif = piece[1] == _APP0 and piece[4:9] == b"JFIF\0"
        pieces.append(piece[:9] + b"\1\1" + piece[11:] if is_jfif else piece)
    return b"".join([*pieces, b"\xff\xd9"])


def _strictly_decoded(data: bytes, parts: Jpeg, factor: int) -> tuple[np.ndarray | None, int]:
    """Returns the pixels, if this decoder can be used, and how many bytes of filling stand before the end."""
    colours = {1: "GRAY", 3: "RGB", 4: "CMYK"}.get(len(parts.components))
    if parts.bits != 8 or colours is None:
        return None, 0
    width, height = parts.size
    least = {"min_width": width // factor, "min_height": height // factor, "min_factor": factor}
    try:
        return simplejpeg.decode_jpeg(data, colours, **least), 0
    except ValueError:  # it may be of what no pixel depends on
        bare = _bare(data, parts)
    try:
        return simplejpeg.decode_jpeg(bare, colours, **least), 0
    except ValueError as error:
        message = str(error)
    if (extraneous := _EXTRANEOUS.match(message)) and parts.end is not None:
        padding = int(extraneous[1])  # bytes that were left over when the picture was complete
        if not any(data[parts.end - 2 - padding : parts.end - 2]):
            return None, padding
    if "Corrupt JPEG data" in message or "Premature end" in message:
        raise BrokenJpeg(message)
    return None, 0  # oddities of its head, or a kind that this decoder does not know
