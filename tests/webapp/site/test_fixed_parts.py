import re
from pathlib import Path

import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient
from jinja2 import TemplateSyntaxError

from tests.conftest import AppMaker, multipart
from tests.fakes import FixedPredictor, made_prediction
from webapp.answer.assessment import Outcome

TEMPLATES = Path(__file__).parents[3] / "templates"


@pytest.fixture
def app(make_app: AppMaker) -> Flask:
    return make_app(FixedPredictor(made_prediction(0.9312)))


def token(client: FlaskClient, address: str = "/") -> str:
    return client.get(address).text.partition('name="csrf_token" type="hidden" value="')[2].partition('"')[0]


def rendered(app: Flask, text: str, address: str = "/", language: str = "en", **values: object) -> str:
    with app.test_request_context(address, headers={"Accept-Language": language}):
        return render_template_string(text, **values)


def test_it_is_laid_out_once_for_each_language_and_value(app: Flask) -> None:
    made: list[str] = []
    app.jinja_env.filters["seen"] = lambda text: made.append(text) or text
    text = '{% fixed outcome=outcome %}{{ _("Language:")|seen }} {{ outcome }}{% endfixed %}'
    for _ in range(2):
        assert rendered(app, text, outcome=Outcome.SIGNS) == "Language: signs"
        assert rendered(app, text, outcome=Outcome.UNSURE) == "Language: unsure"
        assert rendered(app, text, language="de", outcome=Outcome.SIGNS) == "Sprache: signs"
    assert made == ["Language:", "Language:", "Sprache:"]


def test_its_links_keep_the_language_that_was_chosen_and_no_other(app: Flask) -> None:
    text = "{% fixed %}{{ url_for('views.about') }}{% endfixed %}"
    for _ in range(2):
        assert rendered(app, text) == "/about"
        assert rendered(app, text, "/?lang=en") == "/about?lang=en"
        assert rendered(app, text, "/?lang=de", "en") == "/about?lang=de"


@pytest.mark.parametrize("name", ["page", "form", "request", "session", "g", "caller"])
def test_it_cannot_show_anything_of_a_person(app: Flask, name: str) -> None:
    with pytest.raises(TemplateSyntaxError, match=f"cannot use .*{name}"):
        rendered(app, f"{{% fixed %}}{{{{ {name} }}}}{{% endfixed %}}")


@pytest.mark.parametrize(
    "inside",
    [
        '{% include "_told.html" %}',
        '{% from "_icons.html" import icon with context %}',
        '{% import "_icons.html" as icons with context %}',
        "{% block inside %}{% endblock %}",
    ],
)
def test_nothing_in_it_sees_the_whole_page(app: Flask, inside: str) -> None:
    with pytest.raises(TemplateSyntaxError, match="the whole page"):
        rendered(app, f"{{% fixed %}}{inside}{{% endfixed %}}")


@pytest.mark.parametrize("value", [0.42, 31, "my left arm", Exception()])
def test_it_differs_by_nothing_of_which_there_are_many(app: Flask, value: object) -> None:
    with pytest.raises(TypeError, match="cannot differ by"):
        rendered(app, "{% fixed told=told %}{{ told }}{% endfixed %}", told=value)


def test_macros_that_it_may_import_know_nothing_of_a_request() -> None:
    """They see the app's global names, the request's among them: those must not come in by that way."""
    for file in TEMPLATES.glob("_*.html"):
        known = r"\{[{%][^}]*\b(?:request|session|g|config|get_flashed_messages)\b"
        used = re.findall(known, file.read_text())
        assert not used, file.name


def test_an_address_under_which_one_came_is_not_shown_to_the_next(app: Flask, photo: bytes) -> None:
    pages = {}
    for host in ("first.example", "second.example"):
        client = app.test_client()
        body, content_type = multipart(photo, csrf_token=token(client, f"http://{host}/"))
        answer = client.post("/", base_url=f"http://{host}", data=body, content_type=content_type)
        assert answer.status_code == 200
        pages[host] = answer.text
    assert "http://first.example/spots" in pages["first.example"]
    assert "http://second.example/spots" in pages["second.example"]
    assert "first.example" not in pages["second.example"]


def test_the_second_person_gets_their_own_numbers_photo_and_answer(
    app: Flask, photo: bytes, make_app: AppMaker
) -> None:
    predictor = app.extensions["predictor"]

    def answer() -> str:
        client = app.test_client()
        body, content_type = multipart(photo, csrf_token=token(client), age="47", sex="female")
        return client.post("/", data=body, content_type=content_type).text

    first = answer()
    predictor.prediction = made_prediction(0.0123)
    second = answer()
    assert "93.12%" in first and "93.12%" not in second
    assert "1.23%" in second
    fresh = make_app(FixedPredictor(made_prediction(0.0123)))
    client = fresh.test_client()
    body, content_type = multipart(photo, csrf_token=token(client), age="47", sex="female")
    alone = client.post("/", data=body, content_type=content_type).text
    assert _lasting(second) == _lasting(alone), "as if nobody had been there before"


def _lasting(page: str) -> str:
    page = re.sub(r'csrf_token" type="hidden" value="[^"]*', "", page)
    return re.sub(r"\d\d:\d\d(?::\d\d)?(?:Z| UTC)", "", page)
