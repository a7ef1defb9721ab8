"""Six dark spots whose outlines are known."""

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from train.datasets.dataset import Collection, Record, Subset
from train.datasets.masks import Masks, open_masks


def ellipse(width, height, box):
    """Draws a filled ellipse as a mask."""
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).ellipse(box, fill=255)
    return np.asarray(mask) > 0


def make_spots(tmp_path: Path) -> tuple[Subset, Masks]:
    """Makes dark spots on white, their masks, and one photo without a mask."""
    records, members = [], {}
    with zipfile.ZipFile(tmp_path / "masks.zip", "w") as archive:
        for number in range(6):
            left, upper = 40 + 8 * number, 30 + 4 * number
            spot = left, upper, left + 30, upper + 24
            image = Image.new("RGB", (120, 90), "white")
            ImageDraw.Draw(image).ellipse(spot, fill="black")
            image.save(tmp_path / f"ISIC_{number}.png")
            mask = Image.fromarray(ellipse(120, 90, spot))
            if number < 5:
                file = io.BytesIO()
                mask.save(file, "PNG")
                archive.writestr(f"masks/ISIC_{number}_segmentation.png", file.getvalue())
            image_id = f"ISIC_{number}"
            members[image_id] = str(tmp_path / f"{image_id}.png")
            records.append(
                Record(image_id, "mel" if number % 2 else "nv", number % 2 == 1, image_id, "p", "made")
            )
    collection = Collection("made", tuple(records), None, members)
    return Subset(collection, collection.records), open_masks(tmp_path / "masks.zip")
