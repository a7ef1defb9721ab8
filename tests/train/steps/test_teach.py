"""Teachers answer for photos that they have not seen, and only for those."""

from pathlib import Path

import numpy as np
import pytest

from train.datasets.dataset import Collection, DatasetError, Record, Subset
from train.steps.teach import FOLDS, cross_fitted, fold_of, read_features
from train.steps.training_set import soft_labels
from webapp.model.labels import CLASSES, MALIGNANT

CHANNELS = 12


def made(count: int, prefix: str = "photo", labelled: bool = True) -> Subset:
    records = tuple(
        Record(
            f"{prefix}{i}",
            CLASSES[i % 7] if labelled else None,
            CLASSES[i % 7] in MALIGNANT,
            f"lesion{prefix}{i // 7}",
            f"patient{prefix}{i // 7}",
            "made",
        )
        for i in range(count)
    )
    return Subset(Collection("made", records, None, {}), records)


def features_of(subset: Subset, rng: np.random.Generator, noise: float) -> dict[str, np.ndarray]:
    directions = np.random.default_rng(5).normal(0, 1, (7, CHANNELS))
    return {
        record.image_id: directions[i % 7] + rng.normal(0, noise, CHANNELS)
        for i, record in enumerate(subset.records)
    }


def test_teachers_know_what_the_features_tell_of_photos_that_they_have_not_seen() -> None:
    rng = np.random.default_rng(1)
    taught, others = made(350), made(70, "other", labelled=False)
    targets = cross_fitted([taught], [others], features_of(taught, rng, 0.3) | features_of(others, rng, 0.3))

    assert len(targets) == 420
    right = [targets[r.image_id].argmax() == i % 7 for i, r in enumerate([*taught.records, *others.records])]
    assert np.mean(right) > 0.9
    assert all(row.sum() == pytest.approx(1, abs=1e-4) for row in targets.values())


def test_a_teacher_cannot_have_learned_the_photo_that_it_answers_for() -> None:
    rng = np.random.default_rng(2)
    taught = made(350)
    noise = {record.image_id: rng.normal(0, 1, 400) for record in taught.records}

    targets = cross_fitted([taught], [], noise)

    right = [targets[record.image_id].argmax() == i % 7 for i, record in enumerate(taught.records)]
    assert np.mean(right) < 0.25, "features that tell nothing: one in seven is guessed"


def test_photos_of_one_patient_share_a_fold_and_every_fold_is_used() -> None:
    records = made(700).records
    folds: dict[str, set[int]] = {record.patient_id: set() for record in records}
    for record in records:
        folds[record.patient_id].add(fold_of(record))

    assert all(len(each) == 1 for each in folds.values())
    assert set.union(*folds.values()) == set(range(FOLDS))


def test_a_photo_without_features_gets_no_target() -> None:
    taught = made(350)
    features = features_of(taught, np.random.default_rng(3), 0.3)
    del features["photo3"]

    assert "photo3" not in cross_fitted([taught], [], features)


def test_a_folder_without_features_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="run the step embed first"):
        read_features(tmp_path)


def test_a_label_and_a_teacher_share_a_target() -> None:
    possible = np.zeros((2, 7))
    possible[0, 4] = 1
    possible[1, [2, 3, 5, 6]] = 1  # harmless, no more is known
    taught = np.full((2, 7), 1 / 7)

    soft = soft_labels(possible, taught, 0.6)

    assert soft[0, 4] == pytest.approx(0.4 + 0.6 / 7)
    assert soft[0, 5] == pytest.approx(0.6 / 7)
    assert soft[1, [2, 3, 5, 6]] == pytest.approx(np.full(4, 0.25), abs=1e-4)
    assert soft[1, [0, 1, 4]].max() == 0
    assert soft.sum(axis=1) == pytest.approx([1, 1], abs=1e-5)
