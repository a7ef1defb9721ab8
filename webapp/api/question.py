"""What a program asks: the fields of a request to ``/api/v1/predict``, read and checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flask import Request
from werkzeug.datastructures import FileStorage

from webapp.answer.assessment import Answers
from webapp.answer.details import Details, InvalidDetail, read_details
from webapp.photo.imaging import Box, PhotoError

MAX_PHOTOS: Final = 16
"""In one request, which must stay within the byte limit as a whole."""
AUTO: Final = "auto"
"""In the place of a box: the part where the spot probably is."""
FLAGS: Final = ("changed", "symptoms", "different", "heat_map")
DETAILS: Final = ("age", "sex", "site")


class MissingField(PhotoError):
    code = "missing_field"


class AmbiguousField(PhotoError):
    code = "ambiguous_field"


class TooManyPhotos(PhotoError):
    code = "too_many_photos"


class InvalidBox(PhotoError):
    code = "invalid_box"


class InvalidFlag(PhotoError):
    code = "invalid_flag"


class InvalidAge(PhotoError):
    code = "invalid_age"


class InvalidSex(PhotoError):
    code = "invalid_sex"


class InvalidSite(PhotoError):
    code = "invalid_site"


@dataclass(frozen=True)
class AskedPhoto:
    """One photo of a request, and what to do with it.

    ``find_spot`` says that the box is to be proposed: then ``box`` is ``None``.
    """

    upload: FileStorage
    box: Box | None
    find_spot: bool
    answers: Answers
    details: Details
    heat_map: bool


def read_question(request: Request) -> tuple[AskedPhoto, ...]:
    """Reads the fields that :data:`webapp.api.openapi.FIELDS` names.

    Returns:
        1 to ``MAX_PHOTOS`` photos in the order sent.

    Raises:
        PhotoError: A field is missing or does not parse.
    """
    uploads = request.files.getlist("photo")
    if not uploads:
        raise MissingField
    if len(uploads) > MAX_PHOTOS:
        raise TooManyPhotos
    if _is_ambiguous(request):
        raise AmbiguousField
    asked = _boxes(request.form.getlist("box"), len(uploads))
    *told, heat_map = (_flag(request, name) for name in FLAGS)
    rest = Answers(*told), _details(request), heat_map
    return tuple(
        AskedPhoto(upload, read_box(text) if text not in ("", AUTO) else None, text == AUTO, *rest)
        for upload, text in zip(uploads, asked, strict=True)
    )


def _is_ambiguous(request: Request) -> bool:
    """Whether a field is somewhere where nobody looks, or twice where one counts: a symptom would be lost."""
    single = (*FLAGS, *DETAILS)
    return (
        any(len(request.form.getlist(name)) > 1 for name in single)
        or any(name in request.files for name in ("box", *single))
        or any(name in request.args for name in ("photo", "box", *single))
        or "photo" in request.form
    )


def _boxes(texts: Sequence[str], photos: int) -> Sequence[str]:
    if not texts:
        return [""] * photos
    if len(texts) != photos:  # which box belongs to which photo would be a guess
        raise InvalidBox
    return texts


def read_box(text: str) -> Box:
    """Reads ``left,top,right,bottom``; whether the photo holds such a box is checked with the photo.

    Raises:
        InvalidBox: These are not four numbers.
    """
    try:
        if not text.isascii() or "_" in text:  # Python's float reads 1_0 and other scripts' digits, too
            raise ValueError(text)
        left, upper, right, lower = map(float, text.split(","))
    except ValueError as error:
        raise InvalidBox from error
    return left, upper, right, lower


def _details(request: Request) -> Details:
    try:
        return read_details(*(request.form.get(name, "") for name in DETAILS))
    except InvalidDetail as error:
        raise {"age": InvalidAge, "sex": InvalidSex, "site": InvalidSite}[error.field] from error


def _flag(request: Request, name: str) -> bool:
    text = request.form.get(name, "false")
    if text not in ("true", "false"):
        raise InvalidFlag
    return text == "true"
