import base64
import dataclasses
import io
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from tests.conftest import AppMaker
from tests.fakes import FixedPredictor, made_prediction
from tests.rendered import render_lesion, to_bytes
from webapp.answer.record import COLUMNS
from webapp.api.question import MAX_PHOTOS
from webapp.model.predictor import Prediction
from webapp.photo.imaging import Box
from webapp.photo.overlay import HEAT_MAP_SIDE


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


@pytest.mark.parametrize("size", [10, 150_000, 250_000, 2_000_000])
@pytest.mark.parametrize("kind", ["no file name", "urlencoded", "raw"])
def test_a_photo_that_is_sent_as_a_text_is_told_so_whatever_its_size(
    client: FlaskClient, photo: bytes, size: int, kind: str
) -> None:
    """As with ``curl -F "photo=<spot.jpg"`` and ``curl --data-binary @spot.jpg``."""
    content = (photo * (size // len(photo) + 1))[:size]
    body, content_type = {
        "no file name": (
            b'--b\r\nContent-Disposition: form-data; name="photo"\r\n\r\n' + content + b"\r\n--b--\r\n",
            "multipart/form-data; boundary=b",
        ),
        "urlencoded": (content, "application/x-www-form-urlencoded"),
        "raw": (content, "image/jpeg"),
    }[kind]
    response = client.post("/api/v1/predict", data=body, content_type=content_type)
    assert (response.status_code, problem(response)["code"]) == (400, "missing_field")


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        (
            "",
            {"symptoms": (io.BytesIO(b"true"), "symptoms")},
        ),  # as requests sends what stands among the files
        ("", {"box": (io.BytesIO(b"auto"), "box")}),
        ("", {"symptoms": ["false", "true"]}),
        ("", {"age": ["20", "80"]}),
        ("", {"sex": ["male", "bogus"]}),
        ("?symptoms=true", {}),
        ("?box=auto", {}),
        ("", {"photo": ["a second one, as a text"]}),
    ],
)
def test_what_would_be_passed_over_is_refused(
    make_app: AppMaker, photo: bytes, address: str, fields: dict[str, Any]
) -> None:
    """Answered as if it had not been told, a symptom would end in *no signs*."""
    client = make_app(FixedPredictor(made_prediction(0.01))).test_client()
    photos = [(io.BytesIO(photo), "a.jpg"), *fields.get("photo", [])]
    response = client.post(f"/api/v1/predict{address}", data={**fields, "photo": photos})
    assert (response.status_code, problem(response)["code"]) == (400, "ambiguous_field")
    assert "Send each field once, as a form field" in problem(response)["detail"]


def test_a_language_in_the_address_is_no_field(client: FlaskClient, photo: bytes) -> None:
    data = {"photo": (io.BytesIO(photo), "a.jpg")}
    assert client.post("/api/v1/predict?lang=de", data=data).status_code == 200


def test_a_long_text_beside_a_photo_is_no_large_photo(client: FlaskClient, photo: bytes) -> None:
    response = send_several(client, photo, changed="x" * 300_000)
    assert (response.status_code, problem(response)["code"]) == (413, "form_too_long")
    assert send_several(client, photo + bytes(300_000)).status_code == 200, "a file may be large"


def test_other_errors_are_problems_too(client: FlaskClient) -> None:
    wrong_method = client.get("/api/v1/predict")
    assert (wrong_method.status_code, problem(wrong_method)["title"]) == (405, "Method Not Allowed")
    assert "POST" in wrong_method.headers["Allow"]
    nothing_here = client.post("/api/v1/nothing")
    assert (nothing_here.status_code, problem(nothing_here)["title"]) == (404, "Not Found")


def send_several(client: FlaskClient, *photos: bytes, **fields: Any) -> TestResponse:
    """Makes the body itself: Werkzeug's client writes one above 500 kB to a file, and leaves that open."""
    part = '--b\r\nContent-Disposition: form-data; name="'
    pairs = [
        (name, text) for name, texts in fields.items() for text in ([texts] if type(texts) is str else texts)
    ]
    body = "".join(f'{part}{name}"\r\n\r\n{text}\r\n' for name, text in pairs).encode()
    for number, content in enumerate(photos):
        body += f'{part}photo"; filename="{number}.jpg"\r\n\r\n'.encode() + content + b"\r\n"
    body += b"--b--\r\n"
    return client.post("/api/v1/predict", data=body, content_type="multipart/form-data; boundary=b")


def test_several_photos_get_their_records_in_order(client: FlaskClient, photo: bytes) -> None:
    records = send_several(client, photo, b"no photo", photo[: len(photo) // 2], photo).get_json()["records"]
    assert [record["path"] for record in records] == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    assert [record["outcome"] for record in records] == ["signs", None, None, "signs"]
    assert records[0]["error"] is None and records[0]["malignancy"] == pytest.approx(0.9312)
    assert "not a photo" in records[1]["error"] and records[1]["reasons"] == []
    assert "damaged" in records[2]["error"]
    assert all(tuple(record) == COLUMNS for record in records)


def test_sixteen_photos_are_taken_and_not_one_more(client: FlaskClient, photo: bytes) -> None:
    assert len(send_several(client, *[photo] * 16).get_json()["records"]) == 16
    refused = send_several(client, *[photo] * 17)
    assert (refused.status_code, problem(refused)["code"]) == (400, "too_many_photos")
    assert str(MAX_PHOTOS) in problem(refused)["detail"]


def test_the_limit_in_bytes_is_the_whole_requests(make_app: AppMaker, photo: bytes) -> None:
    client = make_app(max_upload_bytes=100_000).test_client()
    assert send_several(client, photo, photo).status_code == 200
    assert send_several(client, *[photo] * (170_000 // len(photo) + 1)).status_code == 413


def test_a_box_is_cut_out(make_app: AppMaker, photo: bytes) -> None:
    seen = []

    class Watching(FixedPredictor):
        def predict(self, image: Image.Image, box: Box | None = None) -> Prediction:
            seen.append(box)
            return self.prediction

    client = make_app(Watching(made_prediction(0.5))).test_client()
    assert send_several(client, photo, box="10,20,310.5,320").status_code == 200
    assert send_several(client, photo, photo, box=["", "0,0,600,450"]).status_code == 200
    assert seen == [(10, 20, 310.5, 320), None, (0, 0, 600, 450)]


@pytest.mark.parametrize(
    ("box", "status", "code"),
    [
        ("10,20,30", 400, "invalid_box"),
        ("a,b,c,d", 400, "invalid_box"),
        (["0,0,99,99", ""], 400, "invalid_box"),
        ("0,0,601,450", 422, "box_outside"),
        ("50,50,50,60", 422, "box_outside"),
        ("nan,nan,nan,nan", 422, "box_outside"),
        ("0,0,inf,inf", 422, "box_outside"),
        ("1_0,0,1_00,100", 400, "invalid_box"),
        ("٣,0,100,100", 400, "invalid_box"),
    ],
)
def test_a_wrong_box_is_refused(client: FlaskClient, photo: bytes, box: Any, status: int, code: str) -> None:
    response = send_several(client, photo, box=box)
    assert (response.status_code, problem(response)["code"]) == (status, code)


def test_auto_looks_where_the_spot_is_and_says_where_that_was(make_app: AppMaker, photo: bytes) -> None:
    lesion_map = np.full((24, 24), 0.1, np.float32)
    lesion_map[4:8, 10:14] = 0.9
    predictor = FixedPredictor(dataclasses.replace(made_prediction(0.01), lesion_map=lesion_map))
    client = make_app(predictor).test_client()
    record = send_several(client, photo, box="auto").get_json()
    left, upper, right, lower = record["box"]
    assert 0 <= left < right <= 600 and 0 <= upper < lower <= 450
    assert right - left == pytest.approx(lower - upper) and right - left < 450
    assert predictor.seen[1] == pytest.approx(record["box"]), "the answer is about this part"
    assert record["cautions"] == ["small_spot"], "it is small in the part that was found"
    both = send_several(client, photo, photo, box=["auto", "0,0,450,450"]).get_json()["records"]
    assert both[0]["box"] == record["box"] and "box" not in both[1]
    assert both[1]["cautions"] == ["small_spot"], "a box alone makes no spot large"


def test_auto_gives_no_all_clear_where_it_leaves_another_spot_out(make_app: AppMaker, photo: bytes) -> None:
    lesion_map = np.full((24, 24), 0.1, np.float32)
    lesion_map[2:10, 2:10] = 0.99
    lesion_map[16:20, 17:21] = 0.99
    for malignancy, outcome in ((0.01, "unsure"), (0.9, "signs")):
        prediction = dataclasses.replace(made_prediction(malignancy), lesion_map=lesion_map)
        client = make_app(FixedPredictor(prediction)).test_client()
        auto = send_several(client, photo, box="auto").get_json()
        assert (auto["outcome"], auto["cautions"]) == (outcome, ["other_spot"] if outcome == "unsure" else [])
    # Who says where to look has seen both.
    prediction = dataclasses.replace(made_prediction(0.01), lesion_map=lesion_map)
    client = make_app(FixedPredictor(prediction)).test_client()
    assert send_several(client, photo, box="0,0,300,300").get_json()["outcome"] == "no_signs"


def test_auto_looks_at_the_middle_where_no_spot_is_found(make_app: AppMaker, photo: bytes) -> None:
    predictor = FixedPredictor(made_prediction(0.01))
    record = send_several(make_app(predictor).test_client(), photo, box="auto").get_json()
    assert record["box"] is None and predictor.seen[1] is None


def test_a_strip_is_too_narrow_only_where_its_middle_is_looked_at(make_app: AppMaker) -> None:
    lesion_map = np.full((24, 24), 0.1, np.float32)
    lesion_map[4:14, 4:8] = 0.9
    found = dataclasses.replace(made_prediction(0.01), lesion_map=lesion_map)
    strip = to_bytes(render_lesion(1, 1000, 200), "JPEG")
    for prediction, box, reasons in (
        (found, "", ["too_narrow"]),
        (found, "0,0,160,160", []),
        (found, "0,0,900,160", ["too_narrow"]),  # which the network would see squashed
        (found, "auto", []),
        (made_prediction(0.01), "auto", ["too_narrow"]),  # nothing was found
    ):
        client = make_app(FixedPredictor(prediction)).test_client()
        assert send_several(client, strip, box=box).get_json()["reasons"] == reasons, box


@pytest.mark.parametrize("field", ["changed", "symptoms", "different"])
def test_answers_raise_the_outcome(make_app: AppMaker, photo: bytes, field: str) -> None:
    client = make_app(FixedPredictor(made_prediction(0.01))).test_client()
    assert send_several(client, photo, **{field: "false"}).get_json()["outcome"] == "no_signs"
    assert send_several(client, photo, **{field: "true"}).get_json()["outcome"] == "unsure"
    response = send_several(client, photo, **{field: "yes"})
    assert (response.status_code, problem(response)["code"]) == (400, "invalid_flag")


def test_the_heat_map_comes_when_asked_for(make_app: AppMaker, client: FlaskClient, photo: bytes) -> None:
    uri = send_several(client, photo, heat_map="true").get_json()["heat_map"]
    picture = Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,"))))
    assert (picture.format, picture.size) == ("PNG", (HEAT_MAP_SIDE, HEAT_MAP_SIDE))
    assert "heat_map" not in send_several(client, photo, heat_map="false").get_json()
    unjudged = make_app(FixedPredictor(made_prediction(0.9, unfamiliarity=11))).test_client()
    assert send_several(unjudged, photo, heat_map="true").get_json()["heat_map"] is None


KEY, OTHER_KEY = "the-key-of-one-program", "the-key-of-another-one"


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (f"Bearer {KEY}", 200),
        (f"Bearer {OTHER_KEY}", 200),
        (None, 401),
        ("Bearer", 401),
        (f"Bearer {KEY}x", 401),
        (f"Bearer {KEY},{OTHER_KEY}", 401),
        (f"Basic {KEY}", 401),
        ("Bearer \xff", 401),
        ("Basic \xff", 401),
        ("Digest \xff=\xff", 401),
    ],
)
def test_where_there_are_keys_one_is_asked_for(
    make_app: AppMaker, photo: bytes, header: str | None, status: int
) -> None:
    client = make_app(api_keys=(KEY, OTHER_KEY)).test_client()
    headers = {"Authorization": header} if header else {}
    response = client.post("/api/v1/predict", data={"photo": (io.BytesIO(photo), "a.jpg")}, headers=headers)
    assert response.status_code == status
    if status == 401:
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert "Authorization: Bearer" in problem(response)["detail"]


def test_keys_do_not_close_the_pages(make_app: AppMaker) -> None:
    client = make_app(api_keys=(KEY,)).test_client()
    assert [client.get(path).status_code for path in ("/", "/api", "/api/v1/openapi.json")] == [200] * 3


def test_no_origin_is_let_in_by_default(client: FlaskClient, photo: bytes) -> None:
    response = client.post(
        "/api/v1/predict",
        data={"photo": (io.BytesIO(photo), "a.jpg")},
        headers={"Origin": "https://example.org"},
    )
    assert not [name for name, _ in response.headers if name.startswith("Access-Control")]


def test_scripts_of_allowed_origins_can_read_when_to_come_back(make_app: AppMaker, photo: bytes) -> None:
    client = make_app(
        cors_origins=("https://example.org",), ratelimit_enabled=True, ratelimit="1 per hour"
    ).test_client()
    responses = [
        client.post(
            "/api/v1/predict",
            data={"photo": (io.BytesIO(photo), "a.jpg")},
            headers={"Origin": "https://example.org"},
        )
        for _ in range(2)
    ]
    assert [response.status_code for response in responses] == [200, 429]
    assert problem(responses[1])["code"] == "too_many_requests" and "Retry-After" in responses[1].headers
    assert "Retry-After" in responses[1].headers["Access-Control-Expose-Headers"]


def test_the_origins_in_the_settings_are_let_in(make_app: AppMaker, photo: bytes) -> None:
    client = make_app(cors_origins=("https://example.org",)).test_client()
    for origin, allowed in (("https://example.org", "https://example.org"), ("https://evil.example", None)):
        for response in (
            client.options("/api/v1/predict", headers={"Origin": origin}),
            client.post("/api/v1/predict", headers={"Origin": origin}),
        ):
            assert response.headers.get("Access-Control-Allow-Origin") == allowed
            assert "Origin" in response.headers["Vary"]
            assert "Access-Control-Allow-Credentials" not in response.headers
    assert client.get("/", headers={"Origin": "https://example.org"}).headers.get("Vary") != "Origin"
