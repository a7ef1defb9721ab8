"""The page for programmers: its examples run as they stand there."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from flask.testing import FlaskClient

from tests.browser.conftest import listening
from tests.conftest import AppMaker
from tests.fakes import FixedPredictor, made_prediction
from tests.rendered import render_lesion_jpeg
from webapp.answer.assessment import VERDICTS
from webapp.answer.messages import PHOTO_MESSAGES
from webapp.api.openapi import FIELDS, RECORD
from webapp.site.pages import HIDDEN_CODES

KEY = "the-key-of-a-program"
EXAMPLES = ["curl-one", "curl-several", "python"]


@pytest.fixture(scope="module", params=[(), (KEY,)], ids=["open", "with a key"])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    yield from listening(FixedPredictor(made_prediction(0.9312)), api_keys=request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("spot.jpg", "another.jpg"):
        (tmp_path / name).write_bytes(render_lesion_jpeg(1))
    return tmp_path


def example(address: str, name: str) -> str:
    import requests

    page = BeautifulSoup(requests.get(f"{address}/api", timeout=10).text, "html.parser")
    code = page.find("code", id=name)
    assert code is not None
    return code.get_text()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_as_it_stands_there(address: str, folder: Path, name: str) -> None:
    text = example(address, name)
    command = [sys.executable, "-c", text] if name == "python" else ["bash", "-c", text]
    environ = {"PATH": "/usr/bin:/bin", "API_KEY": KEY}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    if name == "python":
        assert done.stdout == f"{VERDICTS['signs']} 0.9312\n"  # type: ignore[index]
    elif name == "curl-one":
        assert json.loads(done.stdout)["outcome"] == "signs"
    else:
        records = json.loads(done.stdout)["records"]
        assert [record["error"] for record in records] == [None, None]
        assert all(record["heat_map"].startswith("data:image/png") for record in records)


def test_the_page_names_every_field_and_every_error(client: FlaskClient) -> None:
    page = BeautifulSoup(client.get("/api").text, "html.parser")
    assert [code.text for code in page.select("#sent-fields dt code")] == list(FIELDS)
    assert [code.text for code in page.select("#received-fields dt code")] == list(RECORD)
    shown = {code.text for code in page.select("table td code")}
    assert shown == set(PHOTO_MESSAGES) - HIDDEN_CODES
    link = page.select_one('main a[href$="/api/v1/openapi.json"]')
    assert link is not None


def test_a_key_is_never_shown(make_app: AppMaker) -> None:
    page = make_app(api_keys=(KEY,)).test_client().get("/api").text
    assert "Authorization: Bearer" in page and KEY not in page
