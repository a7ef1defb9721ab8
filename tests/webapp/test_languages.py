import pytest
from bs4 import BeautifulSoup
from flask.testing import FlaskClient

from webapp import languages


@pytest.fixture
def two_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(languages, "LANGUAGES", {"en": "English", "de": "Deutsch"})


def shown(client: FlaskClient, path: str, accept: str = "") -> str:
    page = BeautifulSoup(client.get(path, headers={"Accept-Language": accept}).text, "html.parser")
    assert page.html is not None
    return str(page.html["lang"])


@pytest.mark.usefixtures("two_languages")
@pytest.mark.parametrize(
    ("path", "accept", "language"),
    [
        ("/", "", "en"),
        ("/", "de-AT,de;q=0.9,en;q=0.5", "de"),
        ("/", "fr,en;q=0.1", "en"),
        ("/", "fr", "en"),
        ("/?lang=de", "en", "de"),
        ("/?lang=en", "de", "en"),
        ("/?lang=xx", "de", "de"),
    ],
)
def test_the_address_decides_before_the_browser(
    client: FlaskClient, path: str, accept: str, language: str
) -> None:
    assert shown(client, path, accept) == language


def test_what_is_not_translated_is_english(client: FlaskClient) -> None:
    assert shown(client, "/?lang=de", "de") == "en"
