"""The batches of an epoch: drawn, turned, cropped and coloured anew each time, and perhaps taught."""

from collections.abc import Sequence

import cv2
import keras
import numpy as np

from train.datasets.augment import random_view
from train.datasets.dataset import Subset, true_centre_square
from train.steps.recipe import Recipe
from train.steps.teacher import Teacher
from train.steps.training_set import TrainingSet, soft_labels
from webapp.photo.imaging import model_input


class AugmentedBatches(keras.utils.PyDataset):
    """The batches of one epoch; what they hold depends on seed, epoch and teacher alone."""

    def __init__(
        self, images: TrainingSet, recipe: Recipe, epoch: int, teacher: Teacher | None = None
    ) -> None:
        super().__init__(workers=1, max_queue_size=6)
        self.images, self.recipe, self.epoch, self.teacher = images, recipe, epoch, teacher
        rng = np.random.default_rng((recipe.seed, epoch))
        self.order = rng.choice(len(images.weights), images.draws, p=images.weights)

    def __len__(self) -> int:
        return steps_per_epoch(len(self.order), self.recipe)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng((self.recipe.seed, self.epoch, index))
        chosen = self.order[index * self.recipe.batch_size :][: self.recipe.batch_size]
        size = self.recipe.crop_size(self.epoch)
        drawn = max(size, self.teacher.size) if self.teacher else size
        frames = self.images.frames
        views = [random_view(frames.pixels[i], float(frames.aspects[i]), drawn, rng) for i in chosen]
        labels = self.images.labels[chosen]
        targets = self._targets(labels, resized(views, self.teacher.size)) if self.teacher else labels
        if self.recipe.mixup:
            return mixed(resized(views, size), targets, self.recipe.mixup, rng)
        return resized(views, size), targets

    def _targets(self, labels: np.ndarray, views: np.ndarray) -> np.ndarray:
        assert self.teacher
        return soft_labels(labels, self.teacher.answers(views), self.recipe.teacher_share)


def steps_per_epoch(images: int, recipe: Recipe) -> int:
    """Returns the number of full batches in an epoch (the rest is dropped: BatchNorm needs full ones)."""
    return max(1, images // recipe.batch_size)


def mixed(
    views: np.ndarray, targets: np.ndarray, mixup: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Returns each view mixed with the one as far from the batch's other end, and their targets likewise."""
    share = rng.beta(mixup, mixup, len(views)).astype(np.float32)
    share = np.maximum(share, 1 - share)
    pixels = share[:, None, None, None]
    blended = pixels * views + (1 - pixels) * views[::-1]
    return blended.round().astype(np.uint8), share[:, None] * targets + (1 - share[:, None]) * targets[::-1]


def resized(views: Sequence[np.ndarray], size: int) -> np.ndarray:
    """Returns square views at another size, ``uint8 (count, size, size, 3)``."""
    return np.stack(
        [
            view if len(view) == size else cv2.resize(view, (size, size), interpolation=cv2.INTER_AREA)
            for view in views
        ]
    )


def inputs(subset: Subset, size: int) -> np.ndarray:
    """Returns the true centre squares of images, ``uint8`` of shape ``(count, size, size, 3)``.

    As the served network sees them, but for the exposure of dark ones (2 % of HAM10000), which the views of
    training are not corrected for either.
    """
    return np.stack(
        [
            model_input(image, size, true_centre_square(image.width, image.height, record.aspect))
            for record, image in subset.images()
        ]
    )
