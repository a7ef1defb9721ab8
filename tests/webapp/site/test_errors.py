from http import HTTPStatus
from io import BytesIO

import pytest
from bs4 import BeautifulSoup
from flask import Flask, abort
from flask.testing import FlaskClient

from tests.conftest import AppMaker
from webapp.answer.messages import FORM_CODES, PHOTO_MESSAGES, STATUS_MESSAGES, status_message
from webapp.photo.imaging import PhotoError
from webapp.server.refusals import refusal
from webapp.site.languages import LANGUAGES
from webapp.site.pages import error_page

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


def test_who_sent_many_photos_is_led_back_to_where_they_were_sent_from(make_app: AppMaker) -> None:
    client = make_app(max_upload_bytes=1000).test_client()
    data = {"photo": [(BytesIO(b"x" * 40_000), f"{place}.jpg") for place in range(2)]}
    response = client.post("/several?lang=en", data=data)
    assert response.status_code == 413
    page = BeautifulSoup(response.text, "html.parser")
    said = " ".join(page.select_one("main").get_text(" ").split())  # type: ignore[union-attr]
    assert "Too large to send at once" in said and "Send fewer photos at a time." in said
    assert "This photo" not in said and "start page" not in said
    assert page.select_one('main a[href^="/several"]') and not page.select_one('main a[href="/"]')
    languages = [str(link["href"]) for link in page.select(".language a")]
    assert languages == [f"/several?lang={code}" for code in LANGUAGES]


@pytest.mark.parametrize("status", [400, 408, 413, 414, 429, 431, 500, 503])
def test_no_error_of_many_photos_speaks_of_one(app: Flask, status: int) -> None:
    head = b"POST /several?lang=en HTTP/1.1\r\n"
    said = refusal(app, HTTPStatus(status), head).partition(b"\r\n\r\n")[2].decode()
    main = BeautifulSoup(said, "html.parser").select_one("main")
    assert main is not None and main.select_one('a[href^="/several"]')
    for wrong in ("your photo ", "the photo ", "This photo", "start page"):
        assert wrong not in main.get_text(), main.get_text()


@pytest.mark.parametrize("code", sorted(FORM_CODES) + ["form_too_long"])
def test_no_refused_form_of_many_photos_leads_to_the_form_for_one(app: Flask, code: str) -> None:
    with app.test_request_context("/several", method="POST"):
        page = error_page(PHOTO_MESSAGES[code].status, code)
    assert page.several and not any("start page" in step or "the photo " in step for step in page.steps)


@pytest.mark.parametrize("number", [1, 2])
def test_the_api_says_of_one_photo_and_of_several_what_was_too_large(make_app: AppMaker, number: int) -> None:
    client = make_app(max_upload_bytes=1000).test_client()
    data = {"photo": [(BytesIO(b"x" * 80_000), f"{place}.jpg") for place in range(number)]}
    problem = client.post("/api/v1/predict", data=data).get_json(force=True)
    assert (problem["status"], problem["code"]) == (413, "too_large")
    assert problem["detail"].startswith("This request is too large. Crop each photo")
    assert "send fewer at a time" in problem["detail"]
    assert problem["detail"] in client.get("/api").text


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
