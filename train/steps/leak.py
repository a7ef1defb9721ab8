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

from train.datasets.dataset import Collection, Subset
from train.datasets.split import PARTS, Part, make_split, select
from train.evaluation.metrics import RESAMPLES, class_figures, rounded, score, with_intervals
from webapp.model.labels import CLASSES

SIZE: Final = 160  # pixels
ROUNDS: Final = 300  # of the regression; it has converged by then


def split_by_image(collection: Collection) -> dict[Part, Subset]:
    """Splits as :func:`train.datasets.split.make_split` does, but image by image: the mistake to be shown."""
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


def leak(
    collection: Collection, parts: Mapping[str, Part], size: int = SIZE, resamples: int = RESAMPLES
) -> dict[str, Any]:
    """Fits the same recipe on a split by lesion and on one by image, and scores each on its test.

    The recipe takes two minutes: a class-balanced logistic regression on what Lite0 with its ImageNet weights
    makes of each image. Networks that are trained for a few epochs do not remember single lesions yet
    (``train/LOG.md``); this remembers, as the long trainings do whose figures it explains.

    Args:
        collection: HAM10000.
        parts: The lesion-disjoint split.
        size: Side in pixels at which the images are looked at.
        resamples: Of the bootstrap, over lesions for both.

    Returns:
        What is written to ``leak.json``.
    """
    splits = {
        "by_lesion": {part: select(collection, parts, part) for part in PARTS},
        "by_image": split_by_image(collection),
    }
    embeddings = _embeddings(collection, size)
    tree: dict[str, Any] = {"recipe": {"model": "lite0", "size": size}}
    for name, subsets in splits.items():
        scored = score(
            _probabilities(embeddings, subsets["train"], subsets["test"]),
            subsets["test"].classes,
            [record.lesion_id for record in subsets["test"].records],
            np.ones(len(CLASSES)),
        )
        known = twins(subsets["train"], subsets["test"])
        melanoma = np.array([record.dx == "mel" for record in subsets["test"].records])
        tree[name] = {
            "images": len(scored),
            "seen_in_training": float(known.mean()),
            "melanomas_seen_in_training": float(known[melanoma].mean()) if melanoma.any() else None,
            **with_intervals(scored, class_figures, resamples),
        }
    return tree


def _embeddings(collection: Collection, size: int) -> dict[str, np.ndarray]:
    """Returns each image's embedding ``(1280,)`` by its id."""
    import keras

    from train.network.models import build_classifier
    from train.steps.batches import inputs

    network = build_classifier("lite0")
    embedding = keras.Model(network.input, network.get_layer("embedding").output)
    found = embedding.predict(inputs(Subset(collection, collection.records), size), 64, verbose=0)
    return {record.image_id: row for record, row in zip(collection.records, found, strict=True)}


def _probabilities(embeddings: Mapping[str, np.ndarray], train: Subset, test: Subset) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    seen, asked = (np.stack([embeddings[r.image_id] for r in part.records]) for part in (train, test))
    classifier = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=ROUNDS))
    classifier.fit(seen, train.classes)
    found = np.zeros((len(asked), len(CLASSES)))
    found[:, classifier.classes_] = classifier.predict_proba(asked)
    return found


def write_leak(tree: Mapping[str, Any], file: Path) -> None:
    """Writes what the report renders."""
    file.write_text(json.dumps(rounded(tree), indent=1) + "\n", encoding="utf-8")
