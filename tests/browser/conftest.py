"""A real Chromium on a really listening app."""

import io
import logging
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from flask import Flask
from PIL import ImageFilter
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.fakes import FixedPredictor, made_prediction
from tests.missing import leave_out
from tests.rendered import render_lesion
from webapp import create_app
from webapp.config import Settings
from webapp.model.bundle import BUNDLE_FOLDER
from webapp.model.predictor import Predictor, open_predictor

VIEWPORTS: Final = {"phone": (360, 740), "tablet": (768, 1024), "desktop": (1280, 800)}
NARROW: Final = (320, 640)
PATIENCE: Final = 60_000  # milliseconds: on a busy machine a page takes 20 seconds, and only a failure waits
# The same Chromium without windows comes first: a page takes 0.4 seconds of a processor, not 1.3.
BROWSERS: Final = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
PageOpener = Callable[..., Page]
SLOW: Final = pytest.mark.slow
ON_EACH_SCREEN: Final = pytest.mark.parametrize(
    "viewport", [name if name == "phone" else pytest.param(name, marks=SLOW) for name in VIEWPORTS]
)
IN_EACH_LANGUAGE: Final = pytest.mark.parametrize(  # German has the longest words
    "locale", ["de", *(pytest.param(each, marks=SLOW) for each in ("en", "es", "pt"))]
)


def film(path: Path) -> Path:
    """Writes what the made camera sees, over and over: a blur for two seconds, then a sharp spot for six."""
    sharp = render_lesion(3, 640, 480)
    planes = []
    for picture in (sharp.filter(ImageFilter.GaussianBlur(20)), sharp):
        luma, *chroma = picture.convert("YCbCr").split()
        planes.append(luma.tobytes() + b"".join(plane.resize((320, 240)).tobytes() for plane in chroma))
    blurred, clear = (b"FRAME\n" + plane for plane in planes)
    path.write_bytes(b"YUV4MPEG2 W640 H480 F4:1 Ip A1:1 C420\n" + 8 * blurred + 24 * clear)
    return path


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Debian's Chromium, or whichever stands in the path. CI must have one; a stranger need not."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        leave_out("Chromium (for example Debian's package chromium)")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        camera = film(tmp_path_factory.mktemp("camera") / "film.y4m")
        made_camera = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
        made_camera.append(f"--use-file-for-fake-video-capture={camera}")
        args = ["--no-sandbox", *made_camera]
        browser = playwright.chromium.launch(executable_path=executable, args=args)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[PageOpener]:
    """Opens a page of its own; keywords are those of Playwright's ``new_context``.

    What the scripts complain about, and what the content security policy stops, fails the test.
    """
    contexts, complaints = [], []

    def open_page(viewport: str | tuple[int, int] = "phone", **options: Any) -> Page:
        width, height = VIEWPORTS[viewport] if isinstance(viewport, str) else viewport
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if is_complaint(message) else None)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def is_complaint(message: Any) -> bool:
    # Chromium also reports every answer of 400 and above as an error of the console.
    return message.type in ("error", "warning") and "Failed to load resource" not in message.text


def file(content: bytes, name: str = "spot.jpg") -> Any:
    return {"name": name, "mimeType": "image/jpeg", "buffer": content}


def cropper(page: Page) -> Locator:
    """Waits until the chosen photo can be cropped; returns the frame."""
    frame = page.locator(".crop-frame:not([aria-busy])")
    expect(frame).to_be_visible()
    return frame


def press_send(page: Page) -> None:
    """Sends the form by key: after a photo is chosen, the cropper moves the button from under the mouse."""
    page.locator(".button-main").press("Enter")


def sent_photo(page: Page) -> tuple[str, str, bytes]:
    """Returns name, type and content of the photo that the form would send now."""
    name, kind, content = page.evaluate(
        """async () => {
          const data = new FormData(document.querySelector("[data-photo-form]"));
          const file = data.get("photo").size ? data.get("photo") : data.get("camera");
          return [file.name, file.type, [...new Uint8Array(await file.arrayBuffer())]];
        }"""
    )
    return name, kind, bytes(content)


@dataclass
class Site:
    """A listening app; its predictor answers as the test says."""

    url: str
    predictor: FixedPredictor

    def answers(self, malignancy: float, unfamiliarity: float = 1.0) -> None:
        self.predictor.prediction = made_prediction(malignancy, unfamiliarity)


_lines = logging.getLogger("tests.browser.server")
_lines.setLevel(logging.INFO)


class KeptLines(io.TextIOBase):
    """What the app writes: pytest shows it where a test fails, and only there."""

    def write(self, text: str) -> int:
        if text.strip():
            _lines.info(text.rstrip())
        return len(text)


class KeptRequests(WSGIRequestHandler):
    """The same for what the server writes of each request, some of them between two tests."""

    def log(self, type: str, message: str, *args: Any) -> None:
        _lines.info(message, *args)


def read_at_once(app: Flask) -> Callable[[Any, Any], list[bytes]]:
    """Reads each answer before it is sent: where a page leaves in the middle of a static file, Werkzeug's
    server would not close that file, and the warning of it would fail whichever test runs then."""

    def answer(environ: Any, start_response: Any) -> list[bytes]:
        parts = app({**environ, "wsgi.errors": KeptLines()}, start_response)
        try:
            return list(parts)
        finally:
            getattr(parts, "close", lambda: None)()

    return answer


def listening(predictor: FixedPredictor | Predictor, **settings: Any) -> Iterator[str]:
    settings = {"secret_key": "not a secret, only a test", "ratelimit_enabled": False} | settings
    app = create_app(Settings(**settings), predictor)  # type: ignore[arg-type]
    server = make_server("localhost", 0, read_at_once(app), threaded=True, request_handler=KeptRequests)
    thread = threading.Thread(target=server.serve_forever, name="app")
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def made_site() -> Iterator[Site]:
    predictor = FixedPredictor(made_prediction(0.9312))
    for url in listening(predictor):
        yield Site(url, predictor)


@pytest.fixture
def site(made_site: Site) -> Site:
    """An app with a made-up model, which answers every photo with 93.12 % until told otherwise."""
    made_site.answers(0.9312)
    return made_site


@pytest.fixture(scope="session")
def real_site() -> Iterator[str]:
    """The address of an app with the bundle that is shipped."""
    assert (BUNDLE_FOLDER / "contract.json").is_file()
    yield from listening(open_predictor(Settings()))
