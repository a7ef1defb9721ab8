"""What keeps strangers' uploads in memory and strangers' scripts out of the pages."""

import logging
import secrets
from io import BytesIO
from typing import IO, Final

import click
from flask import Flask, Request, Response, current_app, request
from flask_wtf import CSRFProtect

from webapp.config import Settings

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not "no-referrer": the CSRF check of a form sent over https needs the referrer.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
FORM_OVERHEAD: Final = 64_000  # bytes of a form around its photo: field names, token, boundaries
DISCARD_LIMIT: Final = 100_000_000  # bytes; above the largest raw photos that phones take today

csrf = CSRFProtect()


class InMemoryRequest(Request):
    """A request whose uploads never touch the disk; Werkzeug writes those above 500 kB to a file."""

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        return BytesIO()


def init_app(app: Flask, settings: Settings) -> None:
    """Sets up uploads, the form's session and the headers."""
    app.request_class = InMemoryRequest
    app.config.from_mapping(
        MAX_CONTENT_LENGTH=settings.max_upload_bytes + FORM_OVERHEAD,
        SECRET_KEY=settings.secret_key or _temporary_key(),
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_TIME_LIMIT=None,  # a page left open overnight must still work; the session ends it
    )
    csrf.init_app(app)
    app.after_request(set_headers)


def _temporary_key() -> str:
    # The flask command is a single process, where a key of its own does no harm.
    if click.get_current_context(silent=True) is None:
        logging.getLogger(__name__).warning(
            "SECRET_KEY is not set: no other process accepts this one's forms"
        )
    return secrets.token_hex(32)


def set_headers(response: Response) -> Response:
    """Adds the security headers to every response, and keeps all but static files out of caches."""
    response.headers.update(HEADERS)
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    return response


def discard_oversized_body() -> None:
    """Reads what was refused for its size, and forgets it: browsers read an answer only after sending all.

    Without this gunicorn reads 64 kB more and resets the connection, and a person with a photo
    of 20 MB sees "connection lost" instead of the page that says what to do.
    """
    left = request.content_length or 0
    if not current_app.config["MAX_CONTENT_LENGTH"] < left <= DISCARD_LIMIT:
        return
    stream = request.environ["wsgi.input"]
    while left > 0 and (chunk := stream.read(min(left, 65_536))):
        left -= len(chunk)
