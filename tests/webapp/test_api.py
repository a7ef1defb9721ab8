import io
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import AppMaker
from tests.fakes import FixedPredictor, made_prediction
from webapp.record import COLUMNS


def send(client: FlaskClient, content: bytes, filename: str = "spot.jpg") -> TestResponse:
    return client.post("/api/v1/predict", data={"photo": (io.BytesIO(content), filename)})


def problem(response: TestResponse) -> dict[str, Any]:
    assert response.content_type == "application/problem+json"
    details: dict[str, Any] = response.get_json(force=True)
    assert details["status"] == response.status_code
    assert details["type"] == "about:blank"
    assert details["detail"].endswith(".")
    return details


def test_a_photo_gets_a_record(client: FlaskClient, photo: bytes) -> None:
    response = send(client, photo)
    assert (response.status_code, response.content_type) == (200, "application/json")
    record = response.get_json()
    assert tuple(record) == COLUMNS, "the fields come in the order of the columns"
    assert record["path"] == "spot.jpg"
    assert record["outcome"] == "signs"
    assert record["confidence"] == record["malignancy"] == pytest.approx(0.9312)
    assert record["error"] is None


def test_no_token_and_no_cookie_are_needed(client: FlaskClient, photo: bytes) -> None:
    assert "Set-Cookie" not in send(client, photo).headers


def test_a_photo_that_cannot_be_judged_is_no_error(make_app: AppMaker, photo: bytes) -> None:
    client = make_app(FixedPredictor(made_prediction(0.9312, unfamiliarity=11))).test_client()
    response = send(client, photo)
    record = response.get_json()
    assert (response.status_code, record["outcome"], record["reasons"]) == (
        200,
        "cannot_judge",
        ["unfamiliar"],
    )
    assert record["malignancy"] == pytest.approx(0.9312) and len(record["probabilities"]) == 7


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "empty"),
        (b"not a photo at all", 415, "unsupported_format"),
        (b"GIF89a" + bytes(100), 415, "unsupported_format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "unsupported_format"),
    ],
)
def test_what_is_no_photo_gets_a_problem(client: FlaskClient, content: bytes, status: int, code: str) -> None:
    response = send(client, content)
    assert response.status_code == status
    assert problem(response)["code"] == code


def test_a_truncated_photo_gets_a_problem(client: FlaskClient, photo: bytes) -> None:
    response = send(client, photo[: len(photo) // 2])
    assert (response.status_code, problem(response)["code"]) == (422, "damaged")


@pytest.mark.parametrize("limit", [9_000, 10, 9_999])
def test_a_photo_above_the_limit_gets_the_same_problem_whoever_notices(
    make_app: AppMaker, limit: int
) -> None:
    client = make_app(max_upload_bytes=limit).test_client()
    for size in (limit + 1, limit + 100_000):  # found by the view, and by the server
        response = send(client, b"x" * size)
        assert (response.status_code, problem(response)["code"]) == (413, "too_large")


def test_a_photo_above_the_pixel_limit_gets_a_problem(make_app: AppMaker, photo: bytes) -> None:
    response = send(make_app(max_pixels=1000).test_client(), photo)
    assert (response.status_code, problem(response)["code"]) == (413, "too_many_pixels")


@pytest.mark.parametrize(
    "request_data",
    [
        {},
        {"data": {"image": (io.BytesIO(b"x"), "a.jpg")}},
        {"data": {"photo": "a text"}},
        {"json": {"photo": "aGVsbG8="}},
        {"data": b"\xff\xd8\xff", "content_type": "image/jpeg"},
    ],
)
def test_a_request_without_the_field_is_told_how_to_send_it(
    client: FlaskClient, request_data: dict[str, Any]
) -> None:
    response = client.post("/api/v1/predict", **request_data)
    assert (response.status_code, problem(response)["code"]) == (400, "missing_field")
    assert "multipart/form-data" in problem(response)["detail"] and "“photo”" in problem(response)["detail"]


def test_other_errors_are_problems_too(client: FlaskClient) -> None:
    wrong_method = client.get("/api/v1/predict")
    assert (wrong_method.status_code, problem(wrong_method)["title"]) == (405, "Method Not Allowed")
    assert "POST" in wrong_method.headers["Allow"]
    nothing_here = client.post("/api/v1/nothing")
    assert (nothing_here.status_code, problem(nothing_here)["title"]) == (404, "Not Found")
