"""Texts are looked up once a language: what a page says must not depend on who asked before."""

import pytest
from flask import Flask
from markupsafe import Markup

from webapp.site.languages import gettext, html_text

SENTENCE = "This file is empty"
SAID = {
    "en": SENTENCE,
    "es": "Este archivo está vacío",
    "de": "Diese Datei ist leer",
    "pt": "Este arquivo está vazio",
}


@pytest.mark.parametrize("order", [("de", "en", "de"), ("en", "es", "pt", "en")])
def test_each_request_gets_its_own_language_whoever_asked_before(app: Flask, order: tuple[str, ...]) -> None:
    for language in order:
        with app.test_request_context(f"/?lang={language}"):
            assert gettext(SENTENCE) == html_text(SENTENCE)
            assert gettext(SENTENCE) == SAID[language]


def test_what_a_person_sent_is_escaped_in_html_and_only_there(app: Flask) -> None:
    with app.test_request_context("/"):
        assert gettext("Error %(status)s", status="<b>") == "Error <b>"
        assert html_text("Error %(status)s", status="<b>") == "Error &lt;b&gt;"
        assert html_text("Error %(status)s", status=Markup("<b>")) == "Error <b>"


def test_a_per_cent_sign_in_a_template_is_written_twice_with_and_without_variables(app: Flask) -> None:
    with app.test_request_context("/"):
        assert html_text("100%% of it") == "100% of it"
        assert html_text("%(share)s%% of it", share=5) == "5% of it"
