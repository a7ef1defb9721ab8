"""The lesion-disjoint split of HAM10000: written once, committed, and checked by its hash."""

import csv
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Literal

import numpy as np

from train.dataset import Record

Part = Literal["train", "val", "test"]
PARTS: Final[tuple[Part, ...]] = ("train", "val", "test")
SHARES: Final = (0.70, 0.15, 0.15)
SEED: Final = 20180814  # the day HAM10000 was published
SPLIT_FILE: Final = Path(__file__).parent / "split.csv"


class SplitError(Exception):
    """The split file is damaged or does not belong to the images."""


def make_split(records: Sequence[Record]) -> dict[str, Part]:
    """Splits by lesion, stratified by diagnosis, 70 % / 15 % / 15 % of the lesions of each.

    All images of a lesion land in one part: a split by image would put most test melanomas next
    to another photo of themselves in training.

    Args:
        records: The images; each needs a ``lesion_id`` and a ``dx``.

    Returns:
        The part of each ``lesion_id``, in the order of the lesions' names.
    """
    lesions: dict[str, set[str]] = defaultdict(set)
    for record in records:
        lesions[str(record.dx)].add(record.lesion_id)
    rng = np.random.default_rng(SEED)
    parts: dict[str, Part] = {}
    for dx in sorted(lesions):
        names = sorted(lesions[dx])
        rng.shuffle(names)
        first, second = np.round(np.cumsum(SHARES[:2]) * len(names)).astype(int)
        parts |= dict.fromkeys(names[:first], "train")
        parts |= dict.fromkeys(names[first:second], "val")
        parts |= dict.fromkeys(names[second:], "test")
    return dict(sorted(parts.items()))


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def format_split(parts: dict[str, Part]) -> str:
    """Returns the split as the text of its file: a hash of the rows, a header, one row a lesion."""
    rows = [f"{lesion_id},{part}" for lesion_id, part in parts.items()]
    return "\n".join([f"# sha256 of the rows: {_digest(rows)}", "lesion_id,part", *rows, ""])


def read_split(path: Path = SPLIT_FILE) -> dict[str, Part]:
    """Reads a split file.

    Raises:
        SplitError: The rows do not have the hash that the file states, or name an unknown part.
    """
    stated, header, *rows = path.read_text(encoding="utf-8").splitlines()
    if not stated.endswith(_digest(rows)) or header != "lesion_id,part":
        raise SplitError(f"{path}: the rows do not match the hash in the first line")
    parts: dict[str, Part] = {}
    for lesion_id, part in csv.reader(rows):
        if part not in PARTS:
            raise SplitError(f"{path}: {lesion_id} is in the unknown part {part!r}")
        parts[lesion_id] = part
    return parts


def select(records: Sequence[Record], parts: dict[str, Part], part: Part) -> tuple[Record, ...]:
    """Returns the records of one part.

    Raises:
        SplitError: A record's lesion is in no part: the split was made from other images.
    """
    for record in records:
        if record.lesion_id not in parts:
            raise SplitError(f"lesion {record.lesion_id} of image {record.image_id} is not in the split")
    return tuple(record for record in records if parts[record.lesion_id] == part)
