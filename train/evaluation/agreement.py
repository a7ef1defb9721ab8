"""Whether the LiteRT file answers as the Keras model does that it was made from."""

from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from train.datasets.dataset import Subset, true_centre_square
from train.evaluation.judging import outcome_of
from train.evaluation.metrics import wilson
from webapp.model.bundle import load_bundle
from webapp.model.predictor import read_outputs
from webapp.model.runtimes import KerasRuntime, LiteRtRuntime
from webapp.photo.imaging import correct_exposure, model_input


def agreement(bundle: Path, subset: Subset) -> dict[str, Any]:
    """Runs photos through both files of a bundle.

    Args:
        bundle: Its folder.
        subset: The photos.

    Returns:
        ``images``, in ``largest`` the largest absolute difference of any number of each output, and in
        ``verdicts_changed`` the share of photos to which the app's answer would be another one.
    """
    loaded = load_bundle(bundle)
    contract = loaded.contract
    keras = KerasRuntime(loaded.file("model.keras"), contract)
    litert = LiteRtRuntime(loaded.file("model.tflite"), contract)
    largest: dict[str, float] = {}
    changed = 0
    for record, image in tqdm(subset.images(), "Keras and LiteRT", len(subset.records), disable=None):
        box = true_centre_square(image.width, image.height, record.aspect)
        pixels = model_input(image, contract.input.size, box)
        seen = correct_exposure(pixels) if contract.input.corrects_exposure else pixels
        expected, found = (runtime.run(seen[np.newaxis]) for runtime in (keras, litert))
        for name, values in found.items():
            difference = float(np.abs(values - expected[name]).max())
            largest[name] = max(largest.get(name, 0.0), difference)
        said, says = (outcome_of(image, read_outputs(o, contract), contract, box) for o in (expected, found))
        changed += said is not says
    images = len(subset.records)
    return {"images": images, "largest": largest, "verdicts_changed": wilson(changed, images)}
