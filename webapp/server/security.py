"""What keeps uploads in memory, strangers' scripts out of the pages and forged headers without effect."""

import logging
import re
import secrets
from http import HTTPStatus
from io import BytesIO
from typing import IO, Final
from urllib.parse import urlsplit

import click
from flask import Flask, Request, Response, abort, current_app, redirect, request
from flask.sessions import SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from flask_wtf import CSRFProtect
from flask_wtf.csrf import CSRFError, same_origin
from werkzeug.exceptions import BadHost
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.sansio.utils import host_is_trusted

from webapp.config import Settings, current_settings
from webapp.server.form_parser import PhotoFormParser

HEADERS: Final = {
    "Content-Security-Policy": (
        # blob: is for photos that lie in the browser's own store, and for none that come from elsewhere.
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not "no-referrer": browsers would then call the form's own origin "null", too.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
HSTS: Final = "max-age=31536000"  # one year, as the browsers' preload lists ask for
FORM_OVERHEAD: Final = 64_000  # bytes of a form around its photo: field names, token, boundaries
FORM_MEMORY: Final = 200_000  # bytes of a form's texts; below 130 kB Werkzeug refuses large files too
FORM_PARTS: Final = 64  # the page's form has 7, and the API takes a handful of photos at once

csrf = CSRFProtect()


class InMemoryRequest(Request):
    """A request whose uploads never touch the disk; Werkzeug writes those above 500 kB to a file."""

    form_data_parser_class = PhotoFormParser

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        return BytesIO()


class SchemeFollowingSession(SecureCookieSessionInterface):
    """Marks the cookie as secure where the page came over https, so that http://localhost works too."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def init_app(app: Flask, settings: Settings) -> None:
    """Sets up uploads, the form's session, the headers, and whom to believe about the connection."""
    app.request_class = InMemoryRequest
    app.session_interface = SchemeFollowingSession()
    app.config.from_mapping(
        MAX_CONTENT_LENGTH=body_limit(settings),
        MAX_FORM_MEMORY_SIZE=FORM_MEMORY,
        MAX_FORM_PARTS=FORM_PARTS,
        SECRET_KEY=settings.secret_key or _temporary_key(),
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_TIME_LIMIT=None,  # a page left open overnight must still work; the session ends it
        WTF_CSRF_SSL_STRICT=False,  # Flask-WTF knows the Referer alone: require_own_origin knows more
    )
    if hops := settings.trusted_hops:
        # Not x_host: Heroku's router hands a forged X-Forwarded-Host on.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0)  # type: ignore[method-assign]
    if settings.trusted_hosts:
        app.before_request(require_trusted_host)
    if settings.trusted_hops:  # after the host is known to be ours, whose name the new address bears
        app.before_request(require_https)
    app.after_request(set_headers)


def protect_forms(app: Flask) -> None:
    """Sets up the CSRF check. It reads the whole form, so whatever refuses a request comes before it."""
    app.before_request(require_sound_form)
    app.before_request(require_own_origin)
    csrf.init_app(app)


class ForeignForm(CSRFError):  # type: ignore[misc]  # Flask-WTF has no types
    """A form that another site's page sent, or a browser that does not say whose page it was."""

    code_of_reason = "form_elsewhere"


class HiddenOrigin(CSRFError):  # type: ignore[misc]  # Flask-WTF has no types
    """A form of which the browser tells neither origin nor referrer."""

    code_of_reason = "form_hidden"


def csrf_code(error: CSRFError) -> str:
    """Says why a form was refused: the code of one of ``messages.PHOTO_MESSAGES``."""
    if isinstance(error, ForeignForm | HiddenOrigin):
        return error.code_of_reason
    sent = request.form.get("csrf_token") or request.headers.get("X-CSRFToken")
    if not sent:
        return "form_token"
    if current_app.config["SESSION_COOKIE_NAME"] not in request.cookies:
        return "form_cookies"
    return "form_expired"  # another session's token: of before a restart, or of before a new cookie


def body_limit(settings: Settings) -> int:
    """Returns how many bytes a request's body may have."""
    return settings.max_upload_bytes + FORM_OVERHEAD


def _temporary_key() -> str:
    # The flask command is a single process, where a key of its own does no harm.
    if click.get_current_context(silent=True) is None:
        logging.getLogger(__name__).warning(
            "SECRET_KEY is not set: no other process accepts this one's forms"
        )
    return secrets.token_hex(32)


def require_https() -> ResponseReturnValue | None:
    """Sends whoever came to the proxy over http to https; any other header, and none, is left alone."""
    if isinstance(request.routing_exception, BadHost) or not _has_trusted_host():
        return None  # there is nowhere to send them
    # The last one is the proxy's; whatever else it says must not become the scheme of an address.
    if request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip() == "http":
        return redirect(request.url.replace("http://", "https://", 1), HTTPStatus.PERMANENT_REDIRECT)
    return None


def require_trusted_host() -> None:
    """Refuses a forged Host header. Health checks and Prometheus often come to the bare address."""
    if request.blueprint in ("health", "metrics"):
        return
    if not _has_trusted_host():
        abort(HTTPStatus.BAD_REQUEST)


def _has_trusted_host() -> bool:
    trusted = current_settings().trusted_hosts
    return not trusted or _is_trusted(request.host.lower(), trusted)


def _is_trusted(host: str, trusted: tuple[str, ...]) -> bool:
    # Werkzeug takes what stands before the first colon for the name, which of [::1] is "[".
    address = re.match(r"\[[^]]*\]", host)
    if address:
        return any(name.startswith(address[0]) for name in trusted)
    return host_is_trusted(host, [name for name in trusted if not name.startswith("[")] or ["."])


def require_sound_form() -> None:
    """Refuses what Flask-WTF would fail on: a field without a name, an address that cannot be read."""
    if request.method != "POST" or request.blueprint != "views":
        return  # only the pages have forms
    if None in request.form or None in request.files:
        abort(HTTPStatus.BAD_REQUEST)
    origin = request.headers.get("Origin", "")
    for address in (request.referrer or "", origin, f"https://{request.host}/"):
        try:
            _ = urlsplit(address).port
        except ValueError:
            abort(HTTPStatus.BAD_REQUEST)


def require_own_origin() -> None:
    """Refuses a form that did not come from a page of this site, by whatever the browser says about that.

    Over https only: the token in it proves as much, but for somebody on the way who sets cookies over
    http. Privacy extensions take the Referer away and leave the rest.

    Raises:
        CSRFError: It came from elsewhere, or nothing says where from.
    """
    if not (request.is_secure and request.method == "POST" and request.blueprint == "views"):
        return
    if not current_app.config.get("WTF_CSRF_ENABLED", True):
        return
    # No script can forge this one, and it is right whatever a proxy made of the host's name.
    site = request.headers.get("Sec-Fetch-Site")
    if site == "same-origin":
        return
    if site in ("cross-site", "same-site"):
        raise ForeignForm("the form came from another site")
    origin = request.headers.get("Origin", "null")
    address = origin if origin != "null" else request.referrer
    if not address:
        raise HiddenOrigin("nothing says where the form came from")
    if not same_origin(address, f"https://{request.host}/"):
        raise ForeignForm("the form came from another site")


def set_headers(response: Response) -> Response:
    """Adds the security headers to every response, and keeps all but static files out of caches."""
    response.headers.update(HEADERS)
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = HSTS
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    return response
