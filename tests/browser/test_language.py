"""The language comes from the browser, can be switched before the upload, and stays until the answer."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PageOpener, Site, press_send

pytestmark = pytest.mark.browser


def send(page: Page, photo: bytes) -> None:
    page.locator("#photo").set_input_files({"name": "spot.jpg", "mimeType": "image/jpeg", "buffer": photo})
    press_send(page)


def expect_language(page: Page, language: str, heading: str) -> None:
    expect(page.locator("html")).to_have_attribute("lang", language)
    expect(page.get_by_role("heading", level=1)).to_contain_text(heading)


def test_the_browser_chooses(open_page: PageOpener, site: Site, photo: bytes) -> None:
    page = open_page(locale="es-MX")
    page.goto(site.url)
    expect_language(page, "es", "Revise una mancha de su piel")
    send(page, photo)
    expect_language(page, "es", "Se han detectado signos de cáncer de piel")
    expect(page.locator(".confidence")).to_contain_text("93,12\N{NO-BREAK SPACE}%")
    expect(page.get_by_text("Ningún profesional médico ha revisado esta traducción")).to_be_visible()


@pytest.mark.parametrize("java_script", [True, False])
def test_the_person_switches_by_keyboard_before_the_upload(
    open_page: PageOpener, site: Site, photo: bytes, java_script: bool
) -> None:
    page = open_page(java_script_enabled=java_script)
    page.goto(site.url)
    expect_language(page, "en", "Check a spot on your skin")
    menu = page.locator(".language summary")
    expect(menu).to_have_text(re.compile("Language: English"))
    menu.press("Enter")
    page.get_by_role("link", name="Deutsch").press("Enter")
    expect_language(page, "de", "Einen Fleck auf Ihrer Haut prüfen")
    send(page, photo)
    expect_language(page, "de", "Anzeichen für Hautkrebs gefunden")
    page.get_by_role("link", name="Anderen Fleck prüfen").click()
    expect_language(page, "de", "Einen Fleck auf Ihrer Haut prüfen")


def test_switching_on_the_answer_starts_again(open_page: PageOpener, site: Site, photo: bytes) -> None:
    page = open_page()
    page.goto(f"{site.url}/?lang=de")
    send(page, photo)
    page.locator(".language summary").click()
    expect(page.get_by_text("Beginnt von vorn, weil wir Ihr Foto nicht behalten haben.")).to_be_visible()
    page.get_by_role("link", name="Português").click()
    expect_language(page, "pt", "Verifique uma mancha na sua pele")


def test_the_script_speaks_the_language_of_the_page(open_page: PageOpener, site: Site, photo: bytes) -> None:
    page = open_page(locale="pt-BR")
    page.goto(site.url)
    page.locator("#photo").set_input_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo})
    expect(page.get_by_role("img", name="Prévia da sua foto")).to_be_visible()
    expect(page.get_by_label("Escolher outra foto")).to_be_visible()
