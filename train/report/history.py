"""What runs were and what they logged, as it stands in ``metrics.json``."""

import csv
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from train.datasets.dataset import DatasetError

LOG: Final = "log.csv"
ABOUT: Final = "run.json"
COUNTS: Final = ("run", "epoch", "size")
AVERAGED: Final = "averaged"
"""In a run's description: the names of the runs whose mean it is."""


def training_history(runs: Sequence[Path]) -> dict[str, list[Any]]:
    """Reads the logs of the runs that led to a network, first to last.

    Args:
        runs: Their folders.

    Returns:
        Column → one number an epoch, ``None`` where nothing was measured. ``run`` counts the runs
        from 0; columns that are empty everywhere are left out. The mean of runs has no epochs of its own.

    Raises:
        DatasetError: A run has no log, or one that is no table of numbers.
    """
    rows: list[dict[str, float | None]] = []
    for number, run in enumerate(runs):
        if (run / ABOUT).is_file() and AVERAGED in _about(run):
            continue
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


def recipes(runs: Sequence[Path]) -> list[dict[str, Any]]:
    """Returns the recipe of each run, as :class:`train.steps.recipe.Recipe` has it, and for the mean of runs
    how many they were (``mean_of``).

    Raises:
        DatasetError: A run does not tell its recipe.
    """
    return [
        about["recipe"] | ({"mean_of": len(about[AVERAGED])} if AVERAGED in about else {})
        for about in map(_about, runs)
    ]


def _about(run: Path) -> dict[str, Any]:
    try:
        about: dict[str, Any] = json.loads((run / ABOUT).read_text(encoding="utf-8"))
        about["recipe"]
    except (OSError, ValueError, KeyError) as error:
        raise DatasetError(f"a run's {ABOUT} does not tell its recipe: {error}") from None
    return about


def continued(earlier: dict[str, list[Any]] | None, later: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Returns one history of runs that led to an earlier release and of those that went on from it."""
    if not (earlier and later):
        return earlier or later
    runs = 1 + max(earlier["run"])
    counts = len(earlier["run"]), len(later["run"])
    later = later | {"run": [runs + number for number in later["run"]]}
    empty = [[None] * count for count in counts]
    return {
        name: earlier.get(name, empty[0]) + later.get(name, empty[1])
        for name in dict.fromkeys([*earlier, *later])
    }


def seed_spread(runs: Sequence[Path]) -> dict[str, Any]:
    """Returns what runs that differ in their seed alone ended with.

    Args:
        runs: The folders of two runs or more.

    Returns:
        ``seeds``, the ``stages`` of each, and for each validation figure its ``values`` in that order, their
        ``mean`` and their sample standard deviation ``sd``.

    Raises:
        DatasetError: The runs' recipes differ in more than their seed, or in nothing, or a run did not end.
    """
    described = recipes(runs)
    seeds = [recipe.pop("seed") for recipe in described]
    if len(set(seeds)) < max(2, len(seeds)) or any(recipe != described[0] for recipe in described):
        raise DatasetError("runs that tell about seeds differ in their seed and in nothing else")
    logs = [training_history([run]) for run in runs]
    epochs = sum(count for _, count in described[0]["stages"])
    if any(log["epoch"][-1] != epochs for log in logs):
        raise DatasetError(f"a run that tells about seeds has not come to its last epoch, {epochs}")
    spread: dict[str, Any] = {"seeds": seeds, "stages": described[0]["stages"]}
    for name in ("val_balanced_accuracy", "val_malignancy_auc"):
        values = [log[name][-1] for log in logs]
        spread[name] = {
            "values": values,
            "mean": statistics.fmean(values),
            "sd": statistics.stdev(values),
        }
    return spread


def _counted(name: str, value: float | None) -> float | None:
    return int(value) if value is not None and name in COUNTS else value
