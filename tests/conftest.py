"""What tests of the app share: an app whose answer is known, and a photo to send to it."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType
from typing import Any, Final

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from tests.fakes import FixedPredictor, made_prediction
from tests.missing import LEFT_OUT, leave_out
from tests.rendered import render_lesion_jpeg
from webapp import create_app
from webapp.config import Settings

AppMaker = Callable[..., Flask]


class CompiledTemplates(BytecodeCache):
    """Compiles a template once: most tests make an app of their own, whose first page took 0.15 s."""

    def __init__(self) -> None:
        self._compiled: dict[str, CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._compiled.get(bucket.key)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._compiled[bucket.key] = bucket.code


COMPILED_TEMPLATES: Final = CompiledTemplates()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fuzz-cases", type=int, default=2400, help="damaged files that the long fuzz tries (default: 2400)"
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """Ends with a line a person cannot miss, where checks were left out on this machine."""
    yield
    reasons = Counter(
        report.longrepr[2].partition(LEFT_OUT)[2]
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and LEFT_OUT in report.longrepr[2]
    )
    for reason, checks in reasons.most_common():
        terminalreporter.write_line(f"{LEFT_OUT}{reason}; checks: {checks}", yellow=True)


@pytest.fixture
def make_app() -> AppMaker:
    """Makes an app; keywords are settings."""

    def make(predictor: Any = None, **settings: Any) -> Flask:
        settings = {"secret_key": "not a secret, only a test", "ratelimit_enabled": False} | settings
        app = create_app(Settings(**settings), predictor or FixedPredictor(made_prediction(0.9312)))  # type: ignore[arg-type]
        app.testing = True
        app.jinja_env.bytecode_cache = COMPILED_TEMPLATES
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
        leave_out("the image sets (../shared/data, beside the repository)")
    return folder
