"""From an uploaded file to an answer: the one path that pages, API and command line share."""

from typing import IO, Final

from webapp.answer.assessment import Answers, Assessment, assess, find_reasons
from webapp.answer.crop_proposal import Proposal, propose_box
from webapp.answer.details import NO_DETAILS, Details
from webapp.config import Settings
from webapp.model.predictor import Predictor
from webapp.photo.imaging import Box, Photo, PhotoError, centre_square, decode
from webapp.server.request_log import note, timed

NO_ANSWERS: Final = Answers()


class TooManyBytes(PhotoError):
    code = "too_large"


def read_photo(stream: IO[bytes], settings: Settings, box: Box | None = None) -> Photo:
    """Reads a photo, never more of it than is allowed.

    Args:
        stream: The file, which is closed once it has been read.
        settings: They hold the limits.
        box: The part that will be looked at, in pixels of the upright photo; it keeps its details.

    Raises:
        PhotoError: The photo cannot be read, is over a limit or does not hold the box.
    """
    return _decoded(_bytes(stream, settings), settings, box)


def read_spot(stream: IO[bytes], settings: Settings, predictor: Predictor) -> tuple[Photo, Proposal | None]:
    """Reads a photo and looks where its spot probably is.

    Args:
        stream: The file, which is closed once it has been read.
        settings: They hold the limits.
        predictor: The network to ask, once about all of the photo and once about the spot.

    Returns:
        The photo, with the details of the proposed box, and the proposal; ``None`` where no spot was found.

    Raises:
        PhotoError: The photo cannot be read or is over a limit.
    """
    data = _bytes(stream, settings)
    photo = _decoded(data, settings)
    with timed("propose"):
        proposal = propose_box(predictor, photo)
    if proposal is None or photo.image.size == photo.size:
        return photo, proposal
    # Anew: scaled down as a whole, a small spot has lost its details.
    return _decoded(data, settings, proposal.box), proposal


def _bytes(stream: IO[bytes], settings: Settings) -> bytes:
    with stream:  # an upload is held in memory: 15 MB more, beside the 290 that the largest HEIC takes
        data = stream.read(settings.max_upload_bytes + 1)
    if len(data) > settings.max_upload_bytes:
        raise TooManyBytes(f"more than {settings.max_upload_bytes} bytes")
    return data


def _decoded(data: bytes, settings: Settings, box: Box | None = None) -> Photo:
    with timed("decode"):
        photo = decode(data, settings.max_pixels, box)
    note(format=photo.format, width=photo.size[0], height=photo.size[1])
    return photo


def examine(
    predictor: Predictor,
    photo: Photo,
    answers: Answers = NO_ANSWERS,
    box: Box | None = None,
    details: Details = NO_DETAILS,
    others: bool = False,
) -> Assessment:
    """Assesses one photo.

    Args:
        predictor: The network to ask.
        photo: As from :func:`read_photo`.
        answers: What the person said about the spot.
        box: The part to look at, in pixels of the photo as it was sent; the centre square if ``None``.
        details: What the person said about age, sex and place.
        others: Whether nobody chose the box, and it leaves another spot out.
    """
    contract = predictor.bundle.contract
    with timed("predict"):
        prediction = predictor.predict(photo.image, photo.on_image(box))
    left, upper, right, lower = box or centre_square(*photo.size)
    width, height = right - left, lower - upper
    whole = photo.size if box is None else (width, height)
    reasons = find_reasons(whole, min(width, height), prediction, contract.gate)
    point = contract.operating_point(prediction.phone)
    assessment = assess(prediction, point, reasons, answers, details, others)
    note(outcome=assessment.outcome, model_version=contract.version)
    return assessment
