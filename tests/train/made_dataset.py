"""A tiny HAM10000 in the official layout, its pictures rendered by code."""

import csv
import io
import zipfile
from pathlib import Path

from PIL import Image, ImageDraw

from tests.rendered import render_lesion
from webapp.labels import CLASSES


def make_dataset(folder: Path, lesions_per_class: int = 6, images_per_lesion: int = 1) -> Path:
    """Writes ``HAM10000_images_part_1/``, ``…_part_2/`` and ``HAM10000_metadata.csv``."""
    rows = []
    for part in (1, 2):
        (folder / f"HAM10000_images_part_{part}").mkdir(parents=True)
    for c, dx in enumerate(CLASSES):
        for lesion in range(lesions_per_class):
            for image in range(images_per_lesion):
                number = (c * lesions_per_class + lesion) * images_per_lesion + image
                image_id = f"ISIC_9{number:06d}"
                file = folder / f"HAM10000_images_part_{1 + number % 2}" / f"{image_id}.jpg"
                render_lesion(number, 80, 60).save(file, quality=90)
                rows.append(
                    {
                        "lesion_id": f"HAM_9{c}{lesion:05d}",
                        "image_id": image_id,
                        "dx": dx,
                        "dx_type": "histo",
                        "age": "50.0",
                        "sex": "female",
                        "localization": "back",
                    }
                )
    with (folder / "HAM10000_metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder


def make_masks(folder: Path) -> Path:
    """Writes a zip of masks beside a dataset of :func:`make_dataset`: an oval in one quarter of each."""
    file = io.BytesIO()
    mask = Image.new("1", (80, 60))
    ImageDraw.Draw(mask).ellipse((10, 2, 40, 30), fill=1)
    mask.save(file, "PNG")
    archive = folder.with_name("masks.zip")
    with zipfile.ZipFile(archive, "w") as zipped:
        for photo in sorted(folder.glob("*/*.jpg")):
            zipped.writestr(f"{photo.stem}_segmentation.png", file.getvalue())
    return archive
