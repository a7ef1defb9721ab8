"""What teachers said of photos: the file keeps it, and refuses to be taken for something else."""

from pathlib import Path

import numpy as np
import pytest

from train.datasets.dataset import DatasetError, open_collection
from train.datasets.split import HAM10000, PARTS, PHONE, read_split, select
from train.datasets.targets import TARGETS, read_targets, together, write_targets
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


@pytest.mark.shared
def test_the_committed_targets_are_of_every_photo_that_may_teach_and_of_no_test_photo(
    shared_data: Path,
) -> None:
    targets = read_targets(TARGETS).keys()
    for file, scheme in (("ham10000.zip", HAM10000), ("pad_ufes_20.zip", PHONE)):
        collection, parts = open_collection(shared_data / file), read_split(scheme)
        for part in PARTS:
            records = select(collection, parts, part, scheme).records
            assert sum(r.image_id in targets for r in records) == (0 if part == "test" else len(records))


def test_two_teachers_meet_at_the_mean_of_their_logits_and_one_alone_stays() -> None:
    sure, torn = np.full(7, 0.01, np.float32), np.full(7, 1 / 7, np.float32)
    sure[2] = 0.94
    both = together({"a": sure, "b": torn}, {"a": torn, "c": sure})

    assert set(both) == {"a", "b", "c"}
    assert np.array_equal(both["b"], torn) and np.array_equal(both["c"], sure)
    logits = np.log(both["a"])
    assert both["a"].sum() == pytest.approx(1)
    assert logits[2] - logits[0] == pytest.approx(np.log(94) / 2, abs=1e-3)


def test_a_class_that_one_teacher_rules_out_is_not_lost() -> None:
    never, torn = np.array([0, 1, 0, 0, 0, 0, 0], np.float32), np.full(7, 1 / 7, np.float32)
    assert (together({"a": never}, {"a": torn})["a"] > 0).all()
