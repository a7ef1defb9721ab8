"""A picture under another name is found by how it looks."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from train.datasets.dataset import Collection, Record, Subset
from train.datasets.near_copies import (
    NearCopy,
    near_copies,
    read_near_copies,
    thumbnails,
    write_near_copies,
)


def spot(seed: int) -> Image.Image:
    """A few discs on skin, at other places for each seed."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (300, 300), (220, 180, 160))
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y, radius = rng.integers(40, 260), rng.integers(40, 260), rng.integers(15, 60)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(90, int(rng.integers(130)), 50))
    return image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed in range(6):
        spot(seed).save(tmp_path / f"first{seed}.png")
    spot(3).resize((200, 200)).save(tmp_path / "again.jpg", quality=60)
    spot(4).rotate(90).save(tmp_path / "turned.png")
    spot(9).save(tmp_path / "other.png")
    return tmp_path


def subset(folder: Path, *names: str) -> Subset:
    files = {Path(name).stem: str(folder / name) for name in names}
    records = tuple(Record(name, "nv", False, name, name, "made") for name in files)
    return Subset(Collection("made", records, None, files), records)


def test_copies_are_found_though_smaller_compressed_or_turned(folder: Path) -> None:
    measuring = subset(folder, *(f"first{seed}.png" for seed in range(6)))
    found = near_copies([subset(folder, "again.jpg", "turned.png", "other.png")], [measuring])

    assert [(pair.image_id, pair.copy_of) for pair in found] == [("again", "first3"), ("turned", "first4")]


def test_a_thumbnail_knows_neither_brightness_nor_contrast(folder: Path) -> None:
    Image.open(folder / "first1.png").point(lambda level: level // 2 + 60).save(folder / "paler.png")
    one, paler = thumbnails(subset(folder, "first1.png", "paler.png"))

    assert float(one @ paler) > 0.999
    assert np.linalg.norm(one) == pytest.approx(1, abs=1e-5)


def test_pairs_are_written_and_their_names_read(tmp_path: Path) -> None:
    file = tmp_path / "copies.csv"
    write_near_copies(file, [NearCopy("b", "x", 0.99), NearCopy("a", "y", 0.985)])

    assert file.read_text(encoding="utf-8") == "image_id,copy_of,correlation\na,y,0.9850\nb,x,0.9900\n"
    assert read_near_copies(file) == {"a", "b"}


def test_the_committed_list_names_no_photo_twice() -> None:
    assert all(name.startswith("ISIC_") for name in read_near_copies())
