import io

import pytest
from PIL import Image

from tests.fakes import FixedPredictor, made_prediction
from webapp.answer.assessment import Answers, Outcome, Reason
from webapp.answer.diagnose import TooManyBytes, examine, read_photo
from webapp.config import Settings
from webapp.photo.imaging import Photo, TooManyPixels


class Counted(io.BytesIO):
    """A stream that knows how much of it was asked for."""

    def read(self, size: int | None = -1) -> bytes:
        self.asked = size
        return super().read(size)


def blank(width: int, height: int) -> Photo:
    return Photo(Image.new("RGB", (width, height)), "PNG", (width, height))


def test_a_photo_is_read_and_its_file_let_go(photo: bytes) -> None:
    stream = io.BytesIO(photo)
    read = read_photo(stream, Settings())
    assert read.image.size == (600, 450)
    assert read.format == "JPEG"
    assert stream.closed


def test_a_photo_may_have_exactly_as_many_bytes_as_allowed(photo: bytes) -> None:
    read_photo(io.BytesIO(photo), Settings(max_upload_bytes=len(photo)))
    with pytest.raises(TooManyBytes):
        read_photo(io.BytesIO(photo), Settings(max_upload_bytes=len(photo) - 1))


def test_no_more_is_read_than_one_byte_above_the_limit(photo: bytes) -> None:
    stream = Counted(photo)
    with pytest.raises(TooManyBytes):
        read_photo(stream, Settings(max_upload_bytes=100))
    assert stream.asked == 101


def test_the_pixel_limit_is_the_settings_own(photo: bytes) -> None:
    with pytest.raises(TooManyPixels):
        read_photo(io.BytesIO(photo), Settings(max_pixels=600 * 450 - 1))


def test_thresholds_and_gate_are_the_contracts() -> None:
    for malignancy, outcome in ((0.2, Outcome.SIGNS), (0.05, Outcome.UNSURE), (0.04, Outcome.NO_SIGNS)):
        assessment = examine(FixedPredictor(made_prediction(malignancy)), blank(600, 450))
        assert assessment.outcome is outcome
    unfamiliar = examine(FixedPredictor(made_prediction(0.9, unfamiliarity=10.5)), blank(600, 450))
    assert (unfamiliar.outcome, unfamiliar.reasons) == (Outcome.CANNOT_JUDGE, (Reason.UNFAMILIAR,))


def test_answers_are_heard() -> None:
    predictor = FixedPredictor(made_prediction(0.01))
    assert examine(predictor, blank(600, 450)).outcome is Outcome.NO_SIGNS
    assert examine(predictor, blank(600, 450), Answers(different=True)).outcome is Outcome.UNSURE


def test_small_and_narrow_photos_cannot_be_judged() -> None:
    predictor = FixedPredictor(made_prediction(0.01))
    assert examine(predictor, blank(63, 63)).reasons == (Reason.TOO_SMALL,)
    assert examine(predictor, blank(1000, 200)).reasons == (Reason.TOO_NARROW,)
    assert examine(predictor, blank(1000, 20)).reasons == (Reason.TOO_SMALL, Reason.TOO_NARROW)


def test_of_a_framed_strip_only_the_frame_counts() -> None:
    predictor = FixedPredictor(made_prediction(0.01))
    assert examine(predictor, blank(5000, 1000), box=(100, 100, 900, 900)).reasons == ()
    assert examine(predictor, blank(1000, 5000), box=(0, 0, 63, 63)).reasons == (Reason.TOO_SMALL,)


def test_a_box_must_hold_enough_pixels_itself() -> None:
    predictor = FixedPredictor(made_prediction(0.01))
    assert examine(predictor, blank(600, 450), box=(10, 10, 73, 73)).reasons == (Reason.TOO_SMALL,)
    assert examine(predictor, blank(600, 450), box=(10, 10, 74, 74)).reasons == ()
