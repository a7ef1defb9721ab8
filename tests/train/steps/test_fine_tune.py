"""A fold of fine-tuning, with random weights, where PyTorch is installed."""

import dataclasses
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.missing import LEFT_OUT
from train.datasets.dataset import Collection, Record, Subset
from train.steps.failures import FitError
from webapp.model.labels import CLASSES, MALIGNANT

if not (find_spec("torch") and find_spec("onnx")):
    # Not even where everything has to be there: 900 MB for one step, which nobody has to run.
    pytest.skip(f"{LEFT_OUT}PyTorch and ONNX, as train/README.md says", allow_module_level=True)


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


@pytest.mark.parametrize("blocks", [1, 12])
def test_every_photo_gets_an_answer_and_finished_folds_stay(
    blocks: int, photos: Subset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from train.network import clip
    from train.steps import fine_tune, tuning_material

    monkeypatch.setattr(tuning_material, "load_tower", lambda weights: clip.ImageTower())
    tuning = fine_tune.Tuning(blocks, folds=2, epochs=1, batch_size=4)
    taught, untaught = (
        Subset(photos.collection, photos.records[:11]),
        Subset(photos.collection, photos.records[11:]),
    )
    folder = tmp_path / "folds"
    found = fine_tune.fine_tune([taught], [untaught], tmp_path / "no-weights", folder, tuning)

    assert set(found) == {record.image_id for record in photos.records}
    assert all(row.sum() == pytest.approx(1, abs=1e-3) for row in found.values())
    assert (folder / "fold-0.npz").is_file() and (folder / "fold-1.npz").is_file()
    assert not list(folder.glob("partial-*"))

    monkeypatch.setattr(
        tuning_material, "load_tower", lambda weights: pytest.fail("a finished fold began again")
    )
    again = fine_tune.fine_tune([taught], [untaught], tmp_path / "no-weights", folder, tuning)
    assert all(np.array_equal(found[name], again[name]) for name in found)

    for other in (dataclasses.replace(tuning, epochs=2), dataclasses.replace(tuning, blocks=2)):
        with pytest.raises(FitError, match="results of other choices"):
            fine_tune.fine_tune([taught], [untaught], tmp_path / "no-weights", folder, other)
    with pytest.raises(FitError, match="photos-0"):
        fine_tune.fine_tune([untaught], [taught], tmp_path / "no-weights", folder, tuning)


def test_merged_tokens_are_the_class_token_and_the_mean_of_every_two_by_two_patches() -> None:
    import torch

    from train.network import clip

    torch.manual_seed(0)
    tower, views = clip.ImageTower().eval(), torch.rand(1, 3, clip.SIZE, clip.SIZE)
    with torch.inference_mode():
        whole, merged = tower.embedded(views)[0], tower.merged_tokens(views, 0)[0]

    assert merged.shape == (clip.MERGED, clip.WIDTH)
    assert torch.allclose(merged[0], whole[0])
    row, column = 2, 5  # of 7 x 7: patches 4 and 5 of 14 down, 10 and 11 across
    patches = whole[1:].reshape(14, 14, clip.WIDTH)[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
    assert torch.allclose(merged[1 + 7 * row + column], patches.mean((0, 1)), atol=1e-5)


def test_one_block_learns_from_tokens_what_tells_two_classes_apart() -> None:
    import torch

    from train.network import clip
    from train.steps import fine_tune, tuning_material

    rng = np.random.default_rng(0)
    tokens = rng.normal(size=(40, clip.MERGED, clip.WIDTH)).astype(np.float16)
    tokens[::2, 0] += rng.normal(size=clip.WIDTH).astype(np.float16)  # every second photo
    records = [Record(f"{i}", CLASSES[i % 2], False, f"{i}", f"{i}", "made") for i in range(40)]
    torch.manual_seed(0)
    tower = clip.ImageTower()
    device = torch.device("cpu")
    material = tuning_material.Tokens(tokens, Path("none"), device, 1)
    material.network = lambda: clip.LastBlocks(tower, 1, len(CLASSES), 0.0)  # type: ignore[method-assign]
    tuning = fine_tune.Tuning(1, epochs=6, batch_size=8, learning_rate=3e-4)

    network = fine_tune._trained(material, records, np.arange(32), tuning, device, 0)
    chances = material.chances(network, np.arange(32, 40))

    assert (chances.argmax(1) == np.arange(8) % 2).all()
