"""The same answer for programs. It has no session, so it needs no CSRF token."""

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from webapp.api.answer import answer, answers
from webapp.api.openapi import description
from webapp.api.question import read_question
from webapp.config import current_settings
from webapp.model.predictor import current_predictor
from webapp.server.keys import sent_one_of
from webapp.server.rate_limits import count_photos

bp = Blueprint("api", __name__, url_prefix="/api/v1")


@bp.post("/predict")
def predict() -> ResponseReturnValue:
    """Returns the record of the photo in the multipart field ``photo``; of several, a list of records."""
    require_key()
    photos = read_question(request)
    count_photos(len(photos))
    predictor, settings = current_predictor(), current_settings()
    if len(photos) == 1:
        return answer(predictor, photos[0], settings)
    return {"records": list(answers(predictor, photos, settings))}


@bp.get("/openapi.json")
def openapi() -> ResponseReturnValue:
    """Describes the API as OpenAPI 3.1."""
    root = url_for("views.start", _external=True).rstrip("/")
    return description(root, current_predictor().bundle.contract.version, current_settings())


def require_key() -> None:
    """Asks for a bearer key where the settings hold any.

    Raises:
        Unauthorized: There is none, or a wrong one.
    """
    if (keys := current_settings().api_keys) and not sent_one_of(keys):
        raise Unauthorized(www_authenticate=WWWAuthenticate("bearer"))


@bp.after_request
def allow_origins(response: Response) -> Response:
    """Lets scripts of the origins in the settings read the answer; of no others, which is the default."""
    origin, allowed = request.headers.get("Origin"), current_settings().cors_origins
    if not allowed:
        return response
    response.vary.add("Origin")
    if origin in allowed:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Methods"] = "GET, POST"
        response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        response.headers["Access-Control-Expose-Headers"] = "Retry-After, X-Request-ID"
    return response
