"""Released bundles that teach: their answers to the very views that a pupil learns from.

One answer a view teaches more than one a photo (Beyer et al. 2022, arXiv:2106.05237), and photos whose label
says less than a diagnosis get the rest from here (Xie et al. 2020, "Noisy Student", arXiv:1911.04252).
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from train.evaluation.answers import open_served
from webapp.model.bundle import BundleError
from webapp.model.predictor import INTERPRETERS, Predictor


class Teacher:
    """The LiteRT files of one or more bundles: four times as fast here as their Keras models."""

    def __init__(self, bundles: Sequence[Path]) -> None:
        """Opens bundles.

        Raises:
            BundleError: A file is missing, damaged or not the one that its contract names; or the bundles
                look at views of different sizes.
        """
        self._predictors = [open_served(bundle) for bundle in bundles]
        sizes = {predictor.bundle.contract.input.size for predictor in self._predictors}
        if len(sizes) != 1:
            raise BundleError(f"teachers must look at one size, and these look at {sorted(sizes)}")
        (self.size,) = sizes
        """Side in pixels of the views that they look at."""

    def answers(self, views: np.ndarray) -> np.ndarray:
        """Returns probabilities for the training prior, ``float32 (count, 7)``: of several bundles, those of
        the mean of their logits.

        Args:
            views: ``uint8 (count, size, size, 3)``.
        """
        with ThreadPoolExecutor(INTERPRETERS) as threads:
            logits = np.mean([self._logits(each, views, threads) for each in self._predictors], axis=0)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)

    @staticmethod
    def _logits(predictor: Predictor, views: np.ndarray, threads: ThreadPoolExecutor) -> np.ndarray:
        contract = predictor.bundle.contract
        found = list(threads.map(lambda view: predictor.run(view[np.newaxis]), views))
        probabilities = np.concatenate([outputs[contract.outputs.probabilities] for outputs in found])
        # The pupil sees each class as often as the teacher did: calibration has undone that.
        shift = np.divide(contract.training_prior, contract.natural_prior)
        return np.asarray(np.log(np.maximum(probabilities, 1e-9) * shift))
