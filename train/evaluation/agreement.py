"""Whether the LiteRT file answers as the Keras model does that it was made from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from train.datasets.dataset import Subset, true_centre_square
from train.evaluation.judging import outcome_of
from train.evaluation.metrics import auc, mean_recall, share_with_interval
from webapp.model.bundle import load_bundle
from webapp.model.labels import CLASSES
from webapp.model.predictor import Prediction, read_outputs
from webapp.model.runtimes import KerasRuntime, LiteRtRuntime
from webapp.photo.imaging import correct_exposure, model_input


def agreement(bundle: Path, subset: Subset) -> dict[str, Any]:
    """Runs photos through both files of a bundle.

    Args:
        bundle: Its folder.
        subset: The photos.

    Returns:
        ``images``, in ``largest`` the largest absolute difference of any number of each output, in
        ``verdicts_changed`` the share of photos to which the app's answer would be another one, in
        ``mean_malignancy_change`` the mean absolute difference of the malignancy, and what LiteRT gains or
        loses of the malignancy AUC and of the balanced accuracy (in ``malignancy_auc_change`` and
        ``balanced_accuracy_change``, if all photos have a diagnosis).
    """
    loaded = load_bundle(bundle)
    contract = loaded.contract
    keras = KerasRuntime(loaded.file("model.keras"), contract)
    litert = LiteRtRuntime(loaded.file("model.tflite"), contract)
    largest: dict[str, float] = {}
    changed: list[bool] = []
    predictions: list[tuple[Prediction, Prediction]] = []
    for record, image in tqdm(subset.images(), "Keras and LiteRT", len(subset.records), disable=None):
        box = true_centre_square(image.width, image.height, record.aspect)
        pixels = model_input(image, contract.input.size, box)
        seen = correct_exposure(pixels) if contract.input.corrects_exposure else pixels
        expected, found = (runtime.run(seen[np.newaxis]) for runtime in (keras, litert))
        for name, values in found.items():
            difference = float(np.abs(values - expected[name]).max())
            largest[name] = max(largest.get(name, 0.0), difference)
        said, says = (read_outputs(outputs, contract) for outputs in (expected, found))
        outcomes = [outcome_of(image, each, contract, box) for each in (said, says)]
        changed.append(outcomes[0] is not outcomes[1])
        predictions.append((said, says))
    images = len(subset.records)
    by_keras, by_litert = zip(*predictions, strict=True)
    moved = [abs(said.malignancy - says.malignancy) for said, says in predictions]
    tree = {
        "images": images,
        "largest": largest,
        "verdicts_changed": share_with_interval(
            np.array(changed), np.array([r.lesion_id for r in subset.records])
        ),
        "mean_malignancy_change": float(np.mean(moved)),
    }
    if all(record.dx is not None for record in subset.records):
        before, after = (_figures(subset, rows) for rows in (by_keras, by_litert))
        for name in ("malignancy_auc", "balanced_accuracy"):
            tree[f"{name}_change"] = float(after[name] - before[name])
    return tree


def _figures(subset: Subset, predictions: Sequence[Prediction]) -> Mapping[str, float]:
    malignant = np.array([record.malignant for record in subset.records])
    said = np.array([CLASSES.index(str(prediction.diagnosis)) for prediction in predictions])
    return {
        "malignancy_auc": auc(malignant, np.array([prediction.malignancy for prediction in predictions])),
        "balanced_accuracy": mean_recall(subset.classes, said),
    }
