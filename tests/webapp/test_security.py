import tempfile

import pytest
from flask.testing import FlaskClient

from tests.conftest import AppMaker, multipart

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@pytest.mark.parametrize("path", ["/", "/about", "/nothing", "/api/v1/predict", "/static/app.css"])
def test_every_answer_has_the_security_headers(client: FlaskClient, path: str) -> None:
    with client.get(path) as response:
        headers = response.headers
    assert {name: headers.get(name) for name in HEADERS} == HEADERS


@pytest.mark.parametrize("path", ["/", "/about", "/nothing", "/api/v1/predict"])
def test_no_answer_is_kept_in_a_cache(client: FlaskClient, path: str) -> None:
    assert client.get(path).headers["Cache-Control"] == "no-store"


def test_static_files_may_be_kept(client: FlaskClient) -> None:
    with client.get("/static/app.css") as response:
        assert response.status_code == 200
        assert "no-store" not in response.headers["Cache-Control"]


def test_pages_hold_no_inline_scripts_and_styles(client: FlaskClient) -> None:
    for path in ("/", "/about", "/nothing"):
        page = client.get(path).text
        assert "<style" not in page and "style=" not in page and "javascript:" not in page
        assert page.count("<script") == page.count('<script type="module" src="/static/')


def test_no_upload_touches_the_disk(
    client: FlaskClient, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*args: object, **kwargs: object) -> None:
        raise AssertionError("a temporary file was opened")

    for name in ("_mkstemp_inner", "_sanitize_params"):  # what every function of tempfile comes through
        monkeypatch.setattr(tempfile, name, forbidden)
    body, content_type = multipart(photo + bytes(5_000_000))  # Werkzeug writes files above 500 kB to disk
    response = client.post("/api/v1/predict", data=body, content_type=content_type)
    assert response.status_code == 200


def test_the_session_cookie_is_out_of_reach(client: FlaskClient) -> None:
    cookie = client.get("/").headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert "Secure" not in cookie, "plain http://localhost must work"


def test_a_key_made_at_random_is_said_so_in_the_log(
    make_app: AppMaker, caplog: pytest.LogCaptureFixture
) -> None:
    keys = {make_app(secret_key=None).secret_key for _ in range(2)}
    assert len(keys) == 2
    assert "SECRET_KEY is not set" in caplog.text
    caplog.clear()
    assert make_app().secret_key == "not a secret, only a test"
    assert caplog.text == ""
