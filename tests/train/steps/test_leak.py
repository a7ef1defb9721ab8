import numpy as np
import pytest

from train.datasets.dataset import Collection, Record, Subset
from train.datasets.split import make_split, select
from train.steps.leak import split_by_image, twins


@pytest.fixture
def collection():
    """150 lesions with two images each."""
    records = tuple(
        Record(f"i{i}", "mel" if i % 6 < 2 else "nv", i % 6 < 2, f"l{i // 2}", f"l{i // 2}", "made")
        for i in range(300)
    )
    return Collection("made", records, None, {})


def test_a_split_by_image_tears_lesions_apart_and_keeps_the_sizes(collection):
    subsets = split_by_image(collection)
    sizes = {part: len(subset.records) for part, subset in subsets.items()}
    assert sizes == {"train": 210, "val": 45, "test": 45}
    assert twins(subsets["train"], subsets["test"]).mean() > 0.5
    # The records keep their true lesions: sampling weights and intervals need them.
    assert len({record.lesion_id for record in subsets["train"].records}) < 210


def test_the_split_by_lesion_has_no_twins(collection):
    parts = make_split(collection.records)
    train, test = (select(collection, parts, part) for part in ("train", "test"))
    assert not twins(train, test).any()


def test_twins_are_test_images_of_lesions_seen_in_training(collection):
    train, test = Subset(collection, collection.records[:3]), Subset(collection, collection.records[1:5])
    assert np.array_equal(twins(train, test), [True, True, True, False])
