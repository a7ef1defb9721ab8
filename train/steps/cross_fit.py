"""Networks that learn from validation, too: each from all folds of it but one, which it is asked about later.

So every photo of validation still has an answer from a network that was not shown it, and those answers
calibrate the mean of these networks, which has seen them all (:mod:`train.steps.average`).
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from train.datasets.dataset import Record, Subset
from train.report.history import ABOUT, AVERAGED
from train.steps.failures import FitError
from train.steps.recipe import Recipe
from train.steps.run_folder import ALL_OF_IT, NONE_OF_IT, UNSEEN
from train.steps.teach import fold_of

CONTRACT: Final = "contract.json"


def without_fold(train: Subset, val: Subset, folds: int, fold: int) -> tuple[Subset, Subset]:
    """Returns what a fold's network learns from, ``train`` with the other folds of ``val``, and its own fold.

    Args:
        train: The training part.
        val: The validation part of the same collection; a lesion or patient stays in one fold.
        folds: How many.
        fold: Which one is left out, from 0.
    """
    own = _folds(val.records, folds) == fold
    taught = (record for record, out in zip(val.records, own, strict=True) if not out)
    asked = (record for record, out in zip(val.records, own, strict=True) if out)
    return Subset(train.collection, (*train.records, *taught)), Subset(val.collection, tuple(asked))


def unseen_by(network: Path) -> str:
    """Returns what of validation a network was not shown, see :data:`train.steps.run_folder.UNSEEN`.

    Args:
        network: A run's folder, a bundle's, or a network's file in a run's folder.
    """
    folder = network if network.is_dir() else network.parent
    for name in (ABOUT, CONTRACT):
        if (folder / name).is_file():
            about: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))
            return str(about.get(UNSEEN, ALL_OF_IT))
    return ALL_OF_IT


def unseen_after(recipe: Recipe, start: Path | None) -> str:
    """Returns what of validation a network will not have been shown that goes on from ``start``."""
    before = unseen_by(start) if start else ALL_OF_IT
    fold = f"{recipe.fold + 1}/{recipe.folds}" if recipe.folds else ALL_OF_IT
    if before in (ALL_OF_IT, fold):
        return fold
    return before if fold == ALL_OF_IT else NONE_OF_IT


def unseen_by_mean(runs: Sequence[Path]) -> str:
    """Returns what of validation the mean of some networks was not shown.

    Raises:
        FitError: They are neither all of those that were shown none of it, nor one for each fold.
    """
    unseen = [unseen_by(run) for run in runs]
    if set(unseen) == {ALL_OF_IT}:
        return ALL_OF_IT
    if sorted(unseen) == [f"{fold + 1}/{len(runs)}" for fold in range(len(runs))]:
        return NONE_OF_IT
    raise FitError(
        f"not shown of validation: {', '.join(unseen)}. Their mean could not be calibrated: average networks "
        "that were shown none of it, or one for each fold"
    )


def refuse_seen(run: Path, cross_fitted: Sequence[Path]) -> None:
    """Refuses to let a network say how sure it may be of photos that it was shown.

    Args:
        run: The network to be calibrated.
        cross_fitted: The networks that answer for validation in its place; none if it saw nothing of it.

    Raises:
        FitError: It was shown some of it, and they are not the runs, one a fold, of which it is the mean.
    """
    if unseen_by(run) == ALL_OF_IT and not cross_fitted:
        return
    about = json.loads((run / ABOUT).read_text(encoding="utf-8"))
    averaged = sorted(about.get(AVERAGED, []))
    if not averaged or averaged != sorted(each.name for each in cross_fitted):
        raise FitError(
            f"validation taught {run}. Only the mean of networks without a fold each can be calibrated "
            f"then, by those ({', '.join(averaged) or 'this is no mean'}) in --cross-fitted"
        )
    if unseen_by_mean(cross_fitted) != NONE_OF_IT:
        raise FitError(f"{run}: validation taught none of its networks, so leave out --cross-fitted")


def who_answers(val: Subset, runs: Sequence[Path]) -> list[tuple[Path, np.ndarray]]:
    """Returns each run, one a fold, with the indices of photos that it was not shown, ``int (count,)``."""
    folds = _folds(val.records, len(runs))
    return [(run, np.flatnonzero(folds == int(unseen_by(run).partition("/")[0]) - 1)) for run in runs]


def _folds(records: Sequence[Record], folds: int) -> np.ndarray:
    return np.array([fold_of(record, folds) for record in records], int)
