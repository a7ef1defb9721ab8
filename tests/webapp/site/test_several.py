"""Many photos at once: a table that a person reads, and a file that a spreadsheet reads."""

import base64
import csv
import dataclasses
import io
import json
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from tests.conftest import AppMaker
from tests.fakes import FixedPredictor, made_prediction
from tests.rendered import render_lesion, to_bytes
from tests.webapp.site.test_pages import SMALL, knowing_bundle
from tests.webapp.site.test_views import token
from webapp.answer.record import COLUMNS
from webapp.api.question import MAX_PHOTOS
from webapp.model.predictor import Prediction
from webapp.site.languages import LANGUAGES


def send(client: FlaskClient, *files: tuple[bytes, str], **fields: str) -> TestResponse:
    data: dict[str, Any] = {"csrf_token": token(client), **fields}
    data["photo"] = [(io.BytesIO(content), name) for content, name in files]
    return client.post("/several", data=data)


def rows(response: TestResponse) -> list[list[str]]:
    table = BeautifulSoup(response.text, "html.parser").select_one("table")
    assert table is not None
    return [[cell.get_text(" ", strip=True) for cell in row.select("th, td")] for row in table.select("tr")]


def saved(response: TestResponse) -> list[dict[str, str]]:
    link = BeautifulSoup(response.text, "html.parser").select_one("a[download]")
    assert link is not None and link["download"] == "answers.csv"
    kind, _, content = str(link["href"]).partition(",")
    assert kind == "data:text/csv;charset=utf-8;base64"
    text = base64.b64decode(content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_each_photo_is_a_row_in_the_order_sent(client: FlaskClient, photo: bytes) -> None:
    response = send(client, (photo, "arm.jpg"), (b"no photo", "notes.txt"), (photo, "rücken.jpg"))
    assert response.status_code == 200
    head, *found = rows(response)
    assert [row[0] for row in found] == ["arm.jpg", "notes.txt", "rücken.jpg"]
    assert [row[1] for row in found] == [
        "Signs of skin cancer detected.",
        "This file is not a photo that we can read",
        "Signs of skin cancer detected.",
    ]
    assert [row[2] for row in found] == ["93.12%", "–", "93.12%"]
    assert "within two weeks" in found[0][3] and "Choose a JPEG" in found[1][3]
    assert len(head) == 4


def test_the_file_is_that_of_the_command_line(client: FlaskClient, photo: bytes) -> None:
    first, second = saved(send(client, (photo, "arm.jpg"), (b"", "empty.jpg")))
    assert tuple(first) == COLUMNS
    assert (first["path"], first["outcome"], first["error"]) == ("arm.jpg", "signs", "")
    assert float(first["malignancy"]) == pytest.approx(0.9312)
    assert (second["path"], second["outcome"]) == ("empty.jpg", "") and "empty" in second["error"]


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0.jpg", "+1.jpg", "-1.jpg", "@SUM(1).jpg"])
def test_a_file_name_is_never_a_formula(client: FlaskClient, photo: bytes, name: str) -> None:
    (record,) = saved(send(client, (photo, name)))
    assert record["path"] == f"'{name}"


def test_a_file_name_is_never_html(client: FlaskClient, photo: bytes) -> None:
    response = send(client, (photo, "<b>arm</b>.jpg"))
    assert "<b>arm</b>" not in response.text and rows(response)[1][0] == "<b>arm</b>.jpg"


def test_small_pictures_show_what_the_model_looked_at(client: FlaskClient) -> None:
    image = Image.new("RGB", (900, 300), "blue")
    image.paste("red", (300, 0, 600, 300))
    page = BeautifulSoup(send(client, (to_bytes(image, "PNG"), "a.png")).text, "html.parser")
    picture = page.select_one("table img")
    assert picture is not None
    shown = Image.open(io.BytesIO(base64.b64decode(str(picture["src"]).partition("base64,")[2])))
    assert shown.size == (192, 192)
    assert all(shown.getpixel(place)[0] > 240 for place in ((2, 96), (190, 96)))  # type: ignore[index]


def test_sixteen_are_answered_and_their_pictures_are_small(client: FlaskClient) -> None:
    photos = [(to_bytes(render_lesion(seed, 200, 150), "JPEG"), f"{seed}.jpg") for seed in range(MAX_PHOTOS)]
    response = send(client, *photos)
    assert [row[0] for row in rows(response)[1:]] == [name for _, name in photos]
    assert len(response.data) < 16 * 20_000 + 50_000


@pytest.mark.parametrize(
    ("number", "status", "sentence"),
    [(0, 400, "Choose a photo"), (MAX_PHOTOS + 1, 400, "Send at most 16 photos")],
)
def test_too_few_and_too_many_are_said_in_words(
    client: FlaskClient, number: int, status: int, sentence: str
) -> None:
    files = [(b"", f"{place}.jpg") for place in range(number)] or [(b"", "")]
    response = send(client, *files)
    assert response.status_code == status
    page = BeautifulSoup(response.text, "html.parser")
    alert = page.select_one("[role=alert]")
    assert alert is not None and sentence in alert.text
    assert page.title is not None and page.title.text.startswith("Error:")


def test_a_photo_that_cannot_be_judged_says_why(make_app: AppMaker, photo: bytes) -> None:
    client = make_app(FixedPredictor(made_prediction(0.5, unfamiliarity=99.0))).test_client()
    _, row = rows(send(client, (photo, "a.jpg")))
    assert row[1:3] == ["This photo cannot be judged.", "–"]
    assert row[3].startswith("We could not find one clear spot. Put one spot in the middle")


def test_no_signs_is_never_an_all_clear(make_app: AppMaker, photo: bytes) -> None:
    client = make_app(FixedPredictor(made_prediction(0.01))).test_client()
    _, row = rows(send(client, (photo, "a.jpg")))
    assert row[1] == "No signs of skin cancer detected." and "not an all-clear" in row[3]


@pytest.mark.parametrize(
    ("prediction", "fields", "said", "number"),
    [
        (
            made_prediction(0.01, unfamiliarity=7),
            {},
            "This photo differs from those we were tested on. So we do not say “no signs”.",
            "–",
        ),
        (
            dataclasses.replace(made_prediction(0.01), lesion_map=SMALL),
            {},
            "The spot is small in this photo. So we do not say “no signs”.",
            "–",
        ),
        (
            made_prediction(0.01),
            {"symptoms": "true"},
            "You told us something that a doctor should look at, whatever the photo shows.",
            "1.00%",
        ),
        (
            made_prediction(0.06),
            {"sex": "female"},
            "The chance of cancer is low only with your age, sex and place. From the photo alone it is "
            "higher. So we do not say “no signs”.",
            "0.86%",
        ),
        (made_prediction(0.1), {}, "", "10.00%"),
    ],
)
def test_unsure_with_a_low_number_says_why_and_shows_none_that_is_not_to_be_relied_on(
    make_app: AppMaker, photo: bytes, prediction: Prediction, fields: dict[str, str], said: str, number: str
) -> None:
    client = make_app(FixedPredictor(prediction, knowing_bundle())).test_client()
    response = send(client, (photo, "a.jpg"), **fields)
    _, row = rows(response)
    assert row[1:3] == [f"Unsure: have it looked at. {said}".strip(), number]
    (record,) = saved(response)
    assert bool(json.loads(record["cautions"])) == bool(said), "the file says it as the API does"
    assert record["malignancy"] != ""
    assert row[3].endswith("Send it again, larger.") == said.startswith("The spot is small")


def test_photos_count_one_by_one_for_the_limit(make_app: AppMaker, photo: bytes) -> None:
    client = make_app(ratelimit_enabled=True, ratelimit="4 per hour").test_client()
    assert send(client, *[(photo, f"{number}.jpg") for number in range(3)]).status_code == 200
    assert send(client, *[(photo, f"{number}.jpg") for number in range(2)]).status_code == 429


def test_four_full_forms_fit_a_minute_of_the_default_limit(make_app: AppMaker) -> None:
    client = make_app(ratelimit_enabled=True).test_client()
    small = to_bytes(render_lesion(1, 100, 75), "JPEG")
    files = [(small, f"{number}.jpg") for number in range(MAX_PHOTOS)]
    assert [send(client, *files).status_code for _ in range(5)] == [200] * 4 + [429]


def test_the_language_menu_of_the_answers_leads_to_many_photos(client: FlaskClient, photo: bytes) -> None:
    for response in (send(client, (photo, "a.jpg")), send(client, (b"", ""))):
        page = BeautifulSoup(response.text, "html.parser")
        languages = [str(link["href"]) for link in page.select(".language a")]
        assert languages == [f"/several?lang={code}" for code in LANGUAGES]


def test_a_form_from_elsewhere_is_refused(make_app: AppMaker, photo: bytes) -> None:
    client = make_app().test_client()
    response = client.post("/several", data={"photo": [(io.BytesIO(photo), "a.jpg")]})
    assert response.status_code == 400 and "A part of the form is missing" in response.text
