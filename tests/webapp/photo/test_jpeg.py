"""Damage that a JPEG decoder smooths over, and what looks like it and is none."""

import random
from functools import cache
from typing import Final

import pytest

from tests.containers import jpeg_segment
from tests.rendered import render_lesion, to_bytes
from train.datasets.dataset import open_collection
from webapp.photo.imaging import DamagedImage, decode
from webapp.photo.jpeg import read_parts

PHOTO: Final = render_lesion(3, 480, 360)
KINDS: Final = {
    "baseline": {},
    "optimised": {"optimize": True},
    "grey": {},
    "restarts": {"restart_marker_blocks": 8},
    "restarts a row": {"restart_marker_rows": 1},
    "progressive": {"progressive": True},
    "progressive, restarts": {"progressive": True, "restart_marker_blocks": 8},
}


@cache
def jpeg(kind: str, quality: int = 90) -> bytes:
    image = PHOTO.convert("L") if kind == "grey" else PHOTO
    return to_bytes(image, "JPEG", quality=quality, **KINDS[kind])


def blanked(data: bytes, begin: int, length: int, value: int = 0) -> bytes:
    return data[:begin] + bytes([value]) * length + data[begin + length :]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [64, 300, 1_000, 4_000])
@pytest.mark.parametrize("share", [0.15, 0.3, 0.45, 0.6, 0.75])
def test_a_blank_middle_is_damage(kind: str, length: int, share: float) -> None:
    """1.2.1 read every one of these as if whole, grey or smeared."""
    data = jpeg(kind)
    with pytest.raises(DamagedImage):
        decode(blanked(data, int(share * len(data)), length))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [0xFF, 0x55])
def test_so_is_a_middle_that_was_overwritten_otherwise(kind: str, value: int) -> None:
    data = jpeg(kind)
    with pytest.raises(DamagedImage):
        decode(blanked(data, len(data) // 2, 2_000, value))


@pytest.mark.parametrize("kind", KINDS)
def test_so_is_the_middle_of_another_file(kind: str) -> None:
    data, noise = jpeg(kind), random.Random(1).randbytes(3_000).replace(b"\xff", b"\0")
    middle = len(data) // 2
    with pytest.raises(DamagedImage):
        decode(data[:middle] + noise + data[middle + len(noise) :])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.3, 0.7, 0.97])
def test_an_end_that_was_put_behind_a_cut_hides_nothing(kind: str, share: float) -> None:
    data = jpeg(kind)
    cut = data[: int(share * len(data))]
    for end in (b"", b"\xff\xd9", bytes(5_000) + b"\xff\xd9"):
        with pytest.raises(DamagedImage):
            decode(cut + end)


def test_a_progressive_photo_that_ends_between_two_scans_is_cut_off() -> None:
    data = jpeg("progressive")
    scan = read_parts(data).scans[3]
    with pytest.raises(DamagedImage):
        decode(data[: scan.end])


def test_an_odd_head_hides_no_damage() -> None:
    """What a decoder complains of first is not all that is wrong."""
    data = jpeg("baseline").replace(b"JFIF\0\1\1", b"JFIF\0\7\1", 1)
    noise = random.Random(1).randbytes(3_000).replace(b"\xff", b"\0")
    with pytest.raises(DamagedImage):
        decode(data[: len(data) // 2] + noise + data[len(data) // 2 + len(noise) :])


@pytest.mark.parametrize("quality", [5, 30, 60, 75, 85, 95, 100])
@pytest.mark.parametrize("kind", KINDS)
def test_whole_photos_are_none(kind: str, quality: int) -> None:
    decode(jpeg(kind, quality))


@pytest.mark.parametrize("quality", [10, 75, 100])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("colour", ["white", "black", (200, 150, 130)])
def test_flat_pictures_are_none(colour: object, subsampling: int, quality: int) -> None:
    from PIL import Image

    flat = Image.new("RGB", (640, 480), colour)  # type: ignore[arg-type]
    flat.paste(PHOTO.resize((96, 72)), (270, 200))
    for options in ({}, {"optimize": True}, {"progressive": True}):
        decode(to_bytes(flat, "JPEG", quality=quality, subsampling=subsampling, **options))


def test_oddities_of_cameras_are_none() -> None:
    data = jpeg("baseline")
    whole = decode(data).image.tobytes()
    odd = {
        "no end": data[:-2],
        "filled up with zeros": data[:-2] + bytes(300) + b"\xff\xd9",
        "filled up with ones": data[:-2] + b"\xff" * 300 + b"\xff\xd9",
        "a later version of JFIF": data.replace(b"JFIF\0\1\1", b"JFIF\0\7\1", 1),
        "junk in its head": data[:20] + b"\0\1\2\3" + data[20:],
        "a profile that is none": data[:2] + jpeg_segment(0xE2, b"ICC_PROFILE\0\7\3") + data[2:],
        "a segment longer than it says": data[:2] + jpeg_segment(0xEF, b"odd") + b"odd" + data[2:],
        "a film behind it": data + bytes(5_000),
    }
    for name, file in odd.items():
        assert decode(file).image.tobytes() == whole, name


@pytest.mark.shared
def test_no_photo_of_a_collection_is_damaged(shared_data: object) -> None:
    import zipfile
    from pathlib import Path

    for name in ("pad_ufes_20.zip", "isic2018_task3_validation.zip", "natural_photos.zip"):
        collection = open_collection(Path(str(shared_data)) / name)
        with zipfile.ZipFile(Path(str(shared_data)) / name) as archive:
            for member in sorted(collection.members.values())[:150]:
                decode(archive.read(member))
