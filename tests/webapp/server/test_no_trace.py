"""Nothing of a photo stays: not on disk, not in a log, not in what is sent back."""

import base64
import io
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from PIL import Image

from tests.conftest import multipart
from tests.rendered import render_lesion
from tests.webapp.site.test_views import token

SECRET = "Mrs Example, 12 Hidden Lane"
GPS = 0x8825


@pytest.fixture(scope="module")
def telling_photo() -> bytes:
    """A photo that tells a lot: EXIF with a place and a name, a comment, XMP, and bytes behind its end."""
    exif = Image.Exif()
    exif[0x010E] = exif[0x9C9B] = exif[0x013B] = SECRET
    exif.get_ifd(GPS).update({1: "N", 2: (52.0, 31.0, 12.3456)})
    buffer = io.BytesIO()
    picture = render_lesion(1)
    picture.save(
        buffer, "JPEG", exif=exif, comment=SECRET.encode(), xmp=f"<x>{SECRET}</x>".encode(), quality=90
    )
    return buffer.getvalue() + SECRET.encode()


WRITING = {"open", "os.mkdir", "os.rename", "os.link", "os.symlink", "tempfile.mkstemp", "tempfile.mkdtemp"}
_watched: list[str] | None = None


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _watched is None or event not in WRITING:
        return
    if event == "open":
        _, mode, flags = arguments
        if not (isinstance(flags, int) and flags & 0b11) and not (
            isinstance(mode, str) and set(mode) & set("wax+")
        ):
            return  # reading
    _watched.append(f"{event} {arguments}")


sys.addaudithook(_watch)  # sees every file that Python opens; there is no way to take it off again


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Everything that is opened for writing during the test; empty at its begin."""
    global _watched
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    _watched = []
    yield _watched
    _watched = None


@pytest.mark.parametrize("path", ["/", "/crop", "/api/v1/predict"])
@pytest.mark.parametrize("kind", ["photo", "large", "damaged", "no photo"])
def test_an_upload_leaves_nothing_behind(
    client: FlaskClient,
    telling_photo: bytes,
    path: str,
    kind: str,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    written: list[str],
) -> None:
    content, expected = {
        "photo": (telling_photo, 200),
        # Werkzeug writes files above 500 kB to disk.
        "large": (telling_photo + SECRET.encode() * 200_000, 200),
        "damaged": (telling_photo[: len(telling_photo) // 2], 422),
        "no photo": (SECRET.encode(), 415),
    }[kind]
    client.application.config["WTF_CSRF_ENABLED"] = False
    body, content_type = multipart(content)
    response = client.post(path, data=body, content_type=content_type)
    assert response.status_code == expected
    assert written == []
    assert list(tmp_path.iterdir()) == []
    log = caplog.text + "".join(capsys.readouterr())
    assert log.count('"message": "request"') == 1
    for word in ("Example", "Hidden", "spot.jpg", "127.0.0.1", "Mozilla", "werkzeug/"):
        assert word not in log and word.lower() not in log


def test_what_is_sent_back_holds_pixels_only(client: FlaskClient, telling_photo: bytes) -> None:
    client.application.config["WTF_CSRF_ENABLED"] = False
    body, content_type = multipart(telling_photo)
    response = client.post("/", data=body, content_type=content_type)
    pictures = [
        base64.b64decode(data) for data in re.findall(r"data:image/\w+;base64,([^\"]+)", response.text)
    ]
    assert pictures and response.headers["Cache-Control"] == "no-store"
    for picture in pictures:
        with Image.open(io.BytesIO(picture)) as opened:
            assert not opened.getexif()
            assert not {"exif", "xmp", "icc_profile", "comment"} & set(opened.info)
        assert b"Hidden" not in picture
    assert "Hidden" not in response.text


def test_a_request_is_one_line_of_json(
    client: FlaskClient, photo: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    body, content_type = multipart(photo)
    response = client.post("/api/v1/predict", data=body, content_type=content_type)
    (line,) = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert line.pop("duration_ms") > 0 and line.pop("time")
    assert line == {
        "level": "info", "message": "request", "id": response.headers["X-Request-ID"],
        "format": "JPEG", "width": 600, "height": 450, "outcome": "signs", "model_version": "9.9.9",
        "method": "POST", "route": "/api/v1/predict", "status": 200,
    }  # fmt: skip


def test_a_refused_photo_is_logged_with_its_reason(
    client: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    body, content_type = multipart(b"")
    client.post("/api/v1/predict", data=body, content_type=content_type)
    line = json.loads(capsys.readouterr().err)
    assert (line["status"], line["error"]) == (400, "empty")


@pytest.mark.parametrize("path", ["/api/v1/predict", "/several"])
def test_of_several_refused_photos_the_log_has_one_line_with_the_last_reason(
    client: FlaskClient, photo: bytes, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sent = [(io.BytesIO(content), "hidden.jpg") for content in (b"no photo", photo, b"")]
    data = {"photo": sent, "csrf_token": token(client)}
    capsys.readouterr()
    client.post(path, data=data)
    line = json.loads(capsys.readouterr().err)
    assert (line["status"], line["format"], line["outcome"]) == (200, "JPEG", "signs")
    assert line["error"] == "empty"


def test_what_a_stranger_types_into_an_address_is_not_logged(
    client: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    client.get(
        "/mrs-example?name=hidden", headers={"X-Request-ID": "forged-by-somebody", "User-Agent": "hidden"}
    )
    log = capsys.readouterr().err
    assert json.loads(log)["route"] is None
    assert "example" not in log and "hidden" not in log and "forged" not in log
