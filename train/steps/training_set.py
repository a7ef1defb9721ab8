"""What a network learns from: decoded images, what their labels leave possible, how often each is drawn."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from train.datasets.dataset import DatasetError, Frames, Record, Subset, class_index, load_frames
from train.steps.recipe import Recipe
from webapp.model.labels import CLASSES, MALIGNANT_INDICES


@dataclass(frozen=True)
class TrainingSet:
    """Everything that batches are drawn from.

    ``labels`` is ``float32 (count, 7)``: 1 for each class that the label leaves possible, which is one where
    a diagnosis is known; with targets, chances that sum to 1. ``weights`` is ``float64 (count,)`` and sums
    to 1; an epoch draws ``draws`` images.
    """

    frames: Frames
    labels: np.ndarray
    weights: np.ndarray
    draws: int


def load_training_set(
    train: Subset,
    phone: Subset | None,
    recipe: Recipe,
    extra: Sequence[Subset] = (),
    targets: Mapping[str, np.ndarray] | None = None,
) -> TrainingSet:
    """Decodes the training images; smartphone photos get ``recipe.phone_share`` of the draws of those with a
    diagnosis, and ``extra`` gets ``recipe.extra_share`` of all, no more of it malignant than of ``train``.

    Where there are ``targets`` (:mod:`train.datasets.targets`), they make up ``recipe.teacher_share`` of each
    photo's label, and extra photos without a diagnosis or a target are left out.

    Raises:
        DatasetError: A photo with a diagnosis has no target.
    """
    if targets is not None:
        extra = [_taught(subset, targets) for subset in extra]
        _refuse_untaught([train, *([phone] if phone else []), *extra], targets)
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
    return TrainingSet(
        load_frames(subsets, recipe.frame_size),
        np.concatenate([_labels(subset, targets, recipe.teacher_share) for subset in subsets]),
        weights,
        draws,
    )


def _refuse_untaught(subsets: Sequence[Subset], targets: Mapping[str, np.ndarray]) -> None:
    for subset in subsets:
        untaught = sum(record.image_id not in targets for record in subset.records)
        if untaught:
            raise DatasetError(
                f"{subset.collection.name}: {untaught} of {len(subset.records)} photos have no target; "
                "teach makes them anew"
            )


def _taught(subset: Subset, targets: Mapping[str, np.ndarray]) -> Subset:
    known = (record for record in subset.records if record.dx or record.image_id in targets)
    return Subset(subset.collection, tuple(known))


def _labels(subset: Subset, targets: Mapping[str, np.ndarray] | None, share: float) -> np.ndarray:
    possible = possible_classes(subset)
    if targets is None:
        return possible
    ids = [record.image_id for record in subset.records]
    return soft_labels(possible, np.stack([targets[name] for name in ids]), share)


def soft_labels(possible: np.ndarray, taught: np.ndarray, share: float) -> np.ndarray:
    """Returns the teacher's answer among the classes that a label leaves possible, mixed with a label that
    leaves only one.

    Args:
        possible: ``(count, 7)``, 1 for each class that the label leaves possible.
        taught: ``(count, 7)``, the teacher's chances.
        share: How much of a target is the teacher's where the label leaves one class.
    """
    among = taught * possible + 1e-9 * possible  # 16 bits may hold none of them
    known = possible.sum(axis=1, keepdims=True) == 1
    mixed = np.where(known, (1 - share) * possible + share * taught, among / among.sum(axis=1, keepdims=True))
    return np.asarray(mixed, np.float32)


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
