"""Which files are read, how, and which are refused."""

import io
import struct
import time
import tracemalloc

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests import hazards
from tests.hazards import BOMBS, FORMATS, SMALL, animation, motion_photo, mpo, png_of, several_heic
from tests.rendered import render_lesion, to_bytes
from webapp.photo import imaging
from webapp.photo.imaging import (
    AnimatedImage,
    DamagedImage,
    EmptyFile,
    PhotoError,
    TooManyPixels,
    UnsupportedFormat,
    decode,
)

ORIENTATION = 0x0112


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of two pictures' pixels, 0–255."""
    assert one.size == other.size
    return float(np.abs(np.asarray(one, float) - np.asarray(other, float)).mean())


@pytest.mark.parametrize("file_format", FORMATS)
def test_every_format_is_read(file_format: str) -> None:
    photo = decode(to_bytes(SMALL, file_format))
    assert (photo.format, photo.image.mode) == (file_format, "RGB")
    assert difference(photo.image, SMALL) < 8


@pytest.mark.parametrize("file_format", FORMATS)
def test_grey_pictures_are_read(file_format: str) -> None:
    grey = SMALL.convert("L")
    assert difference(decode(to_bytes(grey, file_format)).image, grey.convert("RGB")) < 8


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_of_png_is_read(mode: str) -> None:
    picture = SMALL.convert("L") if mode == "I;16" else SMALL.convert(mode)
    expected = picture.convert("RGB")
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture, np.uint16) * 257)
    assert difference(decode(to_bytes(picture, "PNG")).image, expected) < 1


@pytest.mark.parametrize(("colour_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_sixteen_bits_are_scaled_not_clipped(colour_type: int, channels: int) -> None:
    ramp = np.linspace(0, 65_535, 64).astype(">u2")
    rows = np.repeat(ramp[:, np.newaxis], channels, axis=1)
    if channels in (2, 4):
        rows[:, -1] = 65_535  # opaque
    data = png_of(64, 4, colour_type, 16, (b"\0" + rows.tobytes()) * 4)
    pixels = np.asarray(decode(data).image, int)
    assert np.abs(pixels[0] - (ramp.astype(int) // 257)[:, np.newaxis]).max() <= 1


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr"])
def test_other_colour_spaces_of_jpeg_are_read(mode: str) -> None:
    photo = decode(to_bytes(SMALL.convert(mode), "JPEG", quality=95))
    assert difference(photo.image, SMALL) < 6


def test_what_is_transparent_becomes_white() -> None:
    picture = Image.new("RGBA", (8, 8), (10, 20, 30, 0))
    assert decode(to_bytes(picture, "PNG")).image.getpixel((0, 0)) == (255, 255, 255)
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([200, 100, 50])
    assert decode(to_bytes(palette, "PNG", transparency=0)).image.getpixel((0, 0)) == (255, 255, 255)
    assert decode(to_bytes(palette, "PNG")).image.getpixel((0, 0)) == (200, 100, 50)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "HEIF", "AVIF"])  # browsers heed no EXIF in WebP
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(file_format: str, orientation: int) -> None:
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = Image.new("RGB", (48, 32), "white")
    upright.paste("black", (0, 0, 24, 8))
    lying = upright.transpose(turns[orientation]) if orientation in turns else upright
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    assert difference(decode(to_bytes(lying, file_format, exif=exif.tobytes())).image, upright) < 8


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"Exif\0\0",
        b"Exif\0\0garbage that is no TIFF",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\xff" * 200,
        b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", ORIENTATION, 3, 1, 99, 0),
        b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHI4s", ORIENTATION, 2, 4, b"six\0"),
    ],
)
def test_corrupt_exif_is_ignored(exif: bytes) -> None:
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    data = to_bytes(SMALL, "JPEG")
    assert difference(decode(data[:2] + segment + data[2:]).image, SMALL) < 8


@pytest.mark.parametrize("profile", [b"", b"no profile", bytes(128), b"\xff" * 3_000])
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_a_corrupt_colour_profile_is_ignored(file_format: str, profile: bytes) -> None:
    data = to_bytes(SMALL, file_format, icc_profile=profile)
    assert difference(decode(data).image, SMALL) < 8


def test_nothing_but_pixels_comes_out() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010E] = "a name"
    for file_format in FORMATS:
        image = decode(to_bytes(SMALL, file_format, exif=exif, icc_profile=profile)).image
        assert image.info == {} and not image.getexif()


@pytest.mark.parametrize("make", [mpo, several_heic, motion_photo])
def test_what_phones_write_is_an_ordinary_photo(make: object) -> None:
    photo = decode(make(SMALL))  # type: ignore[operator]
    assert photo.format in ("JPEG", "HEIF")
    assert difference(photo.image, SMALL) < 8


@pytest.mark.parametrize("file_format", ["WEBP", "PNG", "AVIF"])
def test_animations_are_refused(file_format: str) -> None:
    with pytest.raises(AnimatedImage):
        decode(animation(file_format))


@pytest.mark.parametrize("file_format", ["GIF", "BMP", "TIFF", "ICO", "PPM", "TGA", "JPEG2000", "PDF", "EPS"])
def test_other_formats_are_refused(file_format: str) -> None:
    with pytest.raises(UnsupportedFormat):
        decode(to_bytes(SMALL, file_format))


@pytest.mark.parametrize(
    "data",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'aaaa'>]><svg>&a;</svg>",
        b"%PDF-1.7\n",
        b"push graphic-context\nfill 'url(https://example.com)'",
        b"PK\x03\x04" + bytes(100),
        b"MZ" + bytes(100),
        b"#!/bin/sh\n",
        b"\0" * 10_000,
    ],
)
def test_what_is_no_photo_is_refused(data: bytes) -> None:
    with pytest.raises(UnsupportedFormat):
        decode(data)


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(EmptyFile):
        decode(b"")


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_file_is_refused(file_format: str, share: float) -> None:
    data = to_bytes(render_lesion(1, 300, 225), file_format)
    with pytest.raises((DamagedImage, UnsupportedFormat)):
        decode(data[: int(len(data) * share)])


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_limit_on_pixels_comes_before_decoding(file_format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = to_bytes(SMALL, file_format)
    assert decode(data, SMALL.width * SMALL.height).image.size == SMALL.size

    def forbidden(*args: object) -> None:
        raise AssertionError("decoded")

    for kind in (Image.Image, *(type(Image.open(io.BytesIO(data))),)):
        monkeypatch.setattr(kind, "load", forbidden)
    with pytest.raises(TooManyPixels):
        decode(data, SMALL.width * SMALL.height - 1)


@pytest.mark.parametrize("lying", [False, True])
def test_no_side_is_longer_than_a_jpegs(lying: bool) -> None:
    for length, fits in ((65_535, True), (65_536, False)):
        data = to_bytes(Image.new("L", (length, 1) if lying else (1, length)), "PNG")
        if fits:
            assert max(decode(data).size) == length
        else:
            with pytest.raises(TooManyPixels):
                decode(data)


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_little_and_is_no_bug(name: str) -> None:
    data = BOMBS[name]()
    assert len(data) < 15_000_000, "it would pass the limit on bytes"
    tracemalloc.start()
    started = time.process_time()  # of all threads; what else the machine does is no cost of the file
    try:
        photo = decode(data)
        assert photo.image.size == SMALL.size, "read as the small picture that it is"
    except PhotoError as error:
        assert type(error) is not PhotoError
    finally:
        seconds = time.process_time() - started
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert seconds < 3
    assert peak < 100_000_000


def test_parts_below_the_limits_are_no_hostility() -> None:
    png, jpeg = to_bytes(SMALL, "PNG"), to_bytes(SMALL, "JPEG", progressive=True)
    decode(png[:33] + hazards.png_chunk(b"teSt") * 15_000 + png[33:])
    decode(jpeg[:2] + b"\xff\xfe\0\2" * 900 + jpeg[2:])
    decode(jpeg[:-2] + b"\xff\xd9" + b"\xff\xda" * 100_000)


def test_scans_above_the_limit_are_hostility() -> None:
    """Each goes over the whole picture again: of 64 megapixels, in half a second."""
    jpeg = to_bytes(SMALL, "JPEG", progressive=True)
    scan = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    decode(jpeg[:-2] + scan * 50 + jpeg[-2:])
    with pytest.raises(DamagedImage):
        decode(jpeg[:-2] + scan * 64 + jpeg[-2:])


def test_every_error_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (MemoryError, RecursionError, ZeroDivisionError, struct.error, Image.DecompressionBombError):

        def fail(*args: object, error: type[Exception] = error, **kwargs: object) -> None:
            raise error("from a plugin")

        monkeypatch.setattr(imaging.Image, "open", fail)
        with pytest.raises(UnsupportedFormat):
            decode(b"x")
