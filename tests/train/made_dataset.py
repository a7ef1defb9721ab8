"""A tiny HAM10000 in the official layout, its pictures rendered by code."""

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from tests.rendered import render_lesion
from train.datasets.dataset import open_collection
from train.datasets.negatives import negatives
from train.datasets.split import PHONE, format_split, make_split
from webapp.model.labels import CLASSES


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


def make_phone_photos(file: Path, patients: int = 36) -> Path:
    """Writes a zip in the layout of PAD-UFES-20's, a photo a patient, and a split by patient beside it."""
    kinds = (("BCC", "bcc"), ("ACK", "akiec"), ("NEV", "nv"), ("SEK", "bkl"), ("MEL", "mel"), ("SCC", ""))
    photos, rows = {}, []
    for number in range(patients):
        dx_orig, dx = kinds[number % len(kinds)]
        image_id = f"PAT_{number}_1"
        photos[image_id] = render_lesion(900 + number, 90, 90)
        rows.append(
            {
                "image_id": image_id,
                "dx": dx,
                "malignant": int(dx_orig not in ("NEV", "SEK")),
                "dx_orig": dx_orig,
                "patient_id": f"PAT_{number}",
                "lesion_id": number,
                "fitzpatrick": ("2.0", "4.0", "")[number % 3],
            }
        )
    write_zip(file, photos, rows)
    split = format_split(make_split(open_collection(file).records, PHONE), PHONE)
    file.with_name("split_phone.csv").write_text(split)
    return file


def make_other_dermoscopy(file: Path, count: int = 30) -> Path:
    """Writes a zip in the layout of ISIC 2017's, which names three diagnoses and no lesions."""
    photos = {f"ISIC_{number:07d}": render_lesion(600 + number, 80, 80) for number in range(count)}
    rows = [{"image_id": name, "dx": ("nv", "mel", "bkl")[i % 3]} for i, name in enumerate(photos)]
    write_zip(file, photos, rows)
    return file


def make_everyday_photos(file: Path, count: int = 16) -> Path:
    """Writes a zip in the layout of the everyday photos': drawn pictures, half of them called animals."""
    photos = {
        f"n0{(1440764, 4000000)[number % 2]}_{number}": picture
        for number, picture in enumerate(negatives("drawing", count, seed=7))
    }
    write_zip(file, photos, [{"image_id": name, "dx": "", "imagenet_class": "made"} for name in photos])
    return file


def write_zip(file: Path, photos: Mapping[str, Image.Image], rows: Sequence[Mapping[str, object]]) -> None:
    """Writes ``images/`` and ``labels.csv``."""
    table = io.StringIO()
    writer = csv.DictWriter(table, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("labels.csv", table.getvalue())
        for name, picture in photos.items():
            data = io.BytesIO()
            picture.save(data, "JPEG", quality=90)
            zipped.writestr(f"images/{name}.jpg", data.getvalue())


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
