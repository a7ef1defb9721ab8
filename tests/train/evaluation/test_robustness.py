import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.rendered import render_lesion
from tests.train.dark_predictor import DarkPredictor
from train.datasets.dataset import Collection, Record, Subset
from train.datasets.frames import in_true_aspect
from train.evaluation.robustness import (
    CHANGES,
    SYMMETRIES,
    SYMMETRY_KINDS,
    brightened,
    drawn,
    robustness_metrics,
    rotated,
    shrunk,
)


@pytest.fixture
def photos(tmp_path):
    records, members = [], {}
    for number in range(12):
        image_id = f"made_{number}"
        members[image_id] = str(tmp_path / f"{image_id}.png")
        malignant = number % 2 == 0
        image = Image.new("RGB", (80, 80), (200, 180, 170))
        ImageDraw.Draw(image).ellipse((20, 20, 60, 60), fill=(10, 10, 10) if malignant else (90, 60, 40))
        image.save(members[image_id])
        dx = "mel" if malignant else "nv"
        records.append(Record(image_id, dx, malignant, image_id, image_id, "made", aspect=4 / 3))
    collection = Collection("made", tuple(records), None, members)
    return Subset(collection, collection.records)


def test_a_squashed_frame_gets_its_shape_back():
    assert in_true_aspect(Image.new("RGB", (224, 224)), 4 / 3).size == (299, 224)
    assert in_true_aspect(Image.new("RGB", (224, 224)), 3 / 4).size == (224, 299)
    assert in_true_aspect(Image.new("RGB", (50, 70)), None).size == (50, 70)


def test_a_quarter_turn_by_rotation_turns_the_middle():
    image = render_lesion(3, 120, 90)
    square = (30, 15, 90, 75)
    turned = np.asarray(rotated(image, 90).crop(square), np.int16)
    expected = np.rot90(np.asarray(image.crop(square), np.int16))
    assert np.abs(turned - expected).mean() < 6  # half a pixel of shift, and the noise of the camera


def test_rotation_leaves_no_black_corners():
    assert np.asarray(rotated(Image.new("RGB", (80, 60), "white"), 45)).min() == 255


@pytest.mark.parametrize("name", CHANGES)
def test_changes_change_pixels_and_leave_a_photo_of_that_shape(name):
    image = render_lesion(5, 120, 90)
    changed = CHANGES[name](image)
    assert changed.width / changed.height == pytest.approx(4 / 3)
    assert changed.mode == "RGB"
    assert np.asarray(changed.resize(image.size)).tobytes() != np.asarray(image).tobytes()


def test_brightness_and_size_are_what_they_say():
    grey = Image.new("RGB", (80, 60), (100, 100, 100))
    assert brightened(grey, 1.3).getpixel((0, 0)) == (130, 130, 130)
    assert shrunk(grey, 0.5).size == (40, 30)


def test_the_same_seed_draws_the_same_photos_and_no_more_than_there_are(photos):
    assert drawn(photos, 5, seed=1).records == drawn(photos, 5, seed=1).records
    assert drawn(photos, 5, seed=1).records != drawn(photos, 5, seed=2).records
    assert drawn(photos, 99) is photos


def test_a_model_that_only_sees_darkness_does_not_mind_turns_but_minds_brightness(photos):
    found = robustness_metrics(DarkPredictor(), photos, count=10, resamples=20)
    assert found["images"] == 10
    assert found["malignancy_auc"]["value"] == 1
    assert set(found["symmetries"]) == {*SYMMETRIES, *SYMMETRY_KINDS, "all"}
    assert found["symmetries"]["all"]["value"] == pytest.approx(0, abs=1e-6)
    assert found["changes"]["brightness_70"]["mean_absolute_change"]["value"] > 0.1
    assert found["changes"]["rotated_45"]["mean_absolute_change"]["value"] < 0.05
    assert found["changes"]["half_size"]["difference"]["value"] == 0


def test_a_model_that_looks_at_one_side_minds_flips(photos):
    class LeftPredictor(DarkPredictor):
        def predict(self, image, box=None):
            return super().predict(image.crop((0, 0, image.width // 4, image.height)), None)

    tilted = in_true_aspect(render_lesion(1, 80, 60), None)
    file = photos.collection.members[photos.records[0].image_id]
    half = tilted.copy()
    half.paste("black", (0, 0, 40, 60))
    half.save(file)
    one = Subset(photos.collection, photos.records[:1])
    found = robustness_metrics(LeftPredictor(), one, resamples=5)["symmetries"]
    assert found["flipped_left_right"]["value"] > 0.3
    assert found["flipped_up_down"]["value"] < 0.1
    flips = [found[name]["value"] for name in ("flipped_left_right", "flipped_up_down")]
    assert found["flips"]["value"] == pytest.approx(np.mean(flips))
