"""The same answer for programs. It has no session, so it needs no CSRF token."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from webapp.config import current_settings
from webapp.diagnose import examine, read_photo
from webapp.imaging import PhotoError
from webapp.predictor import current_predictor
from webapp.record import Record

bp = Blueprint("api", __name__, url_prefix="/api/v1")


class MissingField(PhotoError):
    code = "missing_field"


@bp.post("/predict")
def predict() -> ResponseReturnValue:
    """Returns the record of the photo in the multipart field ``photo``."""
    upload = request.files.get("photo")
    if upload is None:
        raise MissingField
    photo = read_photo(upload.stream, current_settings())
    predictor = current_predictor()
    assessment = examine(predictor, photo)
    return Record.of(upload.filename, assessment, predictor.bundle.contract.version).to_dict()
