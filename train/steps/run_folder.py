"""The folder of a run: how it was begun, its log and its finished network."""

import dataclasses
import hashlib
import json
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from train.datasets.dataset import Subset
from train.steps.failures import FitError
from train.steps.recipe import Recipe

CLASSIFIER: Final = "classifier.keras"
UNSEEN: Final = "unseen"
"""In a run's description: what of validation its network was not shown, :data:`ALL_OF_IT`, ``K/N`` for the
fold K of N alone, or :data:`NONE_OF_IT`."""
ALL_OF_IT: Final = "validation"
NONE_OF_IT: Final = "nothing"


def prepare_run(run: Path, recipe: Recipe, resume: bool, unseen: str = ALL_OF_IT) -> None:
    """Makes a run's folder, whose ``run.json`` says how the run was begun.

    Args:
        run: The folder.
        recipe: Of the run.
        resume: Whether it may be there already, begun by the same recipe.
        unseen: What of validation the network will not have been shown, see :data:`UNSEEN`.

    Raises:
        FitError: The folder already holds a run and ``resume`` is off, or holds one of another recipe.
    """
    about = run / "run.json"
    described = json.loads(json.dumps(dataclasses.asdict(recipe)))
    if about.is_file():
        if not resume:
            raise FitError(
                f"{run} already holds a run: add --resume to go on with it, or name another folder"
            )
        # A run that was begun before a choice existed has what is its default now.
        begun = dataclasses.asdict(Recipe()) | json.loads(about.read_text(encoding="utf-8"))["recipe"]
        if json.loads(json.dumps(begun)) != described:
            raise FitError(f"{run} holds a run of another recipe: resume it with the arguments that began it")
        return
    run.mkdir(parents=True, exist_ok=True)
    packages = ("tensorflow-cpu", "tensorflow", "keras", "numpy", "pillow", "opencv-python-headless")
    about.write_text(
        json.dumps(
            {
                "recipe": described,
                UNSEEN: unseen,
                "arguments": sys.argv[1:],
                "python": platform.python_version(),
                "versions": {name: v for name in packages if (v := _installed(name))},
                "commit": _commit(),
            },
            indent=2,
        )
        + "\n",
        encoding="utf-8",
    )


def fingerprint(subset: Subset) -> str:
    """Returns a hash of which photos these are, the same on every machine."""
    names = "\n".join(sorted(record.image_id for record in subset.records))
    return hashlib.sha256(names.encode()).hexdigest()[:16]


def remember(file: Path, told: Mapping[str, Any], results: str) -> None:
    """Writes what a folder's results came from, or compares it with what was written before.

    Args:
        file: Beside the results.
        told: What they come from.
        results: A pattern of the results' names.

    Raises:
        FitError: They came from something else, or nobody wrote what they came from.
    """
    described = json.loads(json.dumps(told))
    if not file.is_file():
        if any(file.parent.glob(results)):
            raise FitError(f"{file.parent} holds results of an earlier version: name another folder")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    elif (before := json.loads(file.read_text(encoding="utf-8"))) != described:
        changed = ", ".join(
            name for name in {**before, **described} if before.get(name) != described.get(name)
        )
        raise FitError(f"{file.parent} holds results of other choices ({changed}): name another folder")


def verbosity() -> int:
    """Returns what Keras shall print: a bar on a terminal, a line an epoch elsewhere."""
    return 1 if sys.stdout.isatty() else 2


def log_epoch(run: Path, row: dict[str, Any]) -> None:
    """Adds an epoch to ``log.csv``; a figure that was not measured stays empty."""
    path = run / "log.csv"
    columns = ["epoch", "size", "loss", "accuracy", "val_loss", "val_accuracy"]
    columns += ["val_balanced_accuracy", "val_malignancy_auc"]
    if not path.exists():
        path.write_text(",".join(columns) + "\n", encoding="utf-8")
    with path.open("a", encoding="utf-8") as file:
        file.write(",".join(f"{row[c]:.6g}" if c in row else "" for c in columns) + "\n")


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except ModuleNotFoundError:
        return None


def _commit() -> str | None:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()
