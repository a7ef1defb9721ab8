import numpy as np
import pytest
from PIL import Image

from tests.fakes import FixedPredictor
from webapp.answer.crop_proposal import LEAST, box_of, propose_box
from webapp.model.predictor import Prediction
from webapp.photo.imaging import Box, Photo, centre_square


def prediction(*places: tuple[int, int]) -> Prediction:
    lesion_map = np.full((6, 6), 0.1, np.float32)
    for row, column in places:
        lesion_map[row, column] = 0.9
    return Prediction(0.5, lesion_map=lesion_map)


@pytest.mark.parametrize("nothing", [Prediction(0.5), prediction()])
def test_nothing_is_proposed_where_no_spot_was_found(nothing: Prediction) -> None:
    assert box_of(nothing) is None
    photo = Photo(Image.new("RGB", (600, 450)), "JPEG", (1200, 900))
    assert propose_box(FixedPredictor(nothing), photo) == centre_square(1200, 900)


def test_a_small_spot_is_in_the_middle_of_the_least_box() -> None:
    box = box_of(prediction((2, 3)))
    assert box == pytest.approx(
        (3.5 / 6 - LEAST / 2, 2.5 / 6 - LEAST / 2, 3.5 / 6 + LEAST / 2, 2.5 / 6 + LEAST / 2)
    )


def test_a_larger_spot_has_some_skin_around_it() -> None:
    left, upper, right, lower = box_of(prediction(*((row, column) for row in (2, 3, 4) for column in (1, 2))))
    assert (right - left, lower - upper) == pytest.approx((0.65, 0.65))
    assert (upper + lower) / 2 == pytest.approx(3.5 / 6)


def test_a_spot_at_the_edge_gets_a_box_inside_the_photo() -> None:
    left, upper, right, lower = box_of(prediction((0, 5), (1, 5)))
    assert (upper, right) == (0, 1)
    assert right - left == pytest.approx(lower - upper)


def test_another_spot_elsewhere_does_not_widen_the_box() -> None:
    alone = prediction((4, 1))
    beside = prediction((4, 1), (0, 5))
    beside.lesion_map[4, 1] = 0.95
    assert box_of(alone) == box_of(beside)


@pytest.mark.parametrize("size", [(600, 450), (3000, 4000), (100, 400)])
@pytest.mark.parametrize("place", [(0, 0), (2, 4), (5, 5)])
def test_the_proposal_is_a_square_inside_the_photo_that_holds_the_place(
    size: tuple[int, int], place: tuple[int, int]
) -> None:
    photo = Photo(Image.new("RGB", size), "JPEG", size)
    left, upper, right, lower = propose_box(FixedPredictor(prediction(place)), photo)
    assert right - left == pytest.approx(lower - upper)
    assert 0 <= left and right <= size[0] + 1e-6 and 0 <= upper and lower <= size[1] + 1e-6
    middle = (place[1] + 0.5) / 6 * size[0], (place[0] + 0.5) / 6 * size[1]
    assert left <= middle[0] <= right and upper <= middle[1] <= lower


def test_the_network_looks_at_the_whole_photo() -> None:
    class Looking(FixedPredictor):
        def predict(self, image: Image.Image, box: Box | None = None) -> Prediction:
            self.box = box
            return self.prediction

    predictor = Looking(prediction((1, 1)))
    propose_box(predictor, Photo(Image.new("RGB", (640, 480)), "JPEG", (1280, 960)))
    assert predictor.box == (0, 0, 640, 480)
