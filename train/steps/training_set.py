"""What a network learns from: decoded images, what their labels leave possible, how often each is drawn."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from train.datasets.dataset import Frames, Record, Subset, class_index, load_frames
from train.steps.recipe import Recipe
from webapp.model.labels import CLASSES, MALIGNANT_INDICES


@dataclass(frozen=True)
class TrainingSet:
    """Everything that batches are drawn from.

    ``labels`` is ``float32 (count, 7)``: 1 for each class that the label leaves possible, which is one where
    a diagnosis is known. ``weights`` is ``float64 (count,)`` and sums to 1; an epoch draws ``draws`` images.
    """

    frames: Frames
    labels: np.ndarray
    weights: np.ndarray
    draws: int


def load_training_set(
    train: Subset, phone: Subset | None, recipe: Recipe, extra: Sequence[Subset] = ()
) -> TrainingSet:
    """Decodes the training images; smartphone photos get ``recipe.phone_share`` of the draws of those with a
    diagnosis, and ``extra`` gets ``recipe.extra_share`` of all, no more of it malignant than of ``train``."""
    subsets = [train] if phone is None else [train, phone]
    shares = [1.0] if phone is None else [1 - recipe.phone_share, recipe.phone_share]
    weights = np.concatenate(
        [
            share * sampling_weights(subset, recipe.balance)
            for share, subset in zip(shares, subsets, strict=True)
        ]
    )
    draws = len(weights)
    if extra:
        malignant = float(training_prior(train, recipe.balance)[list(MALIGNANT_INDICES)].sum())
        others = malignancy_weights([record for subset in extra for record in subset.records], malignant)
        weights = np.concatenate([(1 - recipe.extra_share) * weights, recipe.extra_share * others])
        subsets += extra
    frames = [load_frames(subset, recipe.frame_size) for subset in subsets]
    return TrainingSet(
        Frames(np.concatenate([f.pixels for f in frames]), np.concatenate([f.aspects for f in frames])),
        np.concatenate([possible_classes(subset) for subset in subsets]),
        weights,
        draws,
    )


def sampling_weights(subset: Subset, balance: float) -> np.ndarray:
    """Returns how often each image is drawn, as ``float64`` probabilities of shape ``(count,)``.

    Between natural frequencies (``balance`` 0) and equal classes (1); the images of one lesion
    share the square root of their number.
    """
    classes = subset.classes
    counts = np.bincount(classes)
    lesions = Counter(record.lesion_id for record in subset.records)
    copies = np.array([lesions[record.lesion_id] for record in subset.records])
    weights = counts[classes] ** -balance * copies**-0.5
    return np.asarray(weights / weights.sum())


def training_prior(subset: Subset, balance: float) -> np.ndarray:
    """Returns each class's share of what the network sees, ``float64`` of shape ``(7,)``."""
    return np.bincount(subset.classes, sampling_weights(subset, balance), len(CLASSES))


def malignancy_weights(records: Sequence[Record], share: float) -> np.ndarray:
    """Returns how often each image is drawn, ``float64 (count,)``: ``share`` of the draws are malignant."""
    malignant = np.array([record.malignant for record in records])
    return np.where(malignant, share / max(1, malignant.sum()), (1 - share) / max(1, (~malignant).sum()))


def possible_classes(subset: Subset) -> np.ndarray:
    """Returns 1 for each class that a label leaves possible, ``float32 (count, 7)``: the diagnosis, or each
    harmless one where no more is known.

    Raises:
        DatasetError: A malignant image without a diagnosis.
    """
    malignant = np.isin(np.arange(len(CLASSES)), MALIGNANT_INDICES)
    return np.array(
        [
            ~malignant
            if record.dx is None and not record.malignant
            else np.eye(len(CLASSES))[class_index(record)]
            for record in subset.records
        ],
        np.float32,
    )
