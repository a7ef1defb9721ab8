"""What a program gets: the record of one photo, with its heat map where that was asked for."""

from typing import Any

from webapp.answer.assessment import Outcome
from webapp.answer.diagnose import examine, read_photo
from webapp.answer.messages import PHOTO_MESSAGES
from webapp.answer.record import Record
from webapp.api.question import AskedPhoto
from webapp.config import Settings
from webapp.model.predictor import Predictor
from webapp.photo import overlay
from webapp.photo.imaging import PhotoError


def answer(predictor: Predictor, asked: AskedPhoto, settings: Settings) -> dict[str, Any]:
    """Returns the record of one photo as JSON knows it.

    Raises:
        PhotoError: The photo cannot be read or does not hold its box.
    """
    photo = read_photo(asked.upload.stream, settings, asked.box)
    assessment = examine(predictor, photo, asked.answers, asked.box, asked.details)
    record = Record.of(asked.upload.filename, assessment, predictor.bundle.contract.version).to_dict()
    if not asked.heat_map:
        return record
    activation = assessment.prediction.activation_map
    if activation is None or not activation.any() or assessment.outcome is Outcome.CANNOT_JUDGE:
        return record | {"heat_map": None}
    return record | {"heat_map": overlay.heat_map(activation).uri}


def answer_or_error(predictor: Predictor, asked: AskedPhoto, settings: Settings) -> dict[str, Any]:
    """Returns the record of one photo among several: one that cannot be read must not spoil the others."""
    try:
        return answer(predictor, asked, settings)
    except PhotoError as error:
        sentence, version = PHOTO_MESSAGES[error.code].sentence, predictor.bundle.contract.version
        record = Record.unreadable(asked.upload.filename or "", sentence, version).to_dict()
        return record | ({"heat_map": None} if asked.heat_map else {})
