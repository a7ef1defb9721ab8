"""Pictures that stand under two names, found by looking and not by name.

A photo that only measures must not teach under another name. ISIC 2017 has such pairs, and collections that
were gathered from the same archive may.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from train.datasets.dataset import Subset
from train.datasets.frames import seen_square
from webapp.photo.imaging import model_input

NEAR_COPIES: Final = Path(__file__).parent / "near_copies.csv"
SIDE: Final = 16
# Of grey thumbnails. Two photos of one spot with another pose stay below; a copy that was scaled and
# compressed again is above .99.
ALIKE: Final = 0.98
AT_ONCE: Final = 512


@dataclass(frozen=True)
class NearCopy:
    """A photo that teaches, the photo that measures and looks the same, and their thumbnails' correlation."""

    image_id: str
    copy_of: str
    correlation: float


def thumbnails(subset: Subset) -> np.ndarray:
    """Returns the grey centre squares at 16 × 16 with mean 0 and length 1, ``float32 (count, 256)``."""
    rows = np.empty((len(subset.records), SIDE * SIDE), np.float32)
    for i, (record, image) in enumerate(subset.images()):
        square = model_input(image, 8 * SIDE, seen_square(image, record.aspect))
        grey = cv2.cvtColor(square, cv2.COLOR_RGB2GRAY).astype(np.float32)
        rows[i] = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).ravel()
    rows -= rows.mean(axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-3))


def near_copies(teaching: Sequence[Subset], measuring: Sequence[Subset]) -> list[NearCopy]:
    """Finds the photos of ``teaching`` that look like one of ``measuring``, turned by quarters or not."""
    kept = np.concatenate([thumbnails(subset) for subset in measuring])
    names = [record.image_id for subset in measuring for record in subset.records]
    found = []
    for subset in teaching:
        rows = thumbnails(subset)
        for start in range(0, len(rows), AT_ONCE):
            best, index = _most_alike(rows[start : start + AT_ONCE], kept)
            for record, correlation, i in zip(subset.records[start:], best, index, strict=False):
                if correlation > ALIKE and record.image_id != names[i]:
                    found.append(NearCopy(record.image_id, names[i], float(correlation)))
    return found


def _most_alike(rows: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the largest correlation over four turns, and with which row of ``kept``."""
    squares = rows.reshape(-1, SIDE, SIDE)
    alike = np.maximum.reduce(
        [np.rot90(squares, quarters, (1, 2)).reshape(len(rows), -1) @ kept.T for quarters in range(4)]
    )
    return alike.max(axis=1), alike.argmax(axis=1)


def write_near_copies(path: Path, found: Iterable[NearCopy]) -> None:
    """Writes pairs as a CSV file, sorted by name."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["image_id", "copy_of", "correlation"])
        for pair in sorted(found, key=lambda pair: (pair.image_id, pair.copy_of)):
            table.writerow([pair.image_id, pair.copy_of, f"{pair.correlation:.4f}"])


def read_near_copies(path: Path = NEAR_COPIES) -> frozenset[str]:
    """Returns the names of the photos that must not teach."""
    with path.open(newline="", encoding="utf-8") as file:
        return frozenset(row["image_id"] for row in csv.DictReader(file))
