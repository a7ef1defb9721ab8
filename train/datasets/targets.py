"""What teachers that had not seen a photo say of it: a small committed file, seven chances a photo.

So whoever cannot run the teacher (:mod:`train.steps.teach`) can train the student all the same.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from train.datasets.dataset import DatasetError
from webapp.model.labels import CLASSES

TARGETS: Final = Path(__file__).parent / "targets.npz"
LEAST: Final = 1e-6
"""The least chance that counts: 16-bit floats are exact to it, and no teacher rules out a class alone."""


def read_targets(path: Path) -> dict[str, np.ndarray]:
    """Reads a file of targets.

    Returns:
        By ``image_id`` the chances of the seven classes, ``float32 (7,)``, which sum to 1.

    Raises:
        DatasetError: It is no such file, or was made for other classes.
    """
    try:
        with np.load(path) as file:
            ids, chances, classes = file["image_ids"], file["probabilities"], file["classes"]
    except (OSError, ValueError, KeyError) as error:
        raise DatasetError(f"{path} holds no targets: {error}") from error
    if tuple(classes) != CLASSES or chances.shape != (len(ids), len(CLASSES)):
        raise DatasetError(f"{path} holds targets for other classes than {', '.join(CLASSES)}")
    chances = chances.astype(np.float32)
    return dict(zip(ids.tolist(), chances / chances.sum(axis=1, keepdims=True), strict=True))


def write_targets(path: Path, targets: Mapping[str, np.ndarray]) -> None:
    """Writes targets, in 16-bit floats: 17,000 photos take about 300 kB."""
    np.savez_compressed(
        path,
        image_ids=np.array(sorted(targets)),
        probabilities=np.array([targets[name] for name in sorted(targets)], np.float16),
        classes=np.array(CLASSES),
    )


def together(first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the mean of two teachers' logits as chances; what only one has answered stays as it is."""
    both = {**first, **second}
    for name in sorted(first.keys() & second.keys()):
        product = np.sqrt(np.maximum(first[name], LEAST) * np.maximum(second[name], LEAST))
        both[name] = (product / product.sum()).astype(np.float32)
    return both
