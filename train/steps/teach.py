"""What teachers say of photos that they have not seen: logistic regressions on a large network's features.

The features are those of a frozen CLIP ViT-B/16 (:mod:`train.steps.embed`; Radford et al. 2021,
arXiv:2103.00020). Five regressions, each on four fifths of the lesions or patients, answer for the
fifth that they have not seen (cross-fitting); their mean answers for photos that none of them was shown.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from sklearn.linear_model import LogisticRegression

from train.datasets.dataset import DatasetError, Record, Subset, class_index
from webapp.model.labels import CLASSES

FOLDS: Final = 5
# Inverse strength of the L2 penalty on standardised features; ten times less or more costs validation .02 of
# malignancy AUC or .02 of that on a collection left out.
REGULARISATION: Final = 1e-3
ITERATIONS: Final = 60
NEVER: Final = -1000.0
"""The logit of a class that a teacher was not shown."""


@dataclass(frozen=True)
class Regression:
    """A multinomial logistic regression on standardised features.

    ``centre`` and ``scale`` are ``(channels,)``, ``weights`` is ``(channels, 7)``, ``bias`` is ``(7,)``.
    """

    centre: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    bias: np.ndarray

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Returns chances of the seven classes, ``(count, 7)``, of features ``(count, channels)``."""
        logits = (features - self.centre) / self.scale @ self.weights + self.bias
        chances = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(chances / chances.sum(axis=1, keepdims=True))


def fit_regression(features: np.ndarray, classes: np.ndarray) -> Regression:
    """Fits one; a class of n photos counts as the square root of n.

    Args:
        features: ``float32 (count, channels)``.
        classes: ``int (count,)``, at least two of the seven; the chance of one that is not there is 0.
    """
    centre, scale = features.mean(axis=0), features.std(axis=0) + 1e-3
    counts = np.bincount(classes, minlength=len(CLASSES))[classes] ** -0.5
    model = LogisticRegression(C=REGULARISATION, max_iter=ITERATIONS, tol=1e-3)
    model.fit((features - centre) / scale, classes, sample_weight=counts / counts.mean())
    channels = features.shape[1]
    weights, bias = np.zeros((channels, len(CLASSES)), np.float32), np.full(len(CLASSES), NEVER, np.float32)
    if len(model.classes_) > 2:
        weights[:, model.classes_], bias[model.classes_] = model.coef_.T, model.intercept_
    else:  # scikit-learn keeps one row for two classes: that of the second
        weights[:, model.classes_[1]] = model.coef_[0]
        bias[model.classes_] = 0, model.intercept_[0]
    return Regression(centre, scale, weights, bias)


def fold_of(record: Record, folds: int = FOLDS) -> int:
    """Returns the fold, from 0, of a photo's patient, who is its lesion where no patient is known."""
    digest = hashlib.md5(record.patient_id.encode(), usedforsecurity=False).hexdigest()
    return int(digest, 16) % folds


def cross_fitted(
    taught: Sequence[Subset],
    untaught: Sequence[Subset],
    features: Mapping[str, np.ndarray],
    all_classes: bool = True,
) -> dict[str, np.ndarray]:
    """Fits five teachers and returns their answers.

    Args:
        taught: Photos with a diagnosis, which the teachers learn from; each gets its answer from the one that
            was not shown its fold.
        untaught: Photos that none is shown.
        features: Of each photo by its ``image_id``, ``(channels,)``; photos without are left out.
        all_classes: Whether a teacher must see all seven diagnoses; one that it does not gets no chance.

    Returns:
        By ``image_id`` the chances of the seven classes, ``float32 (7,)``.

    Raises:
        DatasetError: A fold's teacher would not see all seven diagnoses.
    """
    learned = [record for subset in taught for record in subset.records if record.image_id in features]
    others = [record for subset in untaught for record in subset.records if record.image_id in features]
    shown = np.stack([features[record.image_id] for record in learned]).astype(np.float32)
    unshown = [features[record.image_id] for record in others]
    classes = np.array([class_index(record) for record in learned])
    folds = np.array([fold_of(record) for record in learned])
    answers = np.zeros((len(learned), len(CLASSES)), np.float32)
    means = np.zeros((len(others), len(CLASSES)), np.float32)
    for fold in range(FOLDS):
        if all_classes and len(set(classes[folds != fold])) < len(CLASSES):
            raise DatasetError("a teacher needs photos of all seven diagnoses in each fold")
        teacher = fit_regression(shown[folds != fold], classes[folds != fold])
        answers[folds == fold] = teacher.probabilities(shown[folds == fold])
        if unshown:
            means += teacher.probabilities(np.stack(unshown).astype(np.float32)) / FOLDS
    targets = {record.image_id: answer for record, answer in zip(learned, answers, strict=True)}
    if unshown:
        targets |= {record.image_id: row for record, row in zip(others, means, strict=True)}
    return targets


def read_features(folder: Path) -> dict[str, np.ndarray]:
    """Reads what :mod:`train.steps.embed` wrote: ``float16 (channels,)`` by ``image_id``.

    Raises:
        DatasetError: The folder holds none.
    """
    features: dict[str, np.ndarray] = {}
    for file in sorted(folder.glob("*.npz")):
        with np.load(file) as part:
            features |= dict(zip(part["ids"].tolist(), part["features"], strict=True))
    if not features:
        raise DatasetError(f"{folder} holds no features: run the step embed first")
    return features
