"""What a run logged, epoch by epoch, as it stands in ``metrics.json``."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from train.dataset import DatasetError

LOG: Final = "log.csv"
COUNTS: Final = ("run", "epoch", "size")


def training_history(runs: Sequence[Path]) -> dict[str, list[Any]]:
    """Reads the logs of the runs that led to a network, first to last.

    Args:
        runs: Their folders.

    Returns:
        Column → one number an epoch, ``None`` where nothing was measured. ``run`` counts the runs
        from 0; columns that are empty everywhere are left out.

    Raises:
        DatasetError: A run has no log, or one that is no table of numbers.
    """
    rows: list[dict[str, float | None]] = []
    for number, run in enumerate(runs):
        try:
            with (run / LOG).open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    numbers = {name: float(value) if value else None for name, value in row.items()}
                    rows.append({"run": number, **numbers})
        except OSError as error:
            raise DatasetError(f"{run / LOG} cannot be opened: {error.strerror}") from None
        except (TypeError, ValueError) as error:
            raise DatasetError(f"{run / LOG} is no table of numbers: {error}") from None
    columns = dict.fromkeys(name for row in rows for name in row)
    table = {name: [_counted(name, row.get(name)) for row in rows] for name in columns}
    return {name: values for name, values in table.items() if any(value is not None for value in values)}


def _counted(name: str, value: float | None) -> float | None:
    return int(value) if value is not None and name in COUNTS else value
