"""However many channels and bits the samples have, it is the same picture; files that Chromium does not show
(what it shows is in ``tests/browser/test_pixels.py``)."""

import io
from typing import Final

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from tests.containers import narrow_alpha
from tests.rendered import render_lesion, to_bytes
from webapp.photo.imaging import decode

PICTURE: Final = render_lesion(3, 240, 160)
GREY: Final = PICTURE.convert("L")
ALPHA: Final = Image.linear_gradient("L").resize(PICTURE.size)


def off(data: bytes, expected: Image.Image) -> float:
    """Mean difference of what is judged, 0–255."""
    difference = np.asarray(decode(data).image, float) - np.asarray(expected.convert("RGB"), float)
    return float(np.abs(difference).mean())


def deep_heic(image: Image.Image, **options: int) -> bytes:
    samples = np.asarray(image).astype("<u2") * np.uint16(257)
    mode = "L;16" if image.mode == "L" else "RGB;16"
    stream = io.BytesIO()
    pillow_heif.from_bytes(mode, image.size, samples.tobytes()).save(stream, quality=95, **options)
    return stream.getvalue()


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("chroma", [420, 444])
def test_heic_of_more_bits(bits: int, chroma: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pillow_heif.options, "SAVE_HDR_TO_12_BIT", bits == 12)
    data = deep_heic(PICTURE, chroma=chroma)
    assert pillow_heif.open_heif(io.BytesIO(data)).info["bit_depth"] == bits
    assert off(data, PICTURE) < 2
    assert off(deep_heic(GREY), GREY) < 2


@pytest.mark.parametrize("name", [b"mif1", b"msf1", b"miaf", b"iso8"])
@pytest.mark.parametrize("file_format", ["HEIF", "AVIF"])
def test_what_a_file_calls_itself_first_is_not_what_it_is(file_format: str, name: bytes) -> None:
    """``mif1`` is any picture of this family: 1.3.0 took such an AVIF for a damaged HEIC."""
    data = to_bytes(PICTURE, file_format, quality=95)
    other = data[:8] + name + data[12:]
    photo = decode(other)
    assert photo.format == file_format and photo.image.tobytes() == decode(data).image.tobytes()


@pytest.mark.parametrize("file_format", ["HEIF", "AVIF", "WEBP", "PNG"])
@pytest.mark.parametrize("image", [PICTURE, GREY], ids=["colour", "grey"])
def test_what_is_see_through_lies_on_white(file_format: str, image: Image.Image) -> None:
    mode = "RGBA" if image.mode == "RGB" else "LA"
    see_through = Image.merge(mode, (*image.split(), ALPHA))
    # As Chromium takes every AVIF's alpha: 16 is seen through, 235 is not.
    seen = ALPHA.point(lambda value: round((value - 16) * 255 / 219)) if file_format == "AVIF" else ALPHA
    on_white = Image.composite(image.convert("RGB"), Image.new("RGB", image.size, "white"), seen)
    assert off(to_bytes(see_through, file_format, quality=95), on_white) < 2
    assert off(to_bytes(image, file_format, quality=95), image) < 2


def test_an_avifs_alpha_is_taken_for_one_of_narrow_range_whatever_it_says() -> None:
    """So Chromium does, with which the rows of ``tests/browser/test_pixels.py`` hold it."""
    see_through = Image.merge("RGBA", (*PICTURE.split(), ALPHA))
    data = to_bytes(see_through, "AVIF", quality=95)
    with Image.open(io.BytesIO(data)) as one, Image.open(io.BytesIO(narrow_alpha(data))) as other:
        assert one.getchannel("A").tobytes() != other.getchannel("A").tobytes(), "it makes no difference"
    assert decode(narrow_alpha(data)).image.tobytes() == decode(data).image.tobytes()
