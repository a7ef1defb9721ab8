"""What a batch holds: views, and targets that a teacher or another image has had a share in."""

import numpy as np
import pytest

from webapp.model.labels import CLASSES, MALIGNANT_INDICES

pytestmark = pytest.mark.tensorflow


class KnowsOne:
    """A teacher that is sure of a class, and remembers what it was asked about."""

    def __init__(self, size: int, answer: int, rest: int) -> None:
        self.size, self.asked = size, []
        self.answer = np.full(len(CLASSES), 0.0, np.float32)
        self.answer[[answer, rest]] = 0.8, 0.2

    def answers(self, views: np.ndarray) -> np.ndarray:
        self.asked.append(views)
        return np.tile(self.answer, (len(views), 1))


def taught_batch(labels: np.ndarray, teacher: KnowsOne, **recipe: float) -> tuple[np.ndarray, np.ndarray]:
    from train.datasets.dataset import Frames
    from train.steps.batches import AugmentedBatches
    from train.steps.recipe import Recipe
    from train.steps.training_set import TrainingSet

    pixels = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), np.uint8)
    images = TrainingSet(Frames(pixels, np.ones(4, np.float32)), labels, np.full(4, 0.25), draws=4)
    return AugmentedBatches(images, Recipe(stages=((32, 1),), batch_size=4, **recipe), 0, teacher)[0]


def test_a_teacher_is_asked_about_the_view_that_the_pupil_sees_and_mixed_with_the_label():
    teacher = KnowsOne(48, answer=2, rest=5)
    views, targets = taught_batch(np.eye(7, dtype=np.float32)[[2] * 4], teacher, teacher_share=0.5)
    (asked,) = teacher.asked
    assert (views.shape, asked.shape) == ((4, 32, 32, 3), (4, 48, 48, 3))
    assert views.mean((1, 2)) == pytest.approx(asked.mean((1, 2)), abs=1)
    assert targets == pytest.approx(np.tile([0, 0, 0.9, 0, 0, 0.1, 0], (4, 1)), abs=1e-6)


def test_where_only_harmless_is_known_the_teacher_chooses_among_the_harmless():
    harmless = np.ones((4, 7), np.float32)
    harmless[:, list(MALIGNANT_INDICES)] = 0
    melanoma, naevus = CLASSES.index("mel"), CLASSES.index("nv")
    _, targets = taught_batch(harmless, KnowsOne(32, answer=melanoma, rest=naevus), teacher_share=0.5)
    assert targets == pytest.approx(np.eye(7)[[naevus] * 4], abs=1e-6)


def test_mixup_blends_each_view_and_its_target_by_the_same_share():
    from train.steps.batches import mixed

    views = np.arange(4, dtype=np.uint8)[:, None, None, None] * np.full((4, 8, 8, 3), 60, np.uint8)
    blended, targets = mixed(views, np.eye(4, dtype=np.float32), 0.4, np.random.default_rng(1))
    assert targets.sum(axis=1) == pytest.approx(1)
    assert (targets.argmax(axis=1) == range(4)).all()  # each stays mostly itself
    assert targets.max(axis=1).min() < 0.99
    assert blended[:, 0, 0, 0] == pytest.approx(targets @ [0, 60, 120, 180], abs=0.5 + 1e-4)
