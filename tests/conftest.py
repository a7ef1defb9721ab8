"""What tests of the app share: an app whose answer is known, and a photo to send to it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.fakes import FixedPredictor, made_prediction
from tests.missing import leave_out
from tests.rendered import render_lesion_jpeg
from webapp import create_app
from webapp.config import Settings

AppMaker = Callable[..., Flask]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fuzz-cases", type=int, default=2400, help="damaged files that the long fuzz tries (default: 2400)"
    )


@pytest.fixture
def make_app() -> AppMaker:
    """Makes an app; keywords are settings."""

    def make(predictor: Any = None, **settings: Any) -> Flask:
        settings = {"secret_key": "not a secret, only a test", "ratelimit_enabled": False} | settings
        app = create_app(Settings(**settings), predictor or FixedPredictor(made_prediction(0.9312)))  # type: ignore[arg-type]
        app.testing = True
        return app

    return make


@pytest.fixture
def app(make_app: AppMaker) -> Flask:
    """An app that answers every photo with a malignancy of 93.12 %."""
    return make_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without JavaScript."""
    return app.test_client()


@pytest.fixture(scope="session")
def photo() -> bytes:
    """A rendered lesion as a JPEG of 600 × 450 pixels."""
    return render_lesion_jpeg(1)


def multipart(photo: bytes, **fields: str) -> tuple[bytes, str]:
    """Makes a form's body and its content type, for clients that do not do it themselves."""
    part = "--b\r\nContent-Disposition: form-data; name="
    before = "".join(f'{part}"{name}"\r\n\r\n{value}\r\n' for name, value in fields.items())
    before += f'{part}"photo"; filename="spot.jpg"\r\n\r\n'
    return before.encode() + photo + b"\r\n--b--\r\n", "multipart/form-data; boundary=b"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the image sets, for tests marked ``shared``: beside the repository, or absent."""
    folder = Path(__file__).parents[1].parent / "shared" / "data"
    if not folder.is_dir():
        leave_out("the image sets (../shared/data, beside the repository) are not here")
    return folder
