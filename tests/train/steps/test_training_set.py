"""How often each image is drawn, and what its label leaves possible."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from train.datasets.dataset import DatasetError, Subset, open_collection
from train.steps.recipe import Recipe
from train.steps.training_set import load_training_set, possible_classes, training_prior
from webapp.model.labels import CLASSES, MALIGNANT_INDICES


def test_smartphone_photos_get_their_share_of_the_draws(data: Path) -> None:
    collection = open_collection(data)
    half = len(collection.records) // 2
    images = load_training_set(
        Subset(collection, collection.records[:half]),
        Subset(collection, collection.records[half:]),
        Recipe(phone_share=0.2, frame_size=32),
    )
    assert images.weights[half:].sum() == pytest.approx(0.2)
    assert images.labels.shape == (2 * half, len(CLASSES))


def test_a_photo_with_a_diagnosis_and_without_a_target_is_not_taught_by_its_label_alone(data: Path) -> None:
    collection = open_collection(data)
    train = Subset(collection, collection.records)
    targets = {record.image_id: np.full(len(CLASSES), 1 / 7, np.float32) for record in train.records[1:]}
    with pytest.raises(DatasetError, match=f"1 of {len(train.records)} photos have no target"):
        load_training_set(train, None, Recipe(frame_size=32, teacher_share=0.5), targets=targets)


def test_other_collections_get_their_share_and_as_many_cancers_as_the_rest(data: Path) -> None:
    collection = open_collection(data)
    train = Subset(collection, collection.records)
    unnamed = [
        record if record.malignant else dataclasses.replace(record, dx=None) for record in collection.records
    ]
    extra = Subset(collection, tuple(unnamed))
    recipe = Recipe(frame_size=32, extra_share=0.25)
    images = load_training_set(train, None, recipe, [extra])
    count = len(train.records)
    assert images.draws == count and len(images.weights) == 2 * count
    assert images.weights.sum() == pytest.approx(1)
    assert images.weights[count:].sum() == pytest.approx(0.25)
    malignant = np.array([record.malignant for record in extra.records])
    share = training_prior(train, recipe.balance)[list(MALIGNANT_INDICES)].sum()
    assert images.weights[count:][malignant].sum() == pytest.approx(0.25 * share)
    assert set(possible_classes(extra).sum(axis=1)) == {1, 4}
