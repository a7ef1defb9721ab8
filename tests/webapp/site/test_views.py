import io
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import AppMaker
from tests.fakes import FixedPredictor, made_prediction
from webapp.answer.messages import PHOTO_MESSAGES


def parsed(response: TestResponse) -> BeautifulSoup:
    assert response.content_type == "text/html; charset=utf-8"
    return BeautifulSoup(response.text, "html.parser")


def token(client: FlaskClient) -> str:
    field = parsed(client.get("/")).find("input", {"name": "csrf_token"})
    assert field is not None
    return str(field["value"])


def send(client: FlaskClient, content: bytes | None, field: str = "photo", **fields: Any) -> TestResponse:
    """Sends the form as a browser does: a file field that was left alone comes with an empty name."""
    data = {"photo": (io.BytesIO(), ""), "camera": (io.BytesIO(), ""), "csrf_token": token(client)}
    if content is not None:
        data[field] = (io.BytesIO(content), "spot.jpg")
    return client.post("/", data=data | fields)


def words(page: BeautifulSoup) -> str:
    return " ".join(page.get_text(" ").split())


def test_the_start_page_has_the_form(client: FlaskClient) -> None:
    page = parsed(client.get("/"))
    form = page.find("form", {"method": "post", "enctype": "multipart/form-data"})
    assert form is not None
    names = {field.get("name") for field in form.find_all("input")}
    assert names == {"photo", "camera", "box", "drawn", "changed", "symptoms", "different", "csrf_token"}


def test_a_dialogue_for_files_shows_all_that_can_be_read(client: FlaskClient) -> None:
    field = parsed(client.get("/")).find("input", {"name": "photo"})
    assert field is not None
    accepted = str(field["accept"]).split(",")
    assert accepted[0] == "image/jpeg", "what Safari turns a HEIC into where HEIC is not named"
    kinds = {f"image/{kind}" for kind in ("png", "webp", "heic", "heif", "avif")}
    assert kinds | {".heic", ".heif", ".hif", ".jfif"} <= set(accepted)


@pytest.mark.parametrize("field", ["photo", "camera"])
def test_a_photo_of_either_field_is_answered_at_once(client: FlaskClient, photo: bytes, field: str) -> None:
    response = send(client, photo, field)
    assert response.status_code == 200 and "Location" not in response.headers
    text = words(parsed(response))
    assert "Signs of skin cancer detected" in text
    assert "93.12%" in text


@pytest.mark.parametrize(
    ("malignancy", "unfamiliarity", "verdict", "confidence"),
    [
        (0.2, 1.0, "Signs of skin cancer detected", "20.00%"),
        (0.0931, 1.0, "Unsure: have it looked at", "9.31%"),
        (0.0123, 1.0, "No signs of skin cancer detected", "98.77%"),
        (0.9312, 11.0, "This photo cannot be judged", None),
    ],
)
def test_each_outcome_has_its_verdict_and_its_confidence(
    make_app: AppMaker,
    photo: bytes,
    malignancy: float,
    unfamiliarity: float,
    verdict: str,
    confidence: str | None,
) -> None:
    client = make_app(FixedPredictor(made_prediction(malignancy, unfamiliarity))).test_client()
    response = send(client, photo)
    assert response.status_code == 200
    page = parsed(response)
    heading = page.find("h1")
    assert heading is not None and " ".join(heading.get_text(" ").split()).startswith(verdict)
    if confidence is None:
        assert "93.12" not in words(page), "what the model guessed about a refused photo is not shown"
    else:
        assert confidence in words(page)


@pytest.mark.parametrize("answer", ["changed", "symptoms", "different"])
def test_any_answer_raises_no_signs(make_app: AppMaker, photo: bytes, answer: str) -> None:
    client = make_app(FixedPredictor(made_prediction(0.01))).test_client()
    assert "No signs of skin cancer detected" in words(parsed(send(client, photo)))
    assert "Unsure: have it looked at" in words(parsed(send(client, photo, **{answer: "yes"})))


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (None, 400, "missing"),
        (b"", 400, "empty"),
        (b"not a photo at all", 415, "unsupported_format"),
        (b"x" * 300_001, 413, "too_large"),
    ],
)
def test_a_bad_photo_brings_the_form_back_with_the_error_beside_the_field(
    make_app: AppMaker, content: bytes | None, status: int, code: str
) -> None:
    client = make_app(max_upload_bytes=300_000).test_client()
    response = send(client, content, changed="yes")
    assert response.status_code == status
    page = parsed(response)
    field = page.find("input", {"name": "photo"})
    assert field is not None and field["aria-invalid"] == "true"
    described_by = [page.find(id=name) for name in str(field["aria-describedby"]).split()]
    assert any(text is not None and PHOTO_MESSAGES[code].sentence in text.get_text() for text in described_by)
    assert page.select_one("input[name=changed][checked]"), "the answers are kept"


@pytest.mark.parametrize("content", [b"", None])
def test_a_form_that_was_sent_again_without_its_photo_takes_no_advice_back(
    client: FlaskClient, content: bytes | None
) -> None:
    """As a browser sends it when an answer is loaded again: the script's texts are there, its file is not."""
    response = send(client, content, drawn="600x450", box="10,20,310,320")
    assert response.status_code == 400
    assert PHOTO_MESSAGES["gone"].sentence in words(parsed(response))


def test_of_two_photos_none_is_passed_over(client: FlaskClient, photo: bytes) -> None:
    response = send(client, photo, camera=(io.BytesIO(photo), "camera.jpg"))
    assert response.status_code == 400
    assert PHOTO_MESSAGES["two_photos"].sentence in words(parsed(response))


def test_a_truncated_photo_is_named_as_such(client: FlaskClient, photo: bytes) -> None:
    response = send(client, photo[: len(photo) // 2])
    assert response.status_code == 422
    assert PHOTO_MESSAGES["damaged"].sentence in words(parsed(response))


def test_a_photo_far_above_the_limit_gets_the_error_page(make_app: AppMaker) -> None:
    client = make_app(max_upload_bytes=1000).test_client()
    response = send(client, b"x" * 100_000)
    assert response.status_code == 413
    assert "This photo is too large" in words(parsed(response))


@pytest.mark.parametrize("sent", [{}, {"csrf_token": ""}, {"csrf_token": "made up"}])
def test_a_form_from_elsewhere_is_refused(client: FlaskClient, photo: bytes, sent: dict[str, str]) -> None:
    client.get("/")
    response = client.post("/", data={"photo": (io.BytesIO(photo), "spot.jpg")} | sent)
    assert response.status_code == 400
    code = "form_expired" if sent.get("csrf_token") else "form_token"
    assert PHOTO_MESSAGES[code].title in words(parsed(response))


def test_the_form_works_over_https(client: FlaskClient, photo: bytes) -> None:
    """Over https the referrer is checked too: the policy must let the browser send it."""
    https = {"base_url": "https://localhost", "headers": {"Referer": "https://localhost/"}}
    start = client.get("/", **https)
    assert start.headers["Referrer-Policy"] == "same-origin"
    field = parsed(start).find("input", {"name": "csrf_token"})
    assert field is not None
    data = {"photo": (io.BytesIO(photo), "spot.jpg"), "csrf_token": field["value"]}
    assert client.post("/", data=data, **https).status_code == 200


def test_every_page_says_that_this_is_no_diagnosis(client: FlaskClient, photo: bytes) -> None:
    for response in (client.get("/"), client.get("/about"), client.get("/nothing"), send(client, photo)):
        assert "Not a diagnosis and not a medical device" in words(parsed(response))


def test_the_page_about_the_model_shows_its_figures(client: FlaskClient) -> None:
    response = client.get("/about")
    assert response.status_code == 200
    text = words(parsed(response))
    assert "9.9.9" in text and "EfficientNet-Lite0" in text and "b" * 64 in text


@pytest.mark.parametrize(
    ("drawn", "status"),
    [("600x450", 200), ("450x600", 422), ("300x225", 422), ("600x4500", 422), ("nonsense", 422), ("", 200)],
)
def test_a_frame_in_another_picture_than_the_one_sent_is_refused(
    client: FlaskClient, photo: bytes, drawn: str, status: int
) -> None:
    response = send(client, photo, box="10,20,310,320", drawn=drawn)
    assert response.status_code == status
    if status == 422:
        assert PHOTO_MESSAGES["frame_differs"].sentence in words(parsed(response))


def test_a_frame_that_leaves_the_photo_was_set_in_another_one(client: FlaskClient, photo: bytes) -> None:
    for drawn, code in (("1800x2400", "frame_differs"), ("", "box_outside")):
        response = send(client, photo, box="1000,1000,1800,1800", drawn=drawn)
        assert response.status_code == 422
        assert PHOTO_MESSAGES[code].sentence in words(parsed(response))


def test_without_a_frame_nothing_can_differ(client: FlaskClient, photo: bytes) -> None:
    assert send(client, photo, drawn="1x1").status_code == 200
