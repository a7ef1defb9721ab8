"""Every error says what to do: in a page for people, in RFC 9457 problem details for programs."""

from http import HTTPStatus
from typing import cast

from flask import Flask, Response, json, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import BadHost, HTTPException

from webapp.answer.messages import PHOTO_MESSAGES, Message, status_message
from webapp.photo.imaging import PhotoError
from webapp.server.request_log import note
from webapp.site import pages


def init_app(app: Flask) -> None:
    """Registers the handlers. Flask logs what nobody expected and hands it to them as a 500."""
    app.register_error_handler(HTTPException, handle_http_error)
    app.register_error_handler(PhotoError, handle_photo_error)


def handle_http_error(error: HTTPException) -> ResponseReturnValue:
    """Answers an HTTP error in the form that suits the address."""
    if isinstance(request.routing_exception, BadHost):
        return error  # without a host there is no address that a page could link to
    response = cast(Response, error.get_response())  # keeps the status, Allow and Retry-After
    message = status_message(response.status_code)
    if request.path.startswith("/api/") or request.path == "/crop":  # which a script asks
        # A photo above the limit is too large whether the server or the view noticed it first.
        response.data = _problem(
            response.status_code, message, "too_large" if message.status == 413 else None
        )
        response.content_type = "application/problem+json"
    else:
        page = pages.error_page(message.status, "csrf" if isinstance(error, CSRFError) else None)
        response.data = render_template("error.html", page=page)
        response.content_type = "text/html; charset=utf-8"
    return response


def handle_photo_error(error: PhotoError) -> ResponseReturnValue:
    """Answers a program that sent something that is no photo; on the page it is the form's error."""
    message = PHOTO_MESSAGES[error.code]
    note(error=error.code)
    problem = _problem(message.status, message, error.code)
    return Response(problem, message.status, content_type="application/problem+json")


def _problem(status: int, message: Message, code: str | None) -> str:
    # "about:blank" is RFC 9457's type for "no more than the status says"; its title is the status's own.
    title = HTTPStatus(status).phrase
    problem = {"type": "about:blank", "title": title, "status": status, "detail": message.sentence}
    return json.dumps(problem | ({"code": code} if code else {}))
