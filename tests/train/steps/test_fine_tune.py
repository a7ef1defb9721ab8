"""A fold of fine-tuning, with random weights, where PyTorch is installed."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from train.datasets.dataset import Collection, Record, Subset
from webapp.model.labels import CLASSES, MALIGNANT

pytest.importorskip("torch")
pytest.importorskip("onnx")


@pytest.fixture
def photos(tmp_path: Path) -> Subset:
    rng = np.random.default_rng(0)
    files, records = {}, []
    for i in range(14):
        name, dx = f"photo{i}", CLASSES[i % 7]
        files[name] = str(tmp_path / f"{name}.png")
        Image.fromarray(rng.integers(0, 255, (60, 80, 3), np.uint8)).save(files[name])
        records.append(Record(name, dx, dx in MALIGNANT, name, name, "made"))
    return Subset(Collection("made", tuple(records), None, files), tuple(records))


def test_every_photo_gets_an_answer_and_finished_folds_stay(
    photos: Subset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from train.network import clip
    from train.steps import fine_tune

    monkeypatch.setattr(fine_tune, "load_tower", lambda weights: clip.ImageTower())
    tuning = fine_tune.Tuning(epochs=1, batch_size=4, blocks=1, frame_size=64, workers=1)
    folder = tmp_path / "folds"
    found = fine_tune.fine_tune([photos], [], tmp_path / "no-weights", folder, tuning)

    assert set(found) == {record.image_id for record in photos.records}
    assert all(row.sum() == pytest.approx(1, abs=1e-3) for row in found.values())
    written = sorted(file.name for file in folder.iterdir())
    assert written == [f"fold-{fold}.npz" for fold in range(5)]

    monkeypatch.setattr(fine_tune, "load_tower", lambda weights: pytest.fail("a finished fold began again"))
    again = fine_tune.fine_tune([photos], [], tmp_path / "no-weights", folder, tuning)
    assert all(np.array_equal(found[name], again[name]) for name in found)
