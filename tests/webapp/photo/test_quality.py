import numpy as np
import pytest
from PIL import ImageFilter

from tests.rendered import render_lesion
from webapp.photo.imaging import correct_exposure, model_input
from webapp.photo.quality import DARK, Quality, exposure_gain, measure_brightness, measure_quality


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return model_input(render_lesion(3), 192)


def test_plain_grey_has_its_brightness_and_no_detail() -> None:
    assert measure_quality(np.full((64, 64, 3), 200, np.uint8)) == Quality(0.0, pytest.approx(200), 0.0)


def test_blur_takes_the_sharpness_step_by_step() -> None:
    photo = render_lesion(3)
    sharpness = [
        measure_quality(model_input(photo.filter(ImageFilter.GaussianBlur(radius)), 192)).sharpness
        for radius in (0, 2, 4, 8, 16)
    ]
    assert sharpness == sorted(sharpness, reverse=True)
    assert sharpness[-1] < sharpness[0] / 3


def test_darkness_is_seen_and_is_not_taken_for_blur(pixels: np.ndarray) -> None:
    bright, dark = measure_quality(pixels), measure_quality((pixels * 0.5).astype(np.uint8))
    assert dark.brightness == pytest.approx(0.5 * bright.brightness, abs=1.5)
    assert dark.sharpness > 0.7 * bright.sharpness


@pytest.mark.parametrize("side", [2, 3, 7, 8, 160, 192])
def test_brightness_is_the_percentile_that_numpy_finds(side: int) -> None:
    pixels = np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8)
    expected = float(np.percentile(pixels @ np.array([0.299, 0.587, 0.114], np.float32), 90))
    assert measure_brightness(pixels) == expected


def test_glare_is_the_share_that_is_white(pixels: np.ndarray) -> None:
    glaring = pixels.copy()
    glaring[:48] = 255
    assert measure_quality(glaring).glare == pytest.approx(
        0.25 + 0.75 * measure_quality(pixels).glare, abs=0.01
    )


def test_a_dark_photo_is_brightened_and_any_other_left_alone(pixels: np.ndarray) -> None:
    assert correct_exposure(pixels) is pixels
    dark = (pixels * 0.4).astype(np.uint8)
    assert measure_quality(correct_exposure(dark)).brightness == pytest.approx(DARK, abs=2)


def test_night_stays_night() -> None:
    assert exposure_gain(0.0) == exposure_gain(10.0) == 4
