"""Every error says what to do: in a page for people, in RFC 9457 problem details for programs."""

from functools import partial
from http import HTTPStatus
from typing import cast

from flask import Flask, Response, json, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import BadHost, BadRequest, HTTPException, default_exceptions
from werkzeug.http import HTTP_STATUS_CODES

from webapp.answer.messages import PHOTO_MESSAGES, Message, status_message
from webapp.photo.imaging import PhotoError
from webapp.server.refusals import EXTENSION, Asked
from webapp.server.request_log import note
from webapp.server.security import csrf_code
from webapp.site import pages


def init_app(app: Flask) -> None:
    """Registers the handlers. Flask logs what nobody expected and hands it to them as a 500."""
    app.register_error_handler(HTTPException, handle_http_error)
    app.register_error_handler(PhotoError, handle_photo_error)
    app.extensions[EXTENSION] = partial(refusal_response, app)


def handle_http_error(error: HTTPException) -> ResponseReturnValue:
    """Answers an HTTP error in the form that suits the address."""
    if isinstance(request.routing_exception, BadHost):
        return error  # without a host there is no address that a page could link to
    response = cast(Response, error.get_response())  # keeps the status, Allow and Retry-After
    message, code = status_message(response.status_code), None
    if isinstance(error, CSRFError):
        code = csrf_code(error)
        message = PHOTO_MESSAGES[code]
        note(error=code)
    if _asks_for_problem():
        # A photo above the limit is too large whether the server or the view noticed it first.
        response.data = _problem(
            response.status_code, message, code or ("too_large" if message.status == 413 else None)
        )
        response.content_type = "application/problem+json"
    else:
        page = pages.error_page(message.status, code)
        response.data = render_template("error.html", page=page)
        response.content_type = "text/html; charset=utf-8"
    return response


def handle_photo_error(error: PhotoError) -> ResponseReturnValue:
    """Answers whoever sent no photo, or not as one; on the page that is mostly the form's error."""
    message = PHOTO_MESSAGES[error.code]
    note(error=error.code)
    if not _asks_for_problem():
        page = pages.error_page(message.status, error.code)
        return render_template("error.html", page=page), message.status
    problem = _problem(message.status, message, error.code)
    return Response(problem, message.status, content_type="application/problem+json")


def refusal_response(app: Flask, status: HTTPStatus, asked: Asked) -> Response:
    """Makes the answer to a request that the server does not give to the app; the server adds the headers.

    Args:
        app: The app that it was meant for.
        status: Why.
        asked: What is known of the request.
    """
    headers = {"Accept-Language": asked.languages, "Accept": asked.accept}
    query = {"lang": asked.chosen} if asked.chosen else {}
    with app.test_request_context(asked.path, headers=headers, query_string=query):
        error = default_exceptions.get(status, BadRequest)()
        error.code = status
        return cast(Response, handle_http_error(error))


def _asks_for_problem() -> bool:
    """Whether a program asks: by the address, or by saying that it rather reads JSON."""
    if request.path.startswith("/api/") or request.path == "/crop":  # which a script asks
        return True
    kinds = ("text/html", "application/json", "application/problem+json")
    return request.accept_mimetypes.best_match(kinds, kinds[0]) != kinds[0]


def _problem(status: int, message: Message, code: str | None) -> str:
    # "about:blank" is RFC 9457's type for "no more than the status says"; its title is the status's own.
    title = HTTPStatus(status).phrase
    problem = {"type": "about:blank", "title": title, "status": status, "detail": message.sentence}
    # Of Werkzeug, whose names do not change with Python's version: 414 is another one since 3.13.
    of_status = HTTP_STATUS_CODES[status].lower().replace(" ", "_")
    return json.dumps(problem | {"code": code or of_status})
