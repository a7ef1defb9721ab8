"""Which way a photo is up: as browsers honour it, and nothing else."""

from typing import Final

import numpy as np
import pytest
from PIL import Image

from tests import containers
from tests.containers import orientation
from tests.hazards import png_chunk
from tests.rendered import render_lesion, to_bytes
from webapp.photo.imaging import Box, decode
from webapp.photo.orientation import TURNS, inverse, read_orientation, turned_box

WIDE: Final = Image.new("RGB", (96, 64), "peru")
XMP: Final = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF>'
    b"</x:xmpmeta>"
)


def app1(content: bytes) -> bytes:
    return containers.jpeg_segment(0xE1, content)


def exif(content: bytes) -> bytes:
    return app1(b"Exif\0\0" + content)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (lambda order: orientation(6, order=order), 6),
        (lambda order: orientation(6, 4, order=order), 1),  # a LONG
        (lambda order: orientation(6, 1, order=order), 1),  # a BYTE
        (lambda order: orientation(6, 3, 2, order=order), 1),  # two of them
        (lambda order: orientation(0, order=order), 1),
        (lambda order: orientation(9, order=order), 1),
        (lambda order: orientation(6, order=order)[:14], 1),
        (lambda order: b"garbage", 1),
        (lambda order: b"", 1),
    ],
)
def test_one_short_of_eight_values_counts(content, expected: int, order: str) -> None:  # type: ignore[no-untyped-def]
    assert read_orientation(content(order)) == expected


def is_turned(data: bytes) -> bool:
    return {(96, 64): False, (64, 96): True}[decode(data).size]


def test_xmp_does_not_count() -> None:
    """1.2.1 turned such a photo, so that another part was judged than the one that was framed."""
    jpeg = to_bytes(WIDE, "JPEG")
    assert not is_turned(containers.in_jpeg(jpeg, app1(b"http://ns.adobe.com/xap/1.0/\0" + XMP)))
    text = png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)
    assert not is_turned(containers.in_png(to_bytes(WIDE, "PNG"), text))
    for file_format in ("WEBP", "AVIF"):
        assert not is_turned(to_bytes(WIDE, file_format, xmp=XMP))


def test_of_a_jpegs_exif_the_first_counts() -> None:
    jpeg = to_bytes(WIDE, "JPEG")
    assert is_turned(containers.in_jpeg(jpeg, exif(orientation(6)), exif(orientation(3))))
    assert not is_turned(containers.in_jpeg(jpeg, exif(orientation(1)), exif(orientation(6))))
    assert not is_turned(containers.in_jpeg(jpeg, exif(b"garbage"), exif(orientation(6))))
    assert not is_turned(jpeg[:-2] + exif(orientation(6)) + jpeg[-2:])


def test_of_a_pngs_exif_what_comes_before_the_pixels_counts() -> None:
    png = to_bytes(WIDE, "PNG")
    assert is_turned(containers.in_png(png, png_chunk(b"eXIf", orientation(6))))
    assert not is_turned(containers.behind_png(png, png_chunk(b"eXIf", orientation(6))))


def test_exif_in_webp_does_not_count() -> None:
    assert not is_turned(to_bytes(WIDE, "WEBP", exif=orientation(6)))


def test_exif_in_heic_and_avif_does_not_count_but_their_own_properties() -> None:
    for file_format in ("HEIF", "AVIF"):
        own = to_bytes(WIDE, file_format, exif=orientation(6))
        assert is_turned(own)
        assert not is_turned(containers.with_properties(own, without=[b"irot", b"imir"]))
        plain = to_bytes(WIDE, file_format)
        assert is_turned(containers.with_properties(plain, containers.turned(1)))


@pytest.mark.parametrize("value", range(1, 9))
def test_a_box_is_turned_as_the_photo_is(value: int) -> None:
    stored = np.arange(60 * 40).reshape(40, 60)
    picture = Image.fromarray(stored.astype(np.int32))
    upright = picture.transpose(TURNS[value]) if value in TURNS else picture
    box = (3, 8, 14, 30)
    left, upper, right, lower = (int(edge) for edge in turned_box(box, upright.size, value))
    framed, found = upright.crop(box), stored[upper:lower, left:right]
    assert sorted(np.asarray(framed).flat) == sorted(found.flat)
    assert turned_box((left, upper, right, lower), picture.size, inverse(value)) == box


@pytest.mark.parametrize("value", [1, 3, 6, 7, 8])
def test_the_part_that_is_kept_of_a_very_large_photo_is_the_framed_one(
    value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from webapp.photo import imaging

    upright = Image.new("RGB", (640, 480), "white")
    upright.paste("black", (400, 100, 440, 140))
    box: Box = (400, 100, 440, 140)
    lying = upright.transpose(TURNS[inverse(value)]) if value in TURNS else upright
    data = containers.in_jpeg(to_bytes(lying, "JPEG", quality=95), exif(orientation(value)))
    monkeypatch.setattr(imaging, "MOST_KEPT", 10_000)
    photo = decode(data, box=box)
    assert photo.size == (640, 480) and photo.image.width < 100 and photo.image.height < 100
    seen = photo.image.crop(photo.on_image(box))  # type: ignore[arg-type]
    assert seen.size == (40, 40) and np.asarray(seen).max() < 40
    around = np.asarray(photo.image)
    assert around[0].min() > 200 and around[:, 0].min() > 200


PICTURE: Final = render_lesion(3, 240, 160)


def assert_shows(data: bytes, expected: Image.Image) -> None:
    seen = decode(data).image
    assert seen.size == expected.size
    assert np.abs(np.asarray(seen, float) - np.asarray(expected, float)).mean() < 2, "of 255"


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_heic_is_turned_and_mirrored_as_it_says(quarters: int, axis: int | None) -> None:
    """Chromium shows no HEIC: what is right stands in ISO/IEC 23008-12, 6.5.10 and 6.5.12."""
    own = [containers.turned(quarters)] + ([] if axis is None else [containers.mirrored(axis)])
    expected = PICTURE.rotate(90 * quarters, expand=True)
    if axis is not None:
        flips = Image.Transpose.FLIP_TOP_BOTTOM, Image.Transpose.FLIP_LEFT_RIGHT
        expected = expected.transpose(flips[axis])
    data = to_bytes(PICTURE, "HEIF", quality=95, chroma=444)
    assert_shows(containers.with_properties(data, *own), expected)


@pytest.mark.parametrize(
    "part", [(40, 20, 140, 120), (0, 0, 140, 120), (100, 60, 240, 160), (41, 21, 140, 120)]
)
@pytest.mark.parametrize("quarters", [0, 1])
def test_heic_is_cropped_as_it_says(part: tuple[int, int, int, int], quarters: int) -> None:
    """A clean aperture: what lies outside was coded, but is no part of the photo."""
    own = containers.cropped(PICTURE.size, part), containers.turned(quarters)
    data = to_bytes(PICTURE, "HEIF", quality=95, chroma=444)
    assert_shows(
        containers.with_properties(data, *own), PICTURE.crop(part).rotate(90 * quarters, expand=True)
    )
