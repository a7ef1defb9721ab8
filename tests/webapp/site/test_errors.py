import pytest
from bs4 import BeautifulSoup
from flask import Flask, abort
from flask.testing import FlaskClient

from webapp.answer.messages import PHOTO_MESSAGES, STATUS_MESSAGES, status_message
from webapp.photo.imaging import PhotoError

STATUSES = [400, 401, 404, 405, 413, 415, 422, 429, 500, 503]


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


@pytest.mark.parametrize(("status", "shown"), [(418, 400), (431, 400), (501, 500)])
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

    assert codes(PhotoError) - {PhotoError.code} == set(PHOTO_MESSAGES) - {"csrf"}


def test_every_message_says_something() -> None:
    for message in (*PHOTO_MESSAGES.values(), *STATUS_MESSAGES.values()):
        assert message.title and not message.title.endswith(".")
        assert message.sentence.endswith(".")
        assert status_message(message.status).status == message.status
