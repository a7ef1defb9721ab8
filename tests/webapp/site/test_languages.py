import io

import pytest
from bs4 import BeautifulSoup
from flask.testing import FlaskClient

from tests.conftest import AppMaker
from webapp.site.languages import LANGUAGES

NOT_REVIEWED = {
    "es": "Ningún profesional médico ha revisado esta traducción.",
    "de": "Diese Übersetzung wurde nicht ärztlich geprüft.",
    "pt": "Nenhum profissional de saúde revisou esta tradução.",
}
PAGES = ["/", "/about", "/api", "/nothing"]


def get(client: FlaskClient, path: str, accept: str = "") -> BeautifulSoup:
    return BeautifulSoup(client.get(path, headers={"Accept-Language": accept}).text, "html.parser")


def language(page: BeautifulSoup) -> str:
    assert page.html is not None
    return str(page.html["lang"])


def send(client: FlaskClient, photo: bytes, path: str, accept: str = "") -> BeautifulSoup:
    """Sends the form of the page at this path to where it says, and returns the page that comes back."""
    form = get(client, path, accept).select_one("form")
    assert form is not None
    token = form.select_one("[name=csrf_token]")
    assert token is not None
    data = {"csrf_token": token["value"], "photo": (io.BytesIO(photo), "spot.jpg")}
    answer = client.post(str(form["action"]), data=data, headers={"Accept-Language": accept})
    return BeautifulSoup(answer.text, "html.parser")


def links(page: BeautifulSoup) -> list[str]:
    """Where the links and the forms of a page lead, but for those that switch the language."""
    found = [str(link["href"]) for link in page.select("a[href^='/']") if "hreflang" not in link.attrs]
    return found + [str(form["action"]) for form in page.select("form[action]")]


@pytest.mark.parametrize(
    ("path", "accept", "expected"),
    [
        ("/", "", "en"),
        ("/", "de-AT,de;q=0.9,en;q=0.5", "de"),
        ("/", "es-419", "es"),
        ("/", "pt-BR,pt;q=0.9", "pt"),
        ("/", "pt-BR,en;q=0.3", "pt"),
        ("/", "es-MX,en-US;q=.9", "es"),
        ("/", "de-CH,fr;q=.9,en;q=.8", "de"),
        ("/", "de-Latn-CH-1996,en;q=0.9", "de"),
        ("/", "PT-br,en;q=0.3", "pt"),
        ("/", "pt_PT,en;q=0.3", "pt"),
        ("/", "es,de-AT", "es"),
        ("/", "en;q=0.2,de-AT;q=0.1,es;q=0.9", "es"),
        ("/", "de-AT;q=0.1,en;q=0.2", "en"),
        ("/", "de;q=0,es;q=0.1", "es"),
        ("/", "fr-CA,*;q=0.5", "en"),
        ("/", "*", "en"),
        ("/", "de;q=nonsense,,;;q=1", "en"),
        ("/", "fr,en;q=0.1", "en"),
        ("/", "fr", "en"),
        ("/?lang=de", "en", "de"),
        ("/?lang=en", "de", "en"),
        ("/?lang=xx", "de", "de"),
        ("/nothing?lang=pt", "en", "pt"),
    ],
)
def test_the_address_decides_before_the_browser(
    client: FlaskClient, path: str, accept: str, expected: str
) -> None:
    assert language(get(client, path, accept)) == expected


@pytest.mark.parametrize("path", [*PAGES, "the answer"])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_chosen_language_stays_from_page_to_page(
    client: FlaskClient, photo: bytes, path: str, lang: str
) -> None:
    chosen = f"?lang={lang}"
    page = send(client, photo, f"/{chosen}") if path == "the answer" else get(client, f"{path}{chosen}")
    assert language(page) == lang
    assert links(page) and all(chosen in link for link in links(page))


def test_where_the_browser_chose_the_addresses_stay_short(client: FlaskClient, photo: bytes) -> None:
    pages = [get(client, path, "es") for path in PAGES] + [send(client, photo, "/", "es")]
    for page in pages:
        assert language(page) == "es"
        assert not any("lang=" in link for link in links(page))


def test_a_refused_photo_is_answered_in_the_language_of_the_form(make_app: AppMaker, photo: bytes) -> None:
    client = make_app(max_upload_bytes=1000).test_client()
    page = send(client, b"", "/?lang=es", "de")
    assert language(page) == "es" and "Este archivo está vacío" in page.text
    page = send(client, photo * 10, "/?lang=es", "de")
    assert language(page) == "es" and "Esta foto es demasiado grande" in page.text


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [("/", "/"), ("/about", "/about"), ("/api", "/api"), ("/nothing", "/"), ("/static/nothing.css", "/")],
)
def test_the_language_can_be_switched_on_every_page(client: FlaskClient, path: str, leads_to: str) -> None:
    page = get(client, f"{path}?lang=es")
    choices = page.select(".language a")
    assert [choice["href"] for choice in choices] == [f"{leads_to}?lang={code}" for code in LANGUAGES]
    assert [choice["lang"] for choice in choices] == [*LANGUAGES]
    assert [choice.text for choice in choices] == [*LANGUAGES.values()]
    assert [choice["hreflang"] for choice in choices if "aria-current" in choice.attrs] == ["es"]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_translation_says_that_no_clinician_has_reviewed_it(
    client: FlaskClient, photo: bytes, lang: str
) -> None:
    pages = [get(client, path, lang) for path in PAGES] + [send(client, photo, "/", lang)]
    for page in pages:
        footer = page.select_one("footer")
        assert footer is not None
        said = [code for code, sentence in NOT_REVIEWED.items() if sentence in footer.text]
        assert said == ([] if lang == "en" else [lang])


@pytest.mark.parametrize(
    ("lang", "confidence", "date", "photos"),
    [
        ("en", "93.12%", "29 February 2024", "2,298"),
        ("es", "93,12\xa0%", "29 de febrero de 2024", "2.298"),
        ("de", "93,12\xa0%", "29. Februar 2024", "2.298"),
        ("pt", "93,12%", "29 de fevereiro de 2024", "2.298"),
    ],
)
def test_numbers_and_dates_are_written_as_in_the_language(
    client: FlaskClient, photo: bytes, lang: str, confidence: str, date: str, photos: str
) -> None:
    value = send(client, photo, "/", lang).select_one(".confidence data")
    assert value is not None and value.text == confidence
    about = get(client, "/about", lang).text
    assert date in about and photos in about


def test_caches_are_told_that_the_page_depends_on_the_browser(client: FlaskClient) -> None:
    for path in PAGES:
        assert "Accept-Language" in client.get(path).headers["Vary"]
    assert "Accept-Language" not in client.get("/api/v1/openapi.json").headers.get("Vary", "")


def test_programs_are_answered_in_english(client: FlaskClient, photo: bytes) -> None:
    german = {"query_string": {"lang": "de"}, "headers": {"Accept-Language": "de"}}
    for content in (photo, b"no photo"):
        english, same = (
            client.post("/api/v1/predict", data={"photo": (io.BytesIO(content), "spot.jpg")}, **options)
            for options in ({}, german)
        )
        assert english.json == same.json
    address = "/api/v1/openapi.json"
    assert client.get(address).json == client.get(address, **german).json
