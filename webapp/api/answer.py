"""What a program gets: the record of one photo, with its heat map where that was asked for."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from webapp.answer.ahead import one_ahead
from webapp.answer.assessment import Outcome
from webapp.answer.crop_proposal import Proposal
from webapp.answer.diagnose import examine, read_photo, read_spot
from webapp.answer.messages import PHOTO_MESSAGES
from webapp.answer.record import Record
from webapp.api.question import AskedPhoto
from webapp.config import Settings
from webapp.model.predictor import Predictor
from webapp.photo import overlay
from webapp.photo.imaging import Photo, PhotoError
from webapp.server.request_log import note

Read = tuple[Photo, Proposal | None]
"""A photo and the part to look at."""


def answer(predictor: Predictor, asked: AskedPhoto, settings: Settings) -> dict[str, Any]:
    """Returns the record of one photo as JSON knows it.

    Raises:
        PhotoError: The photo cannot be read or does not hold its box.
    """
    return _judge(predictor, asked, *_read(predictor, asked, settings))


def answers(
    predictor: Predictor, asked: Sequence[AskedPhoto], settings: Settings
) -> Iterator[dict[str, Any]]:
    """Yields the record of each photo, in their order: one that cannot be read must not spoil the others."""
    reads = [partial(_read, predictor, photo, settings) for photo in asked]
    for photo, read in zip(asked, one_ahead(reads), strict=True):
        yield _answer_or_error(predictor, photo, read)


def _read(predictor: Predictor, asked: AskedPhoto, settings: Settings) -> Read:
    if asked.find_spot:
        return read_spot(asked.upload.stream, settings, predictor)
    photo = read_photo(asked.upload.stream, settings, asked.box)
    return photo, Proposal(asked.box) if asked.box else None


def _judge(predictor: Predictor, asked: AskedPhoto, photo: Photo, part: Proposal | None) -> dict[str, Any]:
    box, others = (part.box, part.others) if part else (None, False)
    assessment = examine(predictor, photo, asked.answers, box, asked.details, others)
    record = Record.of(asked.upload.filename, assessment, predictor.bundle.contract.version).to_dict()
    if asked.find_spot:
        record |= {"box": None if box is None else list(box)}
    if not asked.heat_map:
        return record
    activation = assessment.prediction.activation_map
    if activation is None or not activation.any() or assessment.outcome is Outcome.CANNOT_JUDGE:
        return record | {"heat_map": None}
    return record | {"heat_map": overlay.heat_map(activation).uri}


def _answer_or_error(predictor: Predictor, asked: AskedPhoto, read: "Future[Read]") -> dict[str, Any]:
    try:
        return _judge(predictor, asked, *read.result())
    except PhotoError as error:
        note(error=error.code)
        sentence, version = PHOTO_MESSAGES[error.code].sentence, predictor.bundle.contract.version
        record = Record.unreadable(asked.upload.filename or "", sentence, version).to_dict()
        record |= {"box": None} if asked.find_spot else {}
        return record | ({"heat_map": None} if asked.heat_map else {})
