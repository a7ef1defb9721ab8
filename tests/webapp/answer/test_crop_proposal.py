import numpy as np
import pytest
from PIL import Image

from tests.fakes import FixedPredictor
from webapp.answer.crop_proposal import CLOSER, LEAST, MARGIN, propose_box
from webapp.model.predictor import Prediction
from webapp.photo.imaging import Box, Photo, model_input

CELLS = 24


class DarkSpots(FixedPredictor):
    """Sees a lesion where it is dark, and remembers where it looked."""

    def __init__(self) -> None:
        super().__init__(Prediction(0.5))
        self.looked: list[Box | None] = []

    def predict(self, image: Image.Image, box: Box | None = None) -> Prediction:
        self.looked.append(box)
        darkness = 1 - model_input(image, CELLS, box).mean(axis=2) / 255
        return Prediction(0.5, lesion_map=darkness.astype(np.float32))


def photo(size: tuple[int, int], *spots: Box, scaled: int = 1) -> Photo:
    """A white photo with black spots, all in pixels as it was sent, of which every ``scaled``-th is kept."""
    image = Image.new("RGB", size, "white")
    for left, upper, right, lower in spots:
        image.paste("black", (round(left), round(upper), round(right), round(lower)))
    return Photo(image.resize((size[0] // scaled, size[1] // scaled)), "JPEG", size)


@pytest.mark.parametrize("nothing", [None, np.full((6, 6), 0.1, np.float32)])
def test_nothing_is_proposed_where_no_spot_was_found(nothing: np.ndarray | None) -> None:
    predictor = FixedPredictor(Prediction(0.5, lesion_map=nothing))
    assert propose_box(predictor, photo((1200, 900))) is None


@pytest.mark.parametrize("size", [(600, 450), (1500, 2000), (400, 1600)])
@pytest.mark.parametrize("place", [(0.1, 0.1), (0.5, 0.5), (0.8, 0.3), (0.97, 0.97)])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.8])
def test_the_proposal_is_a_square_inside_the_photo_with_the_spot_and_some_skin(
    size: tuple[int, int], place: tuple[float, float], share: float
) -> None:
    side = share * min(size)
    left, upper = (min(at * whole, whole - side) for at, whole in zip(place, size, strict=True))
    found = propose_box(DarkSpots(), photo(size, (left, upper, left + side, upper + side)))
    assert found is not None and not found.others
    x0, y0, x1, y1 = found.box
    assert x1 - x0 == pytest.approx(y1 - y0)
    assert x0 >= 0 and y0 >= 0 and x1 <= size[0] + 1e-6 and y1 <= size[1] + 1e-6
    step = CLOSER * side / CELLS
    assert x0 <= left + step and y0 <= upper + step
    assert x1 >= left + side - step and y1 >= upper + side - step
    wanted = max((1 + 2 * MARGIN) * side, LEAST)
    assert x1 - x0 == pytest.approx(min(wanted, *size), rel=0.35)


def test_another_spot_elsewhere_does_not_widen_the_box() -> None:
    spot, smaller = (100, 100, 200, 200), (450, 350, 500, 400)
    alone, beside = (
        propose_box(DarkSpots(), photo((600, 450), *each)) for each in ((spot,), (spot, smaller))
    )
    assert alone is not None and beside is not None
    assert alone.box == pytest.approx(beside.box, abs=5)
    assert not alone.others and beside.others


@pytest.mark.parametrize(
    "other",
    [(450, 350, 500, 360), (560, 350, 600, 400), (175, 100, 188, 113)],
    ids=["less than a place of the map", "cut off", "in the box"],
)
def test_only_a_whole_spot_beyond_doubt_outside_of_the_box_is_another(other: Box) -> None:
    found = propose_box(DarkSpots(), photo((600, 450), (100, 100, 160, 160), other))
    assert found is not None and not found.others


def test_spots_that_only_the_closer_look_tells_apart_are_two() -> None:
    pair = (800, 1000, 1100, 1300), (1200, 1000, 1500, 1300)
    found = propose_box(DarkSpots(), photo((2400, 2400), *pair))
    assert found is not None and found.others
    assert found.box[2] < 1350, "the middle of the second"


def test_a_large_spot_is_looked_at_once() -> None:
    predictor = DarkSpots()
    found = propose_box(predictor, photo((600, 450), (150, 80, 450, 380)))
    assert len(predictor.looked) == 1 and found is not None
    assert found.box[0] <= 150 and found.box[2] >= 450


def test_the_network_looks_at_the_whole_photo_and_then_closer() -> None:
    predictor = DarkSpots()
    found = propose_box(predictor, photo((1200, 900), (200, 200, 320, 320), scaled=2))
    first, second = predictor.looked
    assert first == (0, 0, 600, 450)
    assert second is not None and found is not None
    assert second[2] - second[0] == pytest.approx(CLOSER * 120 / 2, rel=0.4)
    assert found.box[0] < 200 < 320 < found.box[2], "in pixels as it was sent"
