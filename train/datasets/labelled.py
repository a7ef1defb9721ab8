"""A folder of images and a table of labels, as a stranger has them."""

import csv
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from train.datasets.dataset import Collection, DatasetError, collection_of
from webapp.model.labels import CLASSES
from webapp.photo.files import SUFFIXES, is_photo

IDS: Final = ("image_id", "image", "isic_id")
MALIGNANT_WORDS: Final = {
    **dict.fromkeys(("1", "1.0", "true", "malignant"), "1"),
    **dict.fromkeys(("0", "0.0", "false", "benign"), "0"),
}


def open_labelled(images: Path, labels: Path, aspect: float | None = None) -> Collection:
    """Opens a folder of images whose labels stand in a CSV file.

    The file names each image in a column ``image`` or ``image_id``, with or without its suffix, and
    says what it is in one of three ways: one column a class with a single 1 (the official ISIC
    challenges), a ``dx`` code, or ``malignant`` as 0 or 1. ``lesion_id``, where given, tells which
    images show the same lesion. Capital and small letters are the same.

    Args:
        images: The folder; sub-folders count.
        labels: The CSV file. Images that it does not name are left out.
        aspect: True width over height where the files were squashed to another shape.

    Raises:
        DatasetError: An image is missing, or a label unknown; the message names it.
    """
    if not images.is_dir():
        raise DatasetError(f"{images} is no folder")
    members: dict[str, str] = {}
    for file in sorted(images.rglob("*")):
        if file.name.startswith(".") or not is_photo(file):
            continue
        if other := members.get(file.stem):
            raise DatasetError(f"{other} and {file} have the same name: which one do the labels mean?")
        members[file.stem] = str(file)
    try:
        with labels.open(newline="", encoding="utf-8-sig") as table:
            collection = collection_of(images.name, None, _rows(labels, table), members, squashed=False)
    except OSError as error:
        raise DatasetError(f"{labels} cannot be opened: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{labels} is no CSV file: {error}") from None
    records = tuple(dataclasses.replace(record, aspect=aspect) for record in collection.records)
    return dataclasses.replace(collection, records=records)


def _rows(labels: Path, table: Iterator[str]) -> Iterator[dict[str, str]]:
    """Yields the rows as :func:`train.datasets.dataset.collection_of` knows them."""
    reader = csv.DictReader(table)
    columns = [(name or "").strip().lower() for name in reader.fieldnames or ()]
    reader.fieldnames = columns
    id_column = next((name for name in IDS if name in columns), None)
    one_hot = [name for name in columns if name in CLASSES]
    if id_column is None:
        raise DatasetError(f"{labels} has no column image or image_id")
    if not (one_hot or {"dx", "malignant"} & set(columns)):
        raise DatasetError(
            f"{labels} has neither a column dx nor malignant nor one for each of {', '.join(CLASSES)}"
        )
    for row in reader:
        cells = {name: (value or "").strip() for name, value in row.items() if isinstance(name, str)}
        image = Path(cells[id_column])
        cells["image_id"] = image.stem if image.suffix.lower() in SUFFIXES else cells[id_column]
        cells["dx"] = _one_of(labels, cells, one_hot) if one_hot else cells.get("dx", "").lower()
        said = cells.get("malignant", "")
        if said and said.lower() not in MALIGNANT_WORDS:
            raise DatasetError(f"{labels}: {cells['image_id']} has {said!r} as malignant, not 0 or 1")
        cells["malignant"] = MALIGNANT_WORDS.get(said.lower(), "")
        yield cells


def _one_of(labels: Path, cells: Mapping[str, str], one_hot: list[str]) -> str:
    """Returns the one class whose cell is 1."""
    said = []
    for dx in one_hot:
        try:
            share = float(cells[dx] or 0)
        except ValueError:
            raise DatasetError(f"{labels}: {cells['image_id']} has {cells[dx]!r} as {dx.upper()}") from None
        if share not in (0, 1):
            raise DatasetError(f"{labels}: {cells['image_id']} has {cells[dx]} as {dx.upper()}, not 0 or 1")
        if share:
            said.append(dx)
    if len(said) != 1:
        what = f"{len(said)} classes ({', '.join(said)})" if said else f"none of {', '.join(CLASSES)}"
        raise DatasetError(f"{labels}: {cells['image_id']} is {what}; exactly one must be 1")
    return said[0]
