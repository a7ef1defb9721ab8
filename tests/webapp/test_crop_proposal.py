"""Crop to the spot: the box that comes with the form, and where the page's cropper starts."""

import hashlib
import io
import json
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import AppMaker
from tests.fakes import FixedPredictor, made_prediction
from tests.webapp.test_views import parsed, send, token, words
from webapp.messages import PHOTO_MESSAGES

VENDORED = Path(__file__).parents[2] / "static" / "vendor" / "cropperjs"


@pytest.fixture
def predictor() -> FixedPredictor:
    return FixedPredictor(made_prediction(0.9312))


@pytest.fixture
def client(make_app: AppMaker, predictor: FixedPredictor) -> FlaskClient:
    return make_app(predictor).test_client()


def ask(client: FlaskClient, content: bytes | None) -> TestResponse:
    data: dict[str, object] = {"csrf_token": token(client)}
    if content is not None:
        data["photo"] = io.BytesIO(content), "photo.jpg"
    return client.post("/crop", data=data)


def test_the_model_looks_at_the_box_only(
    client: FlaskClient, photo: bytes, predictor: FixedPredictor
) -> None:
    response = send(client, photo, box="10,20.5,210,220.5")
    assert response.status_code == 200
    assert predictor.seen[1] == (10, 20.5, 210, 220.5)
    shown = parsed(response).select_one(".photo-stack img")
    assert shown is not None and (shown["width"], shown["height"]) == ("200", "200")
    assert "square in the middle of your photo" not in words(parsed(response))


def test_without_a_box_it_looks_at_the_middle_and_says_so(
    client: FlaskClient, photo: bytes, predictor: FixedPredictor
) -> None:
    response = send(client, photo, box="")
    assert predictor.seen[1] is None
    assert "The model looked at the square in the middle of your photo only." in words(parsed(response))


@pytest.mark.parametrize(
    ("box", "status", "code"),
    [
        ("1,2,3", 400, "invalid_box"),
        ("a,b,c,d", 400, "invalid_box"),
        ("nan,0,9,9", 422, "box_outside"),
        ("0,0,inf,9", 422, "box_outside"),
        ("0,0,601,450", 422, "box_outside"),
        ("-1,0,100,100", 422, "box_outside"),
        ("50,50,50,80", 422, "box_outside"),
    ],
)
def test_a_bad_box_is_told_beside_the_photo(
    client: FlaskClient, photo: bytes, box: str, status: int, code: str
) -> None:
    response = send(client, photo, box=box)
    assert response.status_code == status
    assert PHOTO_MESSAGES[code].sentence in words(parsed(response))
    field = parsed(response).find("input", {"name": "box"})
    assert field is not None and "value" not in field.attrs, "the next photo must not get this box"


def test_the_proposal_is_in_pixels_of_what_was_sent(client: FlaskClient, photo: bytes) -> None:
    response = ask(client, photo)
    assert response.status_code == 200
    assert response.json == {"box": [75, 0, 525, 450]}
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [(None, 400, "missing"), (b"", 400, "empty"), (b"not a photo", 415, "unsupported_format")],
)
def test_what_is_no_photo_gets_no_proposal(
    client: FlaskClient, content: bytes | None, status: int, code: str
) -> None:
    response = ask(client, content)
    assert response.status_code == status
    assert json.loads(response.data)["code"] == code


def test_a_proposal_needs_the_forms_token(client: FlaskClient, photo: bytes) -> None:
    response = client.post("/crop", data={"photo": (io.BytesIO(photo), "photo.jpg")})
    assert response.status_code == 400
    assert response.content_type == "application/problem+json"


def test_the_vendored_cropper_is_the_one_that_its_readme_names() -> None:
    content = (VENDORED / "cropper.esm.min.js").read_bytes()
    assert hashlib.sha256(content).hexdigest() in (VENDORED / "README.md").read_text(encoding="utf-8")
    assert b"MIT License" in (VENDORED / "LICENSE").read_bytes()
