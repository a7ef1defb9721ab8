"""The mean of networks that came from the same one: as good as their ensemble at the price of one.

Wortsman et al. 2022, "Model soups" (arXiv:2203.05482): runs of a last, short stage that differ in their seed
lie in one basin, so that the mean of their weights is a network as well.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from train.report import history
from train.steps.checkpoint import save_network
from train.steps.cross_fit import unseen_by_mean
from train.steps.failures import FitError
from train.steps.recipe import Recipe
from train.steps.run_folder import CLASSIFIER, prepare_run


def average(runs: Sequence[Path], run: Path) -> Path:
    """Averages the weights of finished networks, running means and variances included.

    Args:
        runs: Their folders; the networks must have the same layers.
        run: A folder for the mean, which says what it was made of.

    Returns:
        The mean's file.

    Raises:
        FitError: The folder already holds a run, or the networks differ in their layers or in how much
            they learned from other collections, or some were shown validation and are not one a fold.
    """
    networks = [keras.saving.load_model(folder / CLASSIFIER, compile=False) for folder in runs]
    shapes = [[weight.shape for weight in network.weights] for network in networks]
    if any(other != shapes[0] for other in shapes):
        raise FitError("the networks differ in their layers, so that their weights have no mean")
    unseen = unseen_by_mean(runs)
    described, *others = history.recipes(runs)
    described.pop("mean_of", None)
    if any(other.get("extra_share") != described.get("extra_share") for other in others):
        raise FitError("the networks learned from other collections in different shares")
    recipe = Recipe(**{**described, "stages": tuple(map(tuple, described["stages"]))})
    prepare_run(run, recipe, False, unseen)
    about = run / history.ABOUT
    described = json.loads(about.read_text(encoding="utf-8"))
    described[history.AVERAGED] = [folder.name for folder in runs]
    about.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    mean = networks[0]
    mean.set_weights(
        [
            np.mean(values, axis=0, dtype=np.float64)
            for values in zip(*(network.get_weights() for network in networks), strict=True)
        ]
    )
    save_network(mean, run / CLASSIFIER)
    return run / CLASSIFIER
