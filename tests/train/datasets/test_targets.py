"""What teachers said of photos: the file keeps it, and refuses to be taken for something else."""

from pathlib import Path

import numpy as np
import pytest

from train.datasets.dataset import DatasetError
from train.datasets.targets import TARGETS, read_targets, write_targets
from webapp.model.labels import CLASSES


def test_targets_come_back_as_chances(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).dirichlet(np.ones(len(CLASSES)), 5)
    write_targets(tmp_path / "targets.npz", {f"photo{i}": row for i, row in enumerate(rows)})

    found = read_targets(tmp_path / "targets.npz")

    assert sorted(found) == [f"photo{i}" for i in range(5)]
    for i, row in enumerate(rows):
        assert found[f"photo{i}"] == pytest.approx(row, abs=1e-3)
        assert found[f"photo{i}"].sum() == pytest.approx(1, abs=1e-6)


def test_a_file_of_other_classes_or_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "targets.npz"
    with pytest.raises(DatasetError, match="holds no targets"):
        read_targets(file)
    np.savez(file, image_ids=["a"], probabilities=[[0.5, 0.5]], classes=["harmless", "cancer"])
    with pytest.raises(DatasetError, match="other classes"):
        read_targets(file)


def test_the_committed_targets_say_something_of_each_photo_once() -> None:
    targets = read_targets(TARGETS)

    assert len(targets) > 10_000
    chances = np.stack(list(targets.values()))
    assert (chances >= 0).all()
    assert (chances.max(axis=1) < 1).mean() > 0.99, "no teacher is certain of a photo that it has not seen"
    assert set(chances.argmax(axis=1)) == set(range(len(CLASSES)))
