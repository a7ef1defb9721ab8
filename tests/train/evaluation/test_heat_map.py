import dataclasses

import numpy as np
import pytest
from PIL import Image

from tests.train.dark_predictor import DarkPredictor
from tests.train.made_spots import ellipse
from train.datasets.dataset import DatasetError
from train.datasets.masks import covered, open_masks, sums_of
from train.evaluation.answers import predict
from train.evaluation.heat_map import OFF_CENTRE, heat_map_metrics, off_centre_crop, pointing
from train.evaluation.proposals import coverage_metrics, gain_metrics
from webapp.model.predictor import Prediction
from webapp.photo.imaging import Box


@pytest.mark.parametrize("aspect", [4 / 3, 1, 3 / 4])
def test_an_off_centre_crop_is_a_true_square_in_the_frame_with_the_lesion_aside(aspect):
    mask = ellipse(224, 224, (90, 100, 130, 150))
    for seed in range(20):
        left, upper, right, lower = off_centre_crop(mask, aspect, np.random.default_rng(seed))
        assert 0 <= left < right <= 224
        assert 0 <= upper < lower <= 224
        assert (right - left) / (lower - upper) == pytest.approx(1 / aspect, rel=0.02)
        y, x = np.nonzero(mask[upper:lower, left:right])
        off = np.hypot(x.mean() / (right - left) - 0.5, y.mean() / (lower - upper) - 0.5)
        assert off >= OFF_CENTRE - 0.01
        assert covered(mask, (left, upper, right, lower)) >= 0.8


@pytest.mark.parametrize("mask", [np.ones((60, 80), bool), np.zeros((60, 80), bool)])
def test_a_lesion_that_fills_the_frame_or_is_not_there_has_no_such_crop(mask):
    assert off_centre_crop(mask, 4 / 3, np.random.default_rng(0)) is None


def test_sums_over_boxes_are_the_sums_over_their_pixels():
    mask = np.random.default_rng(0).random((20, 30)) < 0.3
    area, x, y = sums_of(mask).over(np.array([[3, 5, 17, 19]]))
    part = mask[5:19, 3:17]
    rows, columns = np.nonzero(part)
    assert area[0] == part.sum()
    assert x[0] == pytest.approx((columns + 3.5).sum())
    assert y[0] == pytest.approx((rows + 5.5).sum())


def test_a_map_that_points_at_the_lesion_and_one_that_does_not():
    truth = np.zeros((224, 224), bool)
    truth[:64, :64] = True
    values = np.zeros((7, 7), np.float32)
    values[0, 0] = 1
    assert pointing(values, truth).peak
    assert pointing(values, truth).energy > 0.9
    assert not pointing(values[::-1], truth).peak
    assert pointing(np.ones((7, 7), np.float32), truth).energy == pytest.approx(truth.mean())
    assert pointing(np.zeros((7, 7), np.float32), truth).energy == 0


def test_a_map_of_darkness_finds_dark_spots_and_the_middle_does_not(spots):
    subset, masks = spots
    found = heat_map_metrics(DarkPredictor(), subset, masks, resamples=50)
    assert found["photos_with_mask"] == found["images"] == 5
    assert found["activation_map"]["peak_inside"]["value"] == 1
    assert found["middle_inside"]["value"] < 0.5
    assert found["activation_map"]["energy_inside"]["value"] > 0.8 > found["lesion_area"]["value"]
    assert "lesion_map" not in found


class DarkLesions(DarkPredictor):
    """Takes for the lesion what is dark."""

    def predict(self, image: Image.Image, box: Box | None = None) -> Prediction:
        prediction = super().predict(image, box)
        return dataclasses.replace(
            prediction, lesion_map=(prediction.activation_map > 0.3).astype(np.float32)
        )


def test_a_proposal_around_the_dark_place_beats_the_middle(spots):
    subset, masks = spots

    found = coverage_metrics(DarkLesions(), subset, masks, resamples=50)
    assert found["covers"]["value"] == 1
    assert found["covers"]["value"] > found["same_box_in_the_middle"]["value"]
    assert 0.05 < found["area"]["value"] < 0.6

    plain = predict(DarkPredictor(), subset)
    same = gain_metrics(
        DarkPredictor(), subset, plain, resamples=10
    )  # it knows no lesion, so proposes nothing
    assert same["gain"]["value"] == 0
    assert same["images"] == 6


def test_what_is_no_zip_of_masks_is_named(tmp_path):
    with pytest.raises(DatasetError, match="masks"):
        open_masks(tmp_path / "masks.zip")
