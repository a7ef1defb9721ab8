"""One reader for every layout in which the images come.

``open_collection`` takes the official HAM10000 folder (as on Harvard Dataverse and Kaggle), a zip
with ``images/`` and ``labels.csv``, or a folder with one sub-folder a class.
"""

import csv
import io
import itertools
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from webapp.model.labels import CLASSES, MALIGNANT
from webapp.photo.imaging import Box, PhotoError, decode

IMAGE_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".webp")
METADATA: Final = "HAM10000_metadata"
IMAGE_FOLDERS: Final = ("HAM10000_images_part_1", "HAM10000_images_part_2")
# This zip holds 4:3 frames squashed to a square.
SQUASHED_ASPECT: Final = 4 / 3
SQUASHED_ZIPS: Final = ("isic2017",)


class DatasetError(Exception):
    """The images and their labels do not fit together; the message names the culprit."""


@dataclass(frozen=True)
class Record:
    """What is known of one image.

    ``dx`` is ``None`` where only ``malignant`` is known. ``aspect`` is the true width over height
    of an image that was squashed to another shape, ``None`` if it has its true shape.
    """

    image_id: str
    dx: str | None
    malignant: bool
    lesion_id: str
    patient_id: str
    source: str
    aspect: float | None = None
    dx_type: str = ""
    age: float | None = None
    sex: str = ""
    localization: str = ""
    skin_type: str = ""
    dx_original: str = ""


@dataclass(frozen=True)
class Collection:
    """Records and where the bytes of their images are."""

    name: str
    records: tuple[Record, ...]
    archive: Path | None
    members: Mapping[str, str]

    def read(self, records: Iterable[Record]) -> Iterator[tuple[Record, bytes]]:
        """Yields each record with the bytes of its image file, in order.

        Raises:
            DatasetError: An image file cannot be read.
        """
        archive = zipfile.ZipFile(self.archive) if self.archive else None
        try:
            for record in records:
                member = self.members[record.image_id]
                try:
                    yield record, archive.read(member) if archive else Path(member).read_bytes()
                except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
                    raise DatasetError(f"{self.name}: cannot read {member}: {error}") from error
        finally:
            if archive:
                archive.close()

    def images(self, records: Iterable[Record]) -> Iterator[tuple[Record, Image.Image]]:
        """Yields each record with its decoded RGB image.

        Raises:
            DatasetError: An image is missing, damaged or of an unknown format.
        """
        for record, data in self.read(records):
            try:
                yield record, decode(data).image
            except PhotoError as error:
                raise DatasetError(f"{self.name}: {self.members[record.image_id]}: {error}") from error


@dataclass(frozen=True)
class Subset:
    """Some records of a collection: a part of a split, usually."""

    collection: Collection
    records: tuple[Record, ...]

    def images(self) -> Iterator[tuple[Record, Image.Image]]:
        """Yields each record with its decoded RGB image, as :meth:`Collection.images` does."""
        return self.collection.images(self.records)

    @property
    def classes(self) -> np.ndarray:
        """Class indices, ``int (count,)``.

        Squamous cell carcinoma, which has no code of its own, counts as ``akiec``, the class of its
        early forms. A record that is only known to be malignant or not raises :class:`DatasetError`.
        """
        return np.array([class_index(record) for record in self.records])


def class_index(record: Record) -> int:
    """Returns where a record's class stands in ``CLASSES``; see :attr:`Subset.classes`."""
    if record.dx is not None:
        return CLASSES.index(record.dx)
    if record.dx_original == "SCC":
        return CLASSES.index("akiec")
    raise DatasetError(f"{record.source}: {record.image_id} has no diagnosis, only malignant or not")


def open_collection(path: Path) -> Collection:
    """Opens a set of labelled images in any of the known layouts.

    Args:
        path: A zip with ``images/`` and ``labels.csv``; a folder with
            ``HAM10000_images_part_1/``, ``HAM10000_images_part_2/`` and
            ``HAM10000_metadata[.csv]``; or a folder with one sub-folder for each ``dx`` code.

    Returns:
        The collection, every record checked against the image files that are there.

    Raises:
        DatasetError: Unknown layout, or an image, ``dx`` or id that is wrong; the message names it.
    """
    if path.is_file() and zipfile.is_zipfile(path):
        return _open_zip(path)
    if path.is_dir():
        if any((path / name).is_file() for name in (METADATA, f"{METADATA}.csv")):
            return _open_official(path)
        if any((path / dx).is_dir() for dx in CLASSES):
            return _open_class_folders(path)
    raise DatasetError(
        f"{path}: neither a zip with labels.csv, nor a folder with {METADATA}.csv, "
        f"nor a folder with sub-folders {', '.join(CLASSES)}"
    )


def _open_zip(path: Path) -> Collection:
    with zipfile.ZipFile(path) as archive:
        members = {
            Path(name).stem: name for name in archive.namelist() if name.lower().endswith(IMAGE_SUFFIXES)
        }
        try:
            text = archive.read("labels.csv").decode()
        except KeyError:
            raise DatasetError(f"{path}: labels.csv is missing") from None
    rows = csv.DictReader(io.StringIO(text))
    return collection_of(path.stem, path, rows, members, squashed=path.stem in SQUASHED_ZIPS)


def _open_official(path: Path) -> Collection:
    metadata = next(path / name for name in (f"{METADATA}.csv", METADATA) if (path / name).is_file())
    members = {
        file.stem: str(file)
        for part in IMAGE_FOLDERS
        for file in sorted((path / part).glob("*"))
        if file.suffix.lower() in IMAGE_SUFFIXES
    }
    with metadata.open(newline="", encoding="utf-8") as rows:
        return collection_of("ham10000", None, csv.DictReader(rows), members, squashed=False)


def _open_class_folders(path: Path) -> Collection:
    unknown = sorted(
        folder.name for folder in path.iterdir() if folder.is_dir() and folder.name not in CLASSES
    )
    if unknown:
        raise DatasetError(f"{path}: folder {unknown[0]!r} is no dx code ({', '.join(CLASSES)})")
    files = [
        file
        for dx in CLASSES
        for file in sorted((path / dx).glob("*"))
        if file.suffix.lower() in IMAGE_SUFFIXES
    ]
    rows = [{"image_id": file.stem, "dx": file.parent.name} for file in files]
    return collection_of(path.name, None, rows, {file.stem: str(file) for file in files}, squashed=False)


def collection_of(
    name: str,
    archive: Path | None,
    rows: Iterable[Mapping[str, str]],
    members: Mapping[str, str],
    squashed: bool,
) -> Collection:
    records, seen = [], set()
    for row in rows:
        record = _record(name, row, squashed)
        if record.image_id in seen:
            raise DatasetError(f"{name}: image id {record.image_id} stands twice in the labels")
        if record.image_id not in members:
            raise DatasetError(f"{name}: the image of {record.image_id} is missing")
        seen.add(record.image_id)
        records.append(record)
    if not records:
        raise DatasetError(f"{name}: no image has a label")
    return Collection(name, tuple(records), archive, members)


def _record(name: str, row: Mapping[str, str], squashed: bool) -> Record:
    image_id = row.get("image_id")
    if not image_id:
        raise DatasetError(f"{name}: the labels have a row without an image_id")
    dx = row.get("dx") or None
    if dx is not None and dx not in CLASSES:
        raise DatasetError(f"{name}: {image_id} has the unknown dx {dx!r} (known: {', '.join(CLASSES)})")
    if dx is None and row.get("malignant") not in ("0", "1") and "imagenet_class" not in row:
        raise DatasetError(f"{name}: {image_id} has neither a dx nor a malignant label")
    lesion_id = row.get("lesion_id") or image_id
    try:
        age = float(row["age"]) if row.get("age") else None
    except ValueError:
        raise DatasetError(f"{name}: {image_id} has the age {row['age']!r}, which is no number") from None
    return Record(
        image_id=image_id,
        dx=dx,
        malignant=row["malignant"] == "1" if row.get("malignant") else dx in MALIGNANT,
        lesion_id=lesion_id,
        patient_id=row.get("patient_id") or lesion_id,
        source=name,
        aspect=SQUASHED_ASPECT if squashed else None,
        dx_type=row.get("dx_type", ""),
        age=age,
        sex=row.get("sex") or row.get("gender") or "",
        localization=row.get("localization") or row.get("region") or "",
        skin_type=row.get("fitzpatrick", ""),
        dx_original=row.get("dx_orig", ""),
    )


def true_centre_square(width: int, height: int, aspect: float | None) -> Box | None:
    """Returns the box that undoes a squash: the centre square of the original frame.

    Args:
        width: Width of the stored image in pixels.
        height: Height of the stored image in pixels.
        aspect: True width over height, ``None`` for an image that was not squashed.

    Returns:
        A box for :func:`webapp.photo.imaging.model_input`; ``None`` means its default, the centre square.
    """
    if aspect is None:
        return None
    if aspect >= 1:
        margin = width * (1 - 1 / aspect) / 2
        return margin, 0, width - margin, height
    margin = height * (1 - aspect) / 2
    return 0, margin, width, height - margin


@dataclass(frozen=True)
class Frames:
    """Decoded training images, all brought to one square size, and their true aspects.

    ``pixels`` is ``uint8`` of shape ``(count, size, size, 3)``; ``aspects`` is ``float32``.
    """

    pixels: np.ndarray
    aspects: np.ndarray


def load_frames(subsets: Sequence[Subset], size: int) -> Frames:
    """Decodes whole frames into memory, squashed to ``size`` × ``size`` (400: 480 kB each)."""
    count = sum(len(subset.records) for subset in subsets)
    pixels = np.empty((count, size, size, 3), np.uint8)
    aspects = np.empty(count, np.float32)
    images = itertools.chain.from_iterable(subset.images() for subset in subsets)
    for i, (record, image) in enumerate(images):
        aspects[i] = record.aspect or image.width / image.height
        if image.size != (size, size):
            image = image.resize((size, size), Image.Resampling.BICUBIC)
        pixels[i] = np.asarray(image)
    return Frames(pixels, aspects)
