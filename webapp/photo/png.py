"""What a PNG says about its picture, chunk by chunk; Pillow gives up on many that browsers read past."""

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from webapp.photo.colour import MAX_PROFILE

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS: Final = 20_000  # 15 MB in libpng's pieces of 8 kB are 1,900
_PIXELS: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT"})
_END: Final = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))


class BrokenPng(Exception):
    """What stands in a chunk that the pixels depend on is not what was written into it."""


def chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yields name, begin and end of the content of each chunk of a PNG, up to its end."""
    position = len(SIGNATURE)
    while position + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        if name == b"IEND":
            return
        yield name, position + 8, position + 8 + length
        position += 12 + length


def is_hostile(data: bytes) -> bool:
    """Whether a PNG has so many chunks that it was made to keep a decoder busy."""
    return any(number >= MAX_CHUNKS for number, _ in enumerate(chunks(data)))


def bare(data: bytes) -> bytes:
    """Returns a PNG of nothing but the chunks that its pixels depend on.

    An empty gamma, a text that grows to megabytes, a profile that is none: no reason not to see a photo.
    """
    found = list(chunks(data))
    if all(name in _PIXELS and end + 4 <= len(data) for name, _, end in found):
        return data
    return b"".join([SIGNATURE, *(_kept(data, *chunk) for chunk in found if chunk[0] in _PIXELS), _END])


def _kept(data: bytes, name: bytes, begin: int, end: int) -> bytes:
    if end + 4 <= len(data):
        return data[begin - 8 : end + 4]
    content = data[begin:end]  # cut off: whether the pixels are all there, the decoder finds
    return struct.pack(">I4s", len(content), name) + content + struct.pack(">I", zlib.crc32(name + content))


def heads(data: bytes) -> dict[bytes, bytes]:
    """Returns the first whole chunk of each name before a PNG's pixels; browsers heed no later one."""
    found: dict[bytes, bytes] = {}
    for name, begin, end in chunks(data):
        if name == b"IDAT":
            break
        if name not in found and _is_whole(data, begin, end):
            found[name] = data[begin:end]
    return found


def is_animated(data: bytes) -> bool:
    """Whether browsers show more than a PNG's one picture: further frames, or another in its place."""
    names = []
    frames = 0
    for name, begin, end in chunks(data):
        if name == b"IDAT":
            break
        if name == b"acTL" and b"acTL" not in names and end - begin == 8 and _is_whole(data, begin, end):
            (frames,) = struct.unpack_from(">I", data, begin)
        names.append(name)
    return frames > 1 or (frames == 1 and b"fcTL" not in names)


def transparent(heads: dict[bytes, bytes]) -> int | tuple[int, ...] | None:
    """Returns which one colour of a PNG is see-through, where Pillow compares other numbers with it.

    Args:
        heads: As from :func:`heads`.

    Returns:
        Of a grey PNG of 2 or 4 bits as a value of 8 bits, of 16 bits as it is; of a colour PNG of 16 bits as
        red, green and blue of 8 bits; ``None`` for any other.
    """
    head, values = heads.get(b"IHDR", b""), heads.get(b"tRNS", b"")
    if len(head) != 13:
        return None
    bits, colours = head[8], head[9]
    if colours == 0 and len(values) == 2 and bits in (2, 4, 16):
        value = int.from_bytes(values)
        return value if bits == 16 else value * 255 // (2**bits - 1)
    if colours == 2 and len(values) == 6 and bits == 16:
        return tuple(values[::2])
    return None


def profile(heads: dict[bytes, bytes]) -> bytes | None:
    """Returns a PNG's colour profile; ``None`` without one, or where it is not packed as it should be.

    Args:
        heads: As from :func:`heads`.
    """
    name, _, packed = heads.get(b"iCCP", b"").partition(b"\0")
    if not 1 <= len(name) <= 79 or packed[:1] != b"\0":
        return None
    try:
        return zlib.decompressobj().decompress(packed[1:], MAX_PROFILE + 1)
    except zlib.error:
        return None


def check(data: bytes) -> None:
    """Holds the chunks of a PNG's pixels to their checksums, as browsers do.

    Raises:
        BrokenPng: One of them is not what was written. One that was cut off is left to the decoder.
    """
    for name, begin, end in chunks(data):
        if name in (b"IHDR", b"PLTE", b"IDAT") and end + 4 <= len(data) and not _is_whole(data, begin, end):
            raise BrokenPng(f"a chunk {name.decode()} is not what its checksum says")


def _is_whole(data: bytes, begin: int, end: int) -> bool:
    checksum = zlib.crc32(memoryview(data)[begin - 4 : end])
    return data[end : end + 4] == struct.pack(">I", checksum)
