"""What a program gets: the record of one photo, with its heat map where that was asked for."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from webapp.answer.assessment import Outcome
from webapp.answer.diagnose import examine, read_photo
from webapp.answer.messages import PHOTO_MESSAGES
from webapp.answer.record import Record
from webapp.api.question import AskedPhoto
from webapp.config import Settings
from webapp.model.predictor import Predictor
from webapp.photo import overlay
from webapp.photo.imaging import Photo, PhotoError


def answer(predictor: Predictor, asked: AskedPhoto, settings: Settings) -> dict[str, Any]:
    """Returns the record of one photo as JSON knows it.

    Raises:
        PhotoError: The photo cannot be read or does not hold its box.
    """
    return _judge(predictor, asked, _read(asked, settings))


def answers(
    predictor: Predictor, asked: Sequence[AskedPhoto], settings: Settings
) -> Iterator[dict[str, Any]]:
    """Yields the record of each photo, in their order: one that cannot be read must not spoil the others.

    The next photo is decoded while the network looks at the last one.
    """
    with ThreadPoolExecutor(1) as reader:
        ahead: Future[Photo] | None = None
        for photo, following in zip(asked, [*asked[1:], None], strict=True):
            read = ahead or _read_in(reader, photo, settings)
            read.exception()  # waits; what it is raised for comes with its record
            ahead = _read_in(reader, following, settings) if following else None
            yield _answer_or_error(predictor, photo, read)


def _read_in(reader: ThreadPoolExecutor, asked: AskedPhoto, settings: Settings) -> "Future[Photo]":
    # With the request, in whose line of the log the photo is noted.
    return reader.submit(copy_context().run, _read, asked, settings)


def _read(asked: AskedPhoto, settings: Settings) -> Photo:
    return read_photo(asked.upload.stream, settings, asked.box)


def _judge(predictor: Predictor, asked: AskedPhoto, photo: Photo) -> dict[str, Any]:
    assessment = examine(predictor, photo, asked.answers, asked.box, asked.details)
    record = Record.of(asked.upload.filename, assessment, predictor.bundle.contract.version).to_dict()
    if not asked.heat_map:
        return record
    activation = assessment.prediction.activation_map
    if activation is None or not activation.any() or assessment.outcome is Outcome.CANNOT_JUDGE:
        return record | {"heat_map": None}
    return record | {"heat_map": overlay.heat_map(activation).uri}


def _answer_or_error(predictor: Predictor, asked: AskedPhoto, read: "Future[Photo]") -> dict[str, Any]:
    try:
        return _judge(predictor, asked, read.result())
    except PhotoError as error:
        sentence, version = PHOTO_MESSAGES[error.code].sentence, predictor.bundle.contract.version
        record = Record.unreadable(asked.upload.filename or "", sentence, version).to_dict()
        return record | ({"heat_map": None} if asked.heat_map else {})
