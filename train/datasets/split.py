"""The splits, HAM10000 by lesion and PAD-UFES-20 by patient: written once, committed, checked by hash."""

import csv
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from train.datasets.dataset import Collection, Record, Subset

Part = Literal["train", "val", "test"]
PARTS: Final[tuple[Part, ...]] = ("train", "val", "test")
SEED: Final = 20180814  # the day HAM10000 was published


class SplitError(Exception):
    """The split file is damaged or does not belong to the images."""


@dataclass(frozen=True)
class Scheme:
    """How one collection is split. ``group`` names the field of a record that may not cross parts."""

    file: Path
    group: Literal["lesion_id", "patient_id"]
    shares: tuple[float, float]
    """Shares of the groups in training and validation; the rest is the test."""

    def group_of(self, record: Record) -> str:
        name: str = getattr(record, self.group)
        return name


HAM10000: Final = Scheme(Path(__file__).parent / "split.csv", "lesion_id", (0.70, 0.15))
PHONE: Final = Scheme(Path(__file__).parent / "split_phone.csv", "patient_id", (0.40, 0.22))


ISIC2017: Final = range(16_073)
"""The numbers in the names of ISIC 2017's photos; HAM10000's begin at 24,306."""
UNSEEN_PERCENT: Final = 35
"""Of ISIC 2017, what no network learns from: another collection to measure on. It does not name its lesions,
so it is photos that are split, by a hash of their names. It has some pictures under two names: 16 of the 961
unseen photos have a near copy among the others."""


def unseen_part(collection: Collection) -> tuple[Subset, Subset]:
    """Splits another collection into what may teach and what only measures (see :data:`UNSEEN_PERCENT`)."""

    def is_unseen(record: Record) -> bool:
        name = re.fullmatch(r"ISIC_(\d{7})", record.image_id)
        digest = hashlib.md5(record.image_id.encode(), usedforsecurity=False).hexdigest()
        return name is not None and int(name[1]) in ISIC2017 and int(digest, 16) % 100 < UNSEEN_PERCENT

    teaching = tuple(record for record in collection.records if not is_unseen(record))
    unseen = tuple(record for record in collection.records if is_unseen(record))
    return Subset(collection, teaching), Subset(collection, unseen)


def make_split(records: Sequence[Record], scheme: Scheme = HAM10000) -> dict[str, Part]:
    """Splits whole groups, stratified by diagnosis.

    All images of a lesion land in one part: a split by image would put most test melanomas next
    to another photo of themselves in training. A patient with several diagnoses counts for the
    first by name.

    Args:
        records: The images.
        scheme: What may not cross, and the shares.

    Returns:
        The part of each group, in the order of the groups' names.
    """
    strata: dict[str, str] = {}
    for record in records:
        group, stratum = scheme.group_of(record), record.dx_original or str(record.dx)
        strata[group] = min(strata.get(group, stratum), stratum)
    rng = np.random.default_rng(SEED)
    parts: dict[str, Part] = {}
    for stratum in sorted(set(strata.values())):
        names = sorted(group for group, of in strata.items() if of == stratum)
        rng.shuffle(names)
        first, second = np.round(np.cumsum(scheme.shares) * len(names)).astype(int)
        parts |= dict.fromkeys(names[:first], "train")
        parts |= dict.fromkeys(names[first:second], "val")
        parts |= dict.fromkeys(names[second:], "test")
    return dict(sorted(parts.items()))


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def format_split(parts: dict[str, Part], scheme: Scheme = HAM10000) -> str:
    """Returns the split as the text of its file: a hash of the rows, a header, one row a group."""
    rows = [f"{group},{part}" for group, part in parts.items()]
    return "\n".join([f"# sha256 of the rows: {_digest(rows)}", f"{scheme.group},part", *rows, ""])


def read_split(scheme: Scheme = HAM10000, path: Path | None = None) -> dict[str, Part]:
    """Reads a committed split file, or another one of the same kind.

    Raises:
        SplitError: The rows do not have the hash that the file states, or name an unknown part.
    """
    path = path or scheme.file
    stated, _, body = path.read_text(encoding="utf-8").partition("\n")
    header, *rows = body.splitlines() or [""]
    if not stated.endswith(_digest(rows)) or header != f"{scheme.group},part":
        raise SplitError(f"{path}: the rows do not match the hash in the first line")
    parts: dict[str, Part] = {}
    for group, part in csv.reader(rows):
        if part not in PARTS:
            raise SplitError(f"{path}: {group} is in the unknown part {part!r}")
        parts[group] = part
    return parts


def select(
    collection: Collection, parts: Mapping[str, Part], part: Part, scheme: Scheme = HAM10000
) -> Subset:
    """Returns one part of a collection.

    Raises:
        SplitError: A record's lesion or patient is in no part: the split was made from other images.
    """
    for record in collection.records:
        if scheme.group_of(record) not in parts:
            raise SplitError(
                f"{scheme.group} {scheme.group_of(record)} of image {record.image_id} is not in the split"
            )
    chosen = tuple(record for record in collection.records if parts[scheme.group_of(record)] == part)
    return Subset(collection, chosen)
