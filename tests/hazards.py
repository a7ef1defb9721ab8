"""Files that are hard on a decoder, each made by code: every format, colour mode and kind of damage."""

import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Final

import pillow_heif
from PIL import Image

from tests.rendered import render_lesion, to_bytes

pillow_heif.register_heif_opener()

FORMATS: Final = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF")
SMALL: Final = render_lesion(1, 96, 72)


def mpo(image: Image.Image) -> bytes:
    """Two pictures in one JPEG, as phones write portraits and HDR photos."""
    return to_bytes(image, "MPO", save_all=True, append_images=[image.resize((48, 36))])


def several_heic(image: Image.Image) -> bytes:
    """A HEIC with three pictures, of which the second is the primary one."""
    other = Image.new("RGB", (40, 40), "blue")
    return to_bytes(other, "HEIF", save_all=True, append_images=[image, other], primary_index=1)


def motion_photo(image: Image.Image) -> bytes:
    """A JPEG with a film behind its end."""
    return to_bytes(image, "JPEG") + b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 400


def animation(file_format: str) -> bytes:
    """Two frames, one after the other."""
    frames = [SMALL, SMALL.rotate(180)]
    return to_bytes(frames[0], file_format, save_all=True, append_images=frames[1:], duration=100)


def png_chunk(kind: bytes, content: bytes = b"") -> bytes:
    """A chunk with its length and its checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_of(width: int, height: int, colour_type: int, bits: int, pixels: bytes) -> bytes:
    """A PNG of modes that Pillow does not write."""
    head = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    chunks = png_chunk(b"IHDR", head) + png_chunk(b"IDAT", zlib.compress(pixels)) + png_chunk(b"IEND")
    return b"\x89PNG\r\n\x1a\n" + chunks


def claiming(data: bytes, size: tuple[int, int], claimed: tuple[int, int]) -> bytes:
    """The file with another width and height in its header than its pixels have."""
    for form in (">II", ">HH", "<HH"):
        order = (1, 0) if data.startswith(b"\xff\xd8") else (0, 1)  # JPEG has the height first
        old, new = (struct.pack(form, *(pair[index] for index in order)) for pair in (size, claimed))
        if old in data and max(claimed) < 2 ** (8 * len(old) // 2):
            return data.replace(old, new)
    raise AssertionError("no such size in the header")


def _png_bomb() -> bytes:
    return png_of(30_000, 30_000, 0, 1, bytes(30_000 * 3_751))  # 900 megapixels in 110 kB


def _narrow_bomb() -> bytes:
    return png_of(1, 64_000_000, 0, 1, bytes(64_000_000 * 2))  # no more pixels than a photo may have


def _text_bomb() -> bytes:
    text = b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9)
    data = to_bytes(SMALL, "PNG")
    return data[:33] + png_chunk(b"zTXt", text) + data[33:]


def _profile_bomb() -> bytes:
    profile = b"icc\0\0" + zlib.compress(bytes(200_000_000), 9)
    data = to_bytes(SMALL, "PNG")
    return data[:33] + png_chunk(b"iCCP", profile) + data[33:]


def _many_scans() -> bytes:
    data = to_bytes(SMALL, "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * 5_000 + data[-2:]


def _exif_bomb() -> bytes:
    """16,000 tags that each claim the same 60 kB."""
    count = 5_000
    entries = b"".join(struct.pack("<HHII", 0x8000 + tag, 7, 60_000, 8) for tag in range(count))
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", count) + entries
    data = to_bytes(SMALL, "JPEG")
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]


def _after_jpeg_start(junk: bytes) -> bytes:
    data = to_bytes(SMALL, "JPEG")
    return data[:2] + junk + data[2:]


def _after_png_head(junk: bytes) -> bytes:
    data = to_bytes(SMALL, "PNG")
    return data[:33] + junk + data[33:]


def _large_claim(file_format: str, claimed: tuple[int, int]) -> bytes:
    return claiming(to_bytes(SMALL, file_format), SMALL.size, claimed)


BOMBS: Final[Mapping[str, Callable[[], bytes]]] = {
    "PNG pixels": _png_bomb,
    "PNG rows": _narrow_bomb,
    "PNG text": _text_bomb,
    "PNG profile": _profile_bomb,
    "PNG chunks": lambda: _after_png_head(png_chunk(b"teSt") * 1_000_000),
    "PNG claims": lambda: _large_claim("PNG", (100_000, 100_000)),
    "JPEG claims": lambda: _large_claim("JPEG", (65_000, 65_000)),
    "JPEG scans": _many_scans,
    "JPEG segments": lambda: _after_jpeg_start(b"\xff\xfe\0\2" * 3_500_000),
    "JPEG fill bytes": lambda: _after_jpeg_start(b"\xff" * 14_000_000),
    "JPEG EXIF pieces": lambda: _after_jpeg_start(b"\xff\xe1\0\x09Exif\0\0a" * 1_200_000),
    "JPEG EXIF tags": _exif_bomb,
    "WebP claims": lambda: _large_claim("WEBP", (16_000, 16_000)),
    "HEIC claims": lambda: _large_claim("HEIF", (60_000, 60_000)),
    "AVIF claims": lambda: _large_claim("AVIF", (60_000, 60_000)),
}
"""Small files that ask for much time or memory."""
