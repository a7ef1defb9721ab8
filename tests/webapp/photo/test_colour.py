"""The same picture in other colours is the same picture: profiles, numbers for colours, and HDR."""

import io
import logging
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from tests import containers, profiles
from tests.hazards import png_chunk, png_of
from tests.rendered import render_lesion, to_bytes
from webapp.config import Settings
from webapp.model.predictor import Predictor, open_predictor
from webapp.photo import colour
from webapp.photo.imaging import decode

PICTURE: Final = render_lesion(3, 300, 225)
PIXELS: Final = np.asarray(PICTURE)
P3: Final = profiles.rgb_profile(profiles.DISPLAY_P3)
SPACES: Final[dict[str, tuple[Any, ...]]] = {
    "Display P3": (profiles.DISPLAY_P3, None),
    # The exponents as profiles hold them, in 256ths.
    "Adobe RGB": (profiles.ADOBE_RGB, 563 / 256),
    "ProPhoto": (profiles.PROPHOTO, 461 / 256, profiles.D50),
}


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return open_predictor(Settings())


def off(data: bytes, expected: Image.Image = PICTURE) -> float:
    """Mean difference of what is judged, 0–255."""
    return float(np.abs(np.asarray(decode(data).image, float) - np.asarray(expected.convert("RGB"))).mean())


def picture(values: np.ndarray) -> Image.Image:
    return Image.fromarray((values * 255).round().astype(np.uint8))


def with_profile(image: Image.Image, file_format: str, profile: bytes) -> bytes:
    if file_format == "JPEG":
        return containers.in_jpeg(to_bytes(image, "JPEG", quality=98), *containers.icc_segments(profile))
    if file_format == "HEIF":
        return to_bytes(image, "HEIF", quality=-1, chroma=444, icc_profile=profile)
    options = {"WEBP": {"lossless": True}, "AVIF": {"quality": 98, "subsampling": "4:4:4"}, "PNG": {}}
    return to_bytes(image, file_format, icc_profile=profile, **options[file_format])


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF"])
@pytest.mark.parametrize("space", SPACES)
def test_an_embedded_profile_counts(file_format: str, space: str) -> None:
    stored = picture(profiles.stored_as(PIXELS, *SPACES[space]))
    assert off(with_profile(stored, file_format, profiles.rgb_profile(*SPACES[space]))) < 3


def in_srgb(stored: Image.Image, space: str) -> Image.Image:
    """What is stored in another space, converted with floats and rounded once."""
    primaries, gamma, *white = SPACES[space]
    values = np.asarray(stored) / 255
    light = profiles.decoded_srgb(values) if gamma is None else values**gamma
    matrix = np.linalg.inv(profiles.to_xyz(profiles.SRGB)) @ profiles.to_xyz(primaries, *white)
    return picture(profiles.encoded_srgb(np.clip(light @ matrix.T, 0, 1)))


@pytest.mark.parametrize("kind", ["dermoscopy", "phone"])
@pytest.mark.parametrize(
    "space", [name if name == "Display P3" else pytest.param(name, marks=pytest.mark.slow) for name in SPACES]
)
def test_a_profile_changes_no_answer(predictor: Predictor, space: str, kind: Any) -> None:
    moved = []
    for seed in range(4):
        original = render_lesion(seed, kind=kind)
        stored = picture(profiles.stored_as(np.asarray(original), *SPACES[space]))
        file = with_profile(stored, "PNG", profiles.rgb_profile(*SPACES[space]))
        seen = decode(file).image
        off = np.abs(np.asarray(seen, int) - np.asarray(in_srgb(stored, space), int))
        # Whatever a network makes of it: 2.1 % of Adobe RGB's values at most come out one level off.
        assert off.max() <= 1 and (off > 0).mean() < 0.025, "the conversion"
        moved.append(abs(predictor.predict(seen).malignancy - predictor.predict(original).malignancy))
    # What is left is the file's own loss: 8 bits of a wider space. 24 photos in ProPhoto, converted without
    # any rounding, move by 0.0063 on average and 0.035 at most; stored with 16 bits, not at all.
    assert np.mean(moved) < 0.005 and max(moved) < 0.015


def test_a_large_photo_keeps_its_colours() -> None:
    large = PICTURE.resize((2400, 1800), Image.Resampling.BICUBIC)
    stored = picture(profiles.stored_as(np.asarray(large), *SPACES["Display P3"]))
    for file_format in ("JPEG", "PNG"):
        photo = decode(with_profile(stored, file_format, P3))
        assert photo.image.size == (1200, 900)
        assert np.abs(np.asarray(photo.image, float) - np.asarray(large.reduce(2), float)).mean() < 1.5


def test_grey_pictures_have_profiles_too() -> None:
    grey = PICTURE.convert("L")
    stored = Image.fromarray((np.asarray(grey) / 255 * 255).astype(np.uint8)).point(
        [round(255 * float(profiles.decoded_srgb(np.array(v / 255))) ** (1 / 1.4)) for v in range(256)]
    )
    for file_format in ("JPEG", "PNG"):
        assert off(with_profile(stored, file_format, profiles.grey_profile(1.4)), grey) < 1.5
    assert off(with_profile(stored, "JPEG", profiles.rgb_profile(profiles.SRGB, 1.4)), grey) < 1.5


def test_printers_colours_are_read_by_their_profile() -> None:
    inks = PICTURE.convert("CMYK")
    data = containers.in_jpeg(
        to_bytes(inks, "JPEG", quality=98), *containers.icc_segments(profiles.cmyk_profile())
    )
    assert off(data) > 10, "this printer's inks are no pure colours"
    light = np.asarray(inks, float)[..., :, None] / 255
    absorbed = np.array([[2.2, 0.5, 0.1], [0.2, 2.0, 0.5], [0.02, 0.2, 1.9], [2.4, 2.4, 2.4]])
    expected = picture(profiles.encoded_srgb(np.exp(-(light * absorbed).sum(axis=-2))))
    assert off(data, expected) < 4


BAD: Final[dict[str, Callable[[], bytes]]] = {
    "too large": profiles.large_profile,
    "cut off": lambda: P3[:-10],
    "half": lambda: P3[: len(P3) // 2],
    "nothing": lambda: bytes(200),
    "another colour model": profiles.lab_profile,
    "printer's": profiles.cmyk_profile,
    "grey": lambda: profiles.grey_profile(1.4),
    "no curves": lambda: profiles.profile(b"RGB ", {}),
    "of the future": lambda: P3[:8] + b"\x05" + P3[9:],
    "a million tags": lambda: P3[:128] + b"\0\x0f\xff\xff" + P3[132:],
}


@pytest.mark.parametrize("name", BAD)
def test_an_unusable_profile_is_ignored_and_noted(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="webapp")
    data = containers.in_jpeg(to_bytes(PICTURE, "JPEG", quality=98), *containers.icc_segments(BAD[name]()))
    assert off(data) < 2
    (record,) = caplog.records
    assert record.getMessage() == "colour profile ignored"
    assert record.__dict__["fields"].keys() == {"reason"}


def test_a_profile_takes_no_time() -> None:
    """Little-cms alone takes half a minute for this one, whose long way round leads to sRGB."""
    slow = containers.icc_segments(profiles.slow_profile())
    data = containers.in_jpeg(to_bytes(PICTURE, "JPEG", quality=98), *slow)
    started = time.process_time()
    assert off(data) < 2
    assert time.process_time() - started < 5


def test_what_is_kept_of_profiles_is_little() -> None:
    for number in range(30):
        colour.from_profile(profiles.rgb_profile(profiles.SRGB, 1 + number / 20), "RGB")
    assert len(colour._made) <= 8


def gamma(value: float) -> bytes:
    return png_chunk(b"gAMA", round(value * 100_000).to_bytes(4))


def chromaticities(primaries: profiles.Primaries) -> bytes:
    numbers = [number for pair in (profiles.D65, *primaries) for number in pair]
    return png_chunk(b"cHRM", b"".join(round(number * 100_000).to_bytes(4) for number in numbers))


def numbers(primaries: int, transfer: int) -> bytes:
    return png_chunk(b"cICP", bytes([primaries, transfer, 0, 1]))


def test_of_a_pngs_ways_to_name_its_colours_the_first_counts() -> None:
    p3, adobe = (to_bytes(picture(profiles.stored_as(PIXELS, *SPACES[s])), "PNG") for s in list(SPACES)[:2])
    icc = containers.iccp(profiles.rgb_profile(*SPACES["Adobe RGB"]))
    srgb = png_chunk(b"sRGB", b"\0")
    assert off(containers.in_png(p3, icc, srgb, numbers(12, 13))) < 1
    assert off(containers.in_png(adobe, srgb, icc, gamma(1.0))) < 1
    assert off(containers.in_png(to_bytes(PICTURE, "PNG"), srgb, gamma(1.0))) < 1
    assert off(containers.in_png(adobe, gamma(1 / 2.2), chromaticities(profiles.ADOBE_RGB))) < 1
    linear = to_bytes(picture(profiles.decoded_srgb(PIXELS / 255)), "PNG")
    assert off(containers.in_png(linear, gamma(1.0))) < 3
    for absurd in (gamma(0), png_chunk(b"gAMA"), gamma(1.0) + png_chunk(b"cHRM", bytes(32))):
        assert off(containers.in_png(to_bytes(PICTURE, "PNG"), absurd)) < 1


@pytest.mark.parametrize("file_format", ["HEIF", "AVIF"])
def test_numbers_for_colours_count_in_heic_and_avif(file_format: str) -> None:
    stored = picture(profiles.stored_as(PIXELS, *SPACES["Display P3"]))
    options = (
        {"chroma": 444, "quality": 98} if file_format == "HEIF" else {"quality": 98, "subsampling": "4:4:4"}
    )
    data = to_bytes(stored, file_format, **options)
    assert off(containers.with_properties(data, containers.nclx(12, 13), without=[b"colr"])) < 3


PQ, HLG = 16, 18


def hdr(pixels: np.ndarray, transfer: int) -> np.ndarray:
    """An sRGB picture as an HDR camera stores it: BT.2020, white paper at 203 cd/m² (ITU-R BT.2408)."""
    light = profiles.decoded_srgb(np.asarray(pixels, float) / 255)
    matrix = np.linalg.inv(profiles.to_xyz(profiles.BT2020)) @ profiles.to_xyz(profiles.SRGB)
    light = np.clip(light @ matrix.T, 0, 1) * 203
    if transfer == PQ:  # SMPTE ST 2084
        power = (light / 10_000) ** (2610 / 16384)
        return ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)
    brightness = np.maximum(light @ [0.2627, 0.6780, 0.0593], 1e-6)[..., None]
    scene = light / 1000 * (brightness / 1000) ** (1 / 1.2 - 1)  # the inverse of HLG's system gamma
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), a * np.log(np.maximum(12 * scene - b, 1e-9)) + c)


def hdr_file(pixels: np.ndarray, transfer: int, kind: str) -> bytes:
    values = hdr(pixels, transfer)
    height, width = values.shape[:2]
    if kind == "PNG of 16 bits":
        rows = b"".join(b"\0" + row.tobytes() for row in (values * 65_535).round().astype(">u2"))
        return containers.in_png(png_of(width, height, 2, 16, rows), numbers(9, transfer))
    if kind == "AVIF":
        data = to_bytes(picture(values), "AVIF", quality=98, subsampling="4:4:4", speed=9)
        return containers.with_properties(data, containers.nclx(9, transfer), without=[b"colr"])
    if kind == "JPEG whose profile says so":
        profile = profiles.cicp_profile(profiles.BT2020, transfer)
        data = to_bytes(picture(values), "JPEG", quality=98, subsampling=0)
        return containers.in_jpeg(data, *containers.icc_segments(profile))
    image = pillow_heif.from_bytes(
        "RGB;16", (width, height), (values * 65_535).round().astype("<u2").tobytes()
    )
    stream = io.BytesIO()
    image.save(stream, quality=95, chroma=444, enc_params={"preset": "ultrafast"})
    return containers.with_properties(stream.getvalue(), containers.nclx(9, transfer), without=[b"colr"])


HDR_KINDS: Final = ("HEIC of 10 bits", "AVIF", "PNG of 16 bits", "JPEG whose profile says so")


@pytest.mark.parametrize("kind", HDR_KINDS)
@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_hdr_is_brought_to_the_ordinary_picture(predictor: Predictor, kind: str, transfer: int) -> None:
    for seed in range(2):
        original = render_lesion(seed, 450, 450, kind="phone")
        photo = decode(hdr_file(np.asarray(original), transfer, kind))
        difference = np.asarray(photo.image, float) - np.asarray(original, float)
        assert np.abs(difference).mean() < 6
        seen, expected = (predictor.predict(image).malignancy for image in (photo.image, original))
        assert seen == pytest.approx(expected, abs=0.05)


def test_what_is_brighter_than_paper_is_white() -> None:
    bright = np.full((64, 64, 3), 0.75)  # about 1,000 cd/m²
    rows = b"".join(b"\0" + row.tobytes() for row in (bright * 65_535).astype(">u2"))
    data = containers.in_png(png_of(64, 64, 2, 16, rows), numbers(9, PQ))
    assert decode(data).image.getpixel((9, 9)) == (255, 255, 255)
