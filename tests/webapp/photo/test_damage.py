"""Damage that decoders of PNG, WebP, AVIF and HEIC do not see, and what looks like it and is none."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from tests.containers import behind_png, iccp, in_png
from tests.hazards import png_chunk
from tests.rendered import render_lesion, to_bytes
from webapp.photo.coded_items import BrokenItem, check, places_of
from webapp.photo.imaging import DamagedImage, decode
from webapp.photo.iso import Meta

PHOTO: Final = render_lesion(3, 480, 360)
KINDS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "PNG": ("PNG", {}),
    "WebP": ("WEBP", {"quality": 80}),
    "WebP of low quality": ("WEBP", {"quality": 20}),
    "WebP, lossless": ("WEBP", {"lossless": True, "method": 0}),
    "AVIF": ("AVIF", {"speed": 9}),
    "AVIF, 4:4:4": ("AVIF", {"speed": 9, "quality": 95, "subsampling": "4:4:4"}),
    "HEIC": ("HEIF", {"enc_params": {"preset": "ultrafast"}}),
    "HEIC, 4:4:4": ("HEIF", {"quality": 95, "chroma": 444, "enc_params": {"preset": "ultrafast"}}),
}
WHOLE: Final = {kind: to_bytes(PHOTO, name, **options) for kind, (name, options) in KINDS.items()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("blank", [0.03, 0.1, 0.3])
@pytest.mark.parametrize("share", [0.3, 0.45, 0.6])
def test_a_blank_middle_is_damage(kind: str, blank: float, share: float) -> None:
    data = WHOLE[kind]
    begin, length = int(share * len(data)), int(blank * len(data))
    with pytest.raises(DamagedImage):
        decode(data[:begin] + bytes(length) + data[begin + length :])


def overwritten(data: bytes, length: int, shares: np.ndarray) -> Iterator[bytes]:
    """Files with noise in their middle, or with one other bit (length 0)."""
    noise = np.random.default_rng(length)
    for share in shares:
        begin = int(share * len(data))
        other = noise.bytes(length) if length else bytes([data[begin] ^ 1])
        yield data[:begin] + other + data[begin + len(other) :]


@pytest.mark.parametrize("kind", ["PNG", "WebP", "WebP of low quality"])
@pytest.mark.parametrize("length", [0, 100, 600])
def test_so_is_noise_and_one_other_bit(kind: str, length: int) -> None:
    """Where a format says more of itself than its pixels: a checksum, or an end that must come out even."""
    for broken in overwritten(WHOLE[kind], length, np.linspace(0.2, 0.7, 6)):
        with pytest.raises(DamagedImage):
            decode(broken)


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (16, 16), (17, 33), (480, 1), (301, 203)])
@pytest.mark.parametrize("options", [{"quality": 1}, {"quality": 75}, {"quality": 100}, {"lossless": True}])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_webp_of_any_size_is_whole(size: tuple[int, int], options: dict[str, Any], mode: str) -> None:
    picture = PHOTO.resize(size)
    if mode == "RGBA":
        picture.putalpha(Image.linear_gradient("L").resize(size))
    for more in ({}, {"exif": b"Exif\0\0II*\0"}):
        assert decode(to_bytes(picture, "WEBP", **options, **more)).size == size


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.3, 0.7, 0.97])
def test_so_is_a_missing_end(kind: str, share: float) -> None:
    data = WHOLE[kind]
    with pytest.raises(DamagedImage):
        decode(data[: int(share * len(data))])


def tiled(picture: Image.Image, tile: int) -> bytes:
    """A HEIC of tiles, as phones write it: each is an item of its own."""
    image = pillow_heif.from_pillow(picture)
    stream = io.BytesIO()
    image.save(stream, quality=90, tile_size=tile, enc_params={"preset": "ultrafast"})
    return stream.getvalue()


def test_a_blank_tile_is_damage() -> None:
    data = tiled(PHOTO, 128)
    assert decode(data).size == PHOTO.size
    for share in (0.4, 0.7):
        begin = int(share * len(data))
        with pytest.raises(DamagedImage):
            decode(data[:begin] + bytes(200) + data[begin + 200 :])


@pytest.mark.parametrize("size", [(448, 336), (400, 300), (390, 290), (334, 252)])
def test_what_ends_where_nothing_is_seen_is_whole(size: tuple[int, int]) -> None:
    """The last block of a tile at the photo's right or lower edge is cut off with the rest of that tile."""
    photo = pillow_heif.from_pillow(PHOTO.resize(size))
    for blocks in ("16", "32", "64"):
        coder = {"preset": "ultrafast", "x265:ctu": blocks, "x265:min-cu-size": "8"}
        stream = io.BytesIO()
        photo.save(stream, quality=90, tile_size=128, enc_params=coder)
        assert decode(stream.getvalue()).size == size


def test_tiles_that_are_all_the_same_place_are_not_looked_through() -> None:
    data = tiled(PHOTO, 64) + bytes(3_000_000)
    for begin, end in sum(places_of(Meta.of(data)).values(), []):
        whole = struct.pack(">IHII", 0, 1, 0, len(data))
        data = data.replace(struct.pack(">IHII", begin, 1, 0, end - begin), whole)
    with pytest.raises(BrokenItem, match="the same"):
        check(data)


FLAT: Final = Image.new("RGB", (1600, 1200), (200, 150, 130))
FLAT.paste(PHOTO.resize((40, 30)), (700, 500))
SEE_THROUGH: Final = Image.new("RGBA", (640, 480))
SEE_THROUGH.paste(PHOTO.resize((40, 30)), (300, 200))


@pytest.mark.parametrize("picture", [FLAT, SEE_THROUGH], ids=["flat", "see-through"])
@pytest.mark.parametrize(
    ("file_format", "options"),
    [
        *(("WEBP", {"quality": quality, "method": method}) for quality in (5, 100) for method in (0, 4)),
        ("WEBP", {"lossless": True, "method": 0, "quality": 0}),
        ("AVIF", {"speed": 10}),
        ("HEIF", {"enc_params": {"preset": "ultrafast"}}),
    ],
)
def test_flat_pictures_are_whole(picture: Image.Image, file_format: str, options: dict[str, Any]) -> None:
    """Of hundreds of zeros in a row some consist, as damaged ones do."""
    decode(to_bytes(picture, file_format, **options))


def test_zeros_in_flat_pictures_are_what_they_are_for() -> None:
    data = to_bytes(FLAT, "WEBP", quality=100, method=0)
    assert bytes(64) in data
    middle = data.index(bytes(64))
    with pytest.raises(DamagedImage):
        decode(data[: middle - 400] + bytes(400) + data[middle:])


HEADS: Final[dict[str, Callable[[], bytes]]] = {
    "empty gamma": lambda: png_chunk(b"gAMA"),
    "long gamma": lambda: png_chunk(b"gAMA", bytes(9)),
    "empty primaries": lambda: png_chunk(b"cHRM"),
    "empty everything": lambda: b"".join(
        png_chunk(name) for name in (b"sRGB", b"pHYs", b"tIME", b"sBIT", b"bKGD", b"iCCP", b"eXIf", b"tEXt")
    ),
    "profile that is none": lambda: png_chunk(b"iCCP", b"icc\0\0garbage"),
    "profile packed otherwise": lambda: png_chunk(b"iCCP", b"icc\0\7" + zlib.compress(bytes(200))),
    "text that grows": lambda: png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(9_000_000))),
    "text with a wrong checksum": lambda: png_chunk(b"tEXt", b"a\0b")[:-1] + b"?",
    "unknown": lambda: png_chunk(b"juNk", b"?"),
}


@pytest.mark.parametrize("name", HEADS)
def test_oddities_beside_a_pngs_pixels_are_none(name: str) -> None:
    """1.2.1 refused most of them; browsers show all."""
    whole = to_bytes(PHOTO, "PNG")
    for file in (in_png(whole, HEADS[name]()), behind_png(whole, HEADS[name]())):
        assert decode(file).image.tobytes() == PHOTO.tobytes()


def test_what_has_a_wrong_checksum_does_not_count() -> None:
    gamma = png_chunk(b"gAMA", struct.pack(">I", 100_000))
    assert decode(in_png(to_bytes(PHOTO, "PNG"), gamma[:-1] + b"?")).image.tobytes() == PHOTO.tobytes()
    assert decode(in_png(to_bytes(PHOTO, "PNG"), gamma)).image.tobytes() != PHOTO.tobytes()


def test_a_profile_counts_whatever_stands_beside_it() -> None:
    from tests import profiles

    odd = png_chunk(b"gAMA"), iccp(profiles.rgb_profile(profiles.DISPLAY_P3))
    plain = in_png(to_bytes(PHOTO, "PNG"), odd[1])
    assert decode(in_png(to_bytes(PHOTO, "PNG"), *odd)).image.tobytes() == decode(plain).image.tobytes()


def test_a_png_without_its_last_bytes_has_all_its_pixels() -> None:
    data = to_bytes(PHOTO, "PNG")
    for missing in (1, 12, 14):
        assert decode(data[:-missing]).image.tobytes() == PHOTO.tobytes()
