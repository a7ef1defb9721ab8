from http import HTTPStatus

import pytest
from bs4 import BeautifulSoup
from flask import Flask, abort
from flask.testing import FlaskClient

from webapp.answer.messages import FORM_CODES, PHOTO_MESSAGES, STATUS_MESSAGES, status_message
from webapp.photo.imaging import PhotoError
from webapp.server.refusals import refusal

STATUSES = [400, 401, 404, 405, 408, 413, 414, 415, 422, 429, 431, 500, 503]


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser of an app with addresses that fail."""
    app.testing = False  # as in production: what nobody expected becomes a 500

    @app.get("/fail/<int:status>")
    @app.get("/api/v1/fail/<int:status>")
    def fail(status: int) -> None:
        abort(status)

    @app.get("/bug")
    @app.get("/api/v1/bug")
    def bug() -> None:
        raise RuntimeError("the password is hunter2")

    return app.test_client()


@pytest.mark.parametrize("status", STATUSES)
def test_each_error_has_a_page_that_says_what_to_do(client: FlaskClient, status: int) -> None:
    response = client.get(f"/fail/{status}")
    assert (response.status_code, response.content_type) == (status, "text/html; charset=utf-8")
    page = BeautifulSoup(response.text, "html.parser")
    heading, steps = page.find("h1"), page.select("main li")
    assert heading is not None and heading.get_text() == STATUS_MESSAGES[status].title
    assert str(status) in page.select_one(".error-code").get_text()  # type: ignore[union-attr]
    assert steps and all(step.get_text().strip() for step in steps)
    assert page.select_one('main a[href="/"]') is not None


@pytest.mark.parametrize("status", STATUSES)
def test_each_error_of_the_api_is_a_problem(client: FlaskClient, status: int) -> None:
    response = client.get(f"/api/v1/fail/{status}")
    assert (response.status_code, response.content_type) == (status, "application/problem+json")
    details = response.get_json(force=True)
    assert details["status"] == status
    assert details["detail"] == STATUS_MESSAGES[status].sentence


@pytest.mark.parametrize(("status", "shown"), [(418, 400), (417, 400), (501, 500)])
def test_an_error_without_its_own_page_keeps_its_status(client: FlaskClient, status: int, shown: int) -> None:
    response = client.get(f"/fail/{status}")
    assert response.status_code == status
    assert STATUS_MESSAGES[shown].title in response.text


@pytest.mark.parametrize("path", ["/bug", "/api/v1/bug"])
def test_a_bug_is_logged_and_tells_nobody_anything(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    response = client.get(path)
    assert response.status_code == 500
    assert "hunter2" not in response.text and "Traceback" not in response.text
    assert "hunter2" in caplog.text


def test_every_reason_for_refusing_a_photo_has_a_message() -> None:
    def codes(kind: type[PhotoError]) -> set[str]:
        return {kind.code}.union(*map(codes, kind.__subclasses__()))

    assert codes(PhotoError) - {PhotoError.code} == set(PHOTO_MESSAGES) - FORM_CODES


def test_every_message_says_something() -> None:
    for message in (*PHOTO_MESSAGES.values(), *STATUS_MESSAGES.values()):
        assert message.title and not message.title.endswith(".")
        assert message.sentence.endswith(".")
        assert status_message(message.status).status == message.status


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/json", "application/problem+json"),
        ("application/problem+json, text/html;q=0.5", "application/problem+json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("*/*", "text/html; charset=utf-8"),
        ("", "text/html; charset=utf-8"),
    ],
)
def test_an_error_comes_in_the_format_that_was_asked_for(
    client: FlaskClient, accept: str, content_type: str
) -> None:
    assert client.get("/nothing", headers={"Accept": accept}).content_type == content_type


@pytest.mark.parametrize(
    ("head", "kind", "words"),
    [
        (b"POST /api/v1/predict HTTP/1.1\r\nAccept-Language: de\r\n\r\n", "problem+json", '"status": 408'),
        (b"POST /crop HTTP/1.1\r\n", "problem+json", "took too long"),
        (b"POST / HTTP/1.1\r\nAccept: application/json\r\n\r\n", "problem+json", "took too long"),
        (b"POST / HTTP/1.1\r\nAccept-Language: de-CH\r\n\r\n", "text/html", '<html lang="de">'),
        (b"POST /?lang=pt HTTP/1.1\r\nAccept-Language: de\r\n\r\n", "text/html", '<html lang="pt">'),
        (b"POST / HTT", "text/html", "Your photo took too long to reach us"),
        (b"", "text/html", "Your photo took too long to reach us"),
        (b"\xff\0 \r\nAccept-Language: \xff", "text/html", "Your photo took too long to reach us"),
    ],
)
def test_who_never_reaches_the_app_reads_what_to_do(app: Flask, head: bytes, kind: str, words: str) -> None:
    response = refusal(app, HTTPStatus.REQUEST_TIMEOUT, head, Retry_After="3")
    headers, _, body = response.partition(b"\r\n\r\n")
    assert headers.startswith(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n")
    assert b"\r\nRetry-After: 3" in headers and b"Content-Security-Policy" in headers
    assert f"Content-Length: {len(body)}".encode() in headers
    assert kind.encode() in headers and words in body.decode()
