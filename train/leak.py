"""Why figures from a split by image look better: one short recipe, scored on both kinds of split.

HAM10000 shows many lesions in several images. A random split of the images puts most test melanomas
next to another photo of the same lesion in training, and a network that remembers lesions is then
taken for one that recognises cancer.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from train.dataset import Collection, Subset
from train.metrics import RESAMPLES, Scored, class_figures, rounded, score, with_intervals
from train.split import PARTS, Part, make_split, select

STAGES: Final = ((96, 4),)
SPEED_AT_128: Final = 49  # images a second of a Lite0 training step, two cores (LOG.md)


def split_by_image(collection: Collection) -> dict[Part, Subset]:
    """Splits as :func:`train.split.make_split` does, but image by image: the mistake to be shown."""
    alone = [dataclasses.replace(record, lesion_id=record.image_id) for record in collection.records]
    parts = make_split(alone)
    return {
        part: Subset(collection, tuple(r for r in collection.records if parts[r.image_id] == part))
        for part in PARTS
    }


def twins(train: Subset, test: Subset) -> np.ndarray:
    """Returns which test images show a lesion that training has seen, ``bool (count,)``."""
    seen = {record.lesion_id for record in train.records}
    return np.array([record.lesion_id in seen for record in test.records])


def expected_minutes(images: int, stages: tuple[tuple[int, int], ...]) -> float:
    """Returns what both trainings take on two cores, by the area of the crops."""
    seconds = sum(epochs * images / SPEED_AT_128 * (size / 128) ** 2 for size, epochs in stages)
    return 2 * seconds / 60


def leak(
    collection: Collection,
    parts: Mapping[str, Part],
    recipe: Any,
    folder: Path,
    *,
    pretrained: bool = True,
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """Trains the same recipe on a split by lesion and on one by image, and scores each on its test.

    Args:
        collection: HAM10000.
        parts: The lesion-disjoint split.
        recipe: A :class:`train.fit.Recipe`.
        folder: For the two runs.
        pretrained: Start from ImageNet.
        resamples: Of the bootstrap, over lesions for both.

    Returns:
        What is written to ``leak.json``.
    """
    splits = {
        "by_lesion": {part: select(collection, parts, part) for part in PARTS},
        "by_image": split_by_image(collection),
    }
    tree: dict[str, Any] = {
        "recipe": {
            "model": recipe.model,
            "stages": [list(stage) for stage in recipe.stages],
            "seed": recipe.seed,
        }
    }
    for name, subsets in splits.items():
        scored = _scored(subsets, recipe, folder / name, pretrained)
        known = twins(subsets["train"], subsets["test"])
        melanoma = np.array([record.dx == "mel" for record in subsets["test"].records])
        tree[name] = {
            "images": len(scored),
            "seen_in_training": float(known.mean()),
            "melanomas_seen_in_training": float(known[melanoma].mean()) if melanoma.any() else None,
            **with_intervals(scored, class_figures, resamples),
        }
        if known.any() and not known.all():
            tree[name]["seen"] = with_intervals(scored.take(known), class_figures, resamples)
            tree[name]["unseen"] = with_intervals(scored.take(~known), class_figures, resamples)
    return tree


def _scored(subsets: Mapping[Part, Subset], recipe: Any, run: Path, pretrained: bool) -> Scored:
    import keras

    from train.fit import fit, inputs, training_prior

    finished = fit(subsets["train"], subsets["val"], recipe, run, pretrained=pretrained)
    test = subsets["test"]
    logits = keras.saving.load_model(finished, compile=False).predict(
        inputs(test, recipe.validation_size), 64, verbose=0
    )
    odds = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float64)
    lesions = [record.lesion_id for record in test.records]
    weights = 1 / np.maximum(training_prior(subsets["train"], recipe.balance), 1e-6)
    return score(odds / odds.sum(axis=1, keepdims=True), test.classes, lesions, weights)


def write_leak(tree: Mapping[str, Any], file: Path) -> None:
    """Writes what the report renders."""
    file.write_text(json.dumps(rounded(tree), indent=1) + "\n", encoding="utf-8")
