"""The app as it is deployed: gunicorn, started through the Procfile."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from tests.conftest import multipart
from tests.serving import Server, serving, wait_until_ready


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server") / "log", WEB_CONCURRENCY="2") as server:
        wait_until_ready(server)
        yield server


def test_a_form_of_one_worker_is_good_at_the_other(server: Server, photo: bytes) -> None:
    _, cookie, page = server.request("GET", "/")
    field = BeautifulSoup(page, "html.parser").find("input", {"name": "csrf_token"})
    assert field is not None
    body, content_type = multipart(photo, csrf_token=str(field["value"]))
    headers = {"Content-Type": content_type, "Cookie": cookie}
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: server.request("POST", "/", body, **headers), range(16)))
    assert [status for status, _, _ in answers] == [200] * 16
    log = server.log.read_text()
    assert log.count("Booting worker") == 2
    assert log.count("SECRET_KEY is not set") == 1, "the master makes the key, not the workers"


def test_the_same_photo_gets_the_same_record_from_every_thread(server: Server, photo: bytes) -> None:
    body, content_type = multipart(photo)
    send = ("POST", "/api/v1/predict", body)
    with ThreadPoolExecutor(8) as threads:
        answers = set(
            threads.map(lambda _: server.request(*send, **{"Content-Type": content_type}), range(16))
        )
    assert len(answers) == 1
    assert next(iter(answers))[0] == 200


def test_a_browser_that_sends_too_much_still_reads_why(server: Server) -> None:
    """Browsers send the whole body before they read: a connection that is cut shows no page."""
    body, content_type = multipart(bytes(40_000_000))
    status, _, text = server.request("POST", "/", body, **{"Content-Type": content_type})
    assert status == 413
    assert "This photo is too large" in text


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        (
            "FLASK_MAX_PIXELS",
            "many",
            "The environment variable FLASK_MAX_PIXELS must be a whole number above 0.",
        ),
        (
            "FLASK_MODEL_PATH",
            "none.h5",
            "none.h5 is missing. FLASK_MODEL_PATH must name a file that is there.",
        ),
    ],
)
def test_a_server_that_cannot_start_stops_and_says_why(
    tmp_path: Path, variable: str, value: str, sentence: str
) -> None:
    with serving(tmp_path / "log", **{variable: value}) as server:
        assert server.process.wait(30) != 0
        assert sentence in server.log.read_text()
