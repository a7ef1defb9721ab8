"""The translations: complete, alike and compiled; and no page that speaks two languages at once."""

import re
from collections import Counter
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.frontend import CommandLineInterface
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from bs4 import BeautifulSoup
from flask import Flask, abort
from flask.testing import FlaskClient

from tests.conftest import AppMaker
from tests.fakes import FixedPredictor
from tests.webapp.site.test_errors import STATUSES
from tests.webapp.site.test_pages import PREDICTIONS, QUESTIONS, send
from webapp.answer.assessment import Outcome
from webapp.site.languages import DEFAULT, LANGUAGES

ROOT = Path(__file__).parents[3]
CATALOGUE = ROOT / "webapp" / "translations"
TRANSLATIONS = [code for code in LANGUAGES if code != DEFAULT]
PLACEHOLDER_OR_TAG = re.compile(r"%\(\w+\)s|<[^>]+>")
READ_OR_SHOWN = {
    "alt",
    "aria-label",
    "data-chosen",
    "data-copied",
    "data-over",
    "data-preview",
    "data-working",
}
NAMES = re.compile(
    r"\(?(akiec|bcc|bkl|df|mel|nv|vasc)\)?|model\.\w+|Apache-2\.0|CC BY-NC 4\.0|OpenAPI 3\.1|Python"
)
SAME_WORDS = re.compile(r"Code|Dermatofibroma|Hand|Error:|Error \d+|Melanoma|Status|Version")
"""Which Spanish, German or Portuguese writes as English does."""


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


def translation(language: str) -> Path:
    return CATALOGUE / language / "LC_MESSAGES" / "messages.po"


def test_the_catalogue_is_what_code_and_templates_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    extracted = tmp_path / "messages.pot"
    options = "--mapping-file babel.cfg --add-location file --omit-header"  # as in the Makefile
    command = f"pybabel --quiet extract {options} --output-file {extracted} templates webapp"
    CommandLineInterface().run(command.split())
    assert extracted.read_bytes() == (CATALOGUE / "messages.pot").read_bytes(), "run: make translations"


def test_every_language_has_its_catalogue_and_no_other_has() -> None:
    assert sorted(path.parents[1].name for path in CATALOGUE.rglob("*.po")) == sorted(TRANSLATIONS)


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_a_translation_is_complete(language: str) -> None:
    wanted = [message.id for message in read(CATALOGUE / "messages.pot") if message.id]
    catalogue = read(translation(language))
    assert [message.id for message in catalogue if message.id] == wanted
    assert not catalogue.obsolete
    for message in catalogue:
        assert not message.fuzzy and message.string, message.id


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_a_translation_keeps_variables_and_markup(language: str) -> None:
    for message in read(translation(language)):
        if message.id:
            kept = Counter(PLACEHOLDER_OR_TAG.findall(message.string))
            assert kept == Counter(PLACEHOLDER_OR_TAG.findall(message.id)), message.id
            rest = PLACEHOLDER_OR_TAG.sub("", message.string)
            assert not set("%<>&") & set(rest), f"would break the page: {message.string}"
            assert message.string == message.string.strip()
            assert message.string[-1:] in ".:…?" or message.id[-1] not in ".:…", message.string


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_a_translation_is_compiled(language: str) -> None:
    path, compiled = translation(language), BytesIO()
    write_mo(compiled, read(path))
    assert path.with_suffix(".mo").read_bytes() == compiled.getvalue(), "run: make translations"


def sayings(page: BeautifulSoup) -> set[str]:
    """What a page says in its own language: its texts, and the attributes that are read out or shown."""
    assert page.html is not None
    for other in page.select("[lang]:not(html), code"):
        other.decompose()
    said = {" ".join(text.split()) for text in page.html.find_all(string=True)}
    for tag in page.find_all(True):
        said |= {str(value) for name, value in tag.attrs.items() if name in READ_OR_SHOWN}
    return {saying for saying in said if re.search(r"[^\W\d_]{2}", saying)}


def every_page(make_app: AppMaker, photo: bytes, language: str) -> dict[str, set[str]]:
    """What each page says in each of its states to a browser of this language."""
    predictor = FixedPredictor(PREDICTIONS[Outcome.SIGNS])
    app: Flask = make_app(predictor, api_keys=("a key of at least that length",))

    @app.get("/fail/<int:status>")
    def fail(status: int) -> None:
        abort(status)

    client: FlaskClient = app.test_client()
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = language
    pages = {}
    for path in ("/", "/about", "/api", *(f"/fail/{status}" for status in STATUSES)):
        pages[path] = BeautifulSoup(client.get(path).text, "html.parser")
    for outcome, predictor.prediction in PREDICTIONS.items():
        pages[outcome] = send(client, photo)
        pages[f"{outcome} with answers"] = send(client, photo, *QUESTIONS)
    for name, content in (("empty", b""), ("no photo", b"no photo"), ("damaged", photo[:5000])):
        pages[name] = send(client, content)
    for name, page in pages.items():
        assert page.html is not None and page.html["lang"] == language, name
    return {name: sayings(page) for name, page in pages.items()}


@pytest.fixture
def english(make_app: AppMaker, photo: bytes) -> dict[str, set[str]]:
    return every_page(make_app, photo, DEFAULT)


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_no_page_speaks_two_languages(
    make_app: AppMaker, photo: bytes, english: dict[str, set[str]], language: str
) -> None:
    pages = every_page(make_app, photo, language)
    assert pages.keys() == english.keys()
    left = {saying for name in pages for saying in pages[name] & english[name]}
    assert [text for text in left if not NAMES.fullmatch(text) and not SAME_WORDS.fullmatch(text)] == []
