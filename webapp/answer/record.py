"""The answer as a record: what the API returns and the command line writes."""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Final

from webapp.answer.assessment import Assessment
from webapp.model.labels import CLASSES


@dataclass(frozen=True)
class Record:
    """One photo's answer.

    For every photo that could be read ``malignancy`` is filled, and ``probabilities`` and
    ``diagnosis`` too unless the model has no classes; ``cannot_judge`` is no exception. For a file
    that could not be read, ``error`` holds a sentence and only ``path`` and ``model_version`` stand
    beside it. ``malignancy`` and ``probabilities`` include age, sex and place where these were told;
    ``photo_malignancy`` and ``diagnosis`` are the photo's own.
    """

    path: str | None
    outcome: str | None
    verdict: str | None
    confidence: float | None
    diagnosis: str | None
    malignancy: float | None
    probabilities: dict[str, float] | None
    reasons: tuple[str, ...]
    model_version: str
    error: str | None
    urgency: str | None = None
    cautions: tuple[str, ...] = ()
    photo_malignancy: float | None = None

    @classmethod
    def of(cls, path: str | None, assessment: Assessment, model_version: str) -> "Record":
        """Makes the record of a photo that could be read."""
        prediction = assessment.prediction
        probabilities = assessment.probabilities
        return cls(
            path=path,
            outcome=assessment.outcome,
            verdict=assessment.verdict,
            confidence=assessment.confidence,
            diagnosis=prediction.diagnosis,
            malignancy=assessment.malignancy,
            probabilities=None if probabilities is None else dict(zip(CLASSES, probabilities, strict=True)),
            reasons=assessment.reasons,
            model_version=model_version,
            error=None,
            urgency=assessment.urgency,
            cautions=assessment.cautions,
            photo_malignancy=prediction.malignancy,
        )

    @classmethod
    def unreadable(cls, path: str, error: str, model_version: str) -> "Record":
        """Makes the record of a file that could not be read."""
        return cls(path, None, None, None, None, None, None, (), model_version, error)

    def to_dict(self) -> dict[str, Any]:
        """Returns the record as JSON knows it, in the order of its fields."""
        lists = {"reasons": list(self.reasons), "cautions": list(self.cautions)}
        return {name: getattr(self, name) for name in COLUMNS} | lists

    def to_csv(self) -> str:
        """Returns the record as a line of CSV; what has parts stands as JSON in its cell."""
        nested = {
            "probabilities": self.probabilities,
            "reasons": self.reasons,
            "cautions": self.cautions,
        }
        cells = {name: json.dumps(value) for name, value in nested.items() if value is not None}
        if self.path and self.path.startswith(_FORMULA):
            cells["path"] = f"'{self.path}"
        return csv_row((self.to_dict() | cells).values())


COLUMNS = tuple(field.name for field in fields(Record))
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins like this is run as a formula by spreadsheets; a file can be named so by anybody."""


def csv_row(cells: Iterable[object]) -> str:
    """Returns a line of CSV with its end; ``COLUMNS`` makes the head of a file of records."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
