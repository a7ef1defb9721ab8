"""Whether the LiteRT file answers as the Keras model does that it was made from."""

from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from train.dataset import Subset, true_centre_square
from webapp.bundle import load_bundle
from webapp.imaging import correct_exposure, model_input
from webapp.runtimes import KerasRuntime, LiteRtRuntime


def agreement(bundle: Path, subset: Subset) -> dict[str, Any]:
    """Runs photos through both files of a bundle.

    Args:
        bundle: Its folder.
        subset: The photos.

    Returns:
        ``images``, and in ``largest`` the largest absolute difference of any number of each output.
    """
    loaded = load_bundle(bundle)
    contract = loaded.contract
    keras = KerasRuntime(loaded.file("model.keras"), contract)
    litert = LiteRtRuntime(loaded.file("model.tflite"), contract)
    largest: dict[str, float] = {}
    for record, image in tqdm(subset.images(), "Keras and LiteRT", len(subset.records), disable=None):
        box = true_centre_square(image.width, image.height, record.aspect)
        pixels = model_input(image, contract.input.size, box)
        seen = correct_exposure(pixels) if contract.input.corrects_exposure else pixels
        expected, found = (runtime.run(seen[np.newaxis]) for runtime in (keras, litert))
        for name, values in found.items():
            difference = float(np.abs(values - expected[name]).max())
            largest[name] = max(largest.get(name, 0.0), difference)
    return {"images": len(subset.records), "largest": largest}
