"""How the pages look and behave in every state: accessible, within the screen, printable."""

import dataclasses
from typing import Literal

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import (
    IN_EACH_LANGUAGE,
    NARROW,
    SLOW,
    VIEWPORTS,
    PageOpener,
    Site,
    cropper,
    file,
    press_send,
)
from tests.fakes import made_prediction

pytestmark = pytest.mark.browser

OUTCOMES = {
    "signs": (0.8731, 1.0),
    "unsure": (0.1162, 1.0),
    "no-signs": (0.0318, 1.0),
    "cannot-judge": (0.8731, 99.0),
}
STATES = (
    *OUTCOMES,
    "raised by answers",
    "start",
    "start with a photo",
    "start with an error",
    "about",
    "api",
    "several",
    "several with answers",
    "several with a caution",
    "error",
)


def show(page: Page, site: Site, state: str, photo: bytes) -> None:
    """Brings the page into a state, as a person would."""
    if state.startswith("several"):
        page.goto(f"{site.url}/several")
        if state == "several with a caution":
            small = np.pad(np.full((1, 1), 0.9, np.float32), ((2, 3), (2, 3)))
            site.predictor.prediction = dataclasses.replace(made_prediction(0.01), lesion_map=small)
        if state != "several":
            others = ({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no photo"}, file(photo))
            page.locator("#photo").set_input_files([file(photo), *others])
            press_send(page)
            expect(page.locator("table img")).to_have_count(2)
            page.wait_for_load_state("load")  # or the tables' style sheet may still be missing
        return
    if state in ("about", "api", "error"):
        page.goto(f"{site.url}/{state}")
        return
    malignancy, unfamiliarity = OUTCOMES.get(state, (0.0318, 1.0))
    site.answers(malignancy, unfamiliarity)
    page.goto(site.url)
    if state == "start":
        return
    content = b"no photo" if state == "start with an error" else photo
    page.locator("#photo").set_input_files(file(content))
    if state == "start with a photo":
        cropper(page)
        return
    if state == "raised by answers":
        page.locator("[name=symptoms]").check()
    press_send(page)
    expect(page.locator(".outcome, [role=alert]")).to_be_visible()
    page.wait_for_load_state("load")  # or the style sheets may still be missing


def scrolls_sideways(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


def enlarge_text(page: Page, size: str = "200%") -> None:
    # Through the object model, as the browser's own setting: the policy forbids inline styles.
    page.evaluate("size => { document.documentElement.style.fontSize = size; }", size)


def expect_accessible(page: Page, viewport: str, colour_scheme: Literal["light", "dark"]) -> None:
    width, height = VIEWPORTS[viewport]
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=colour_scheme, reduced_motion="reduce")
    results = Axe().run(page)
    assert results.violations_count == 0, f"{viewport}, {colour_scheme}: {results.generate_report()}"
    assert not scrolls_sideways(page), f"{viewport}, {colour_scheme}"


@pytest.mark.parametrize("state", STATES)
def test_a_page_is_accessible_and_fits(open_page: PageOpener, site: Site, photo: bytes, state: str) -> None:
    """One visit for all of it: most of the time goes into the way to the page."""
    page = open_page("phone")
    show(page, site, state, photo)
    expect_accessible(page, "phone", "light")
    enlarge_text(page)
    assert not scrolls_sideways(page), "at 200 % on a phone"
    enlarge_text(page, "100%")
    expect_accessible(page, "desktop", "dark")
    enlarge_text(page)
    assert not scrolls_sideways(page), "at 200 % on a desktop"


@SLOW
@pytest.mark.parametrize("state", STATES)
def test_a_page_is_accessible_in_the_other_colours(
    open_page: PageOpener, site: Site, photo: bytes, state: str
) -> None:
    page = open_page("phone")
    show(page, site, state, photo)
    expect_accessible(page, "phone", "dark")
    expect_accessible(page, "desktop", "light")


@IN_EACH_LANGUAGE
@pytest.mark.parametrize("state", STATES)
def test_nothing_is_cut_off_on_a_narrow_screen(
    open_page: PageOpener, site: Site, photo: bytes, state: str, locale: str
) -> None:
    """A page that does not scroll can still let a word run over the edge of its card or its button, as the
    long ones of German would.

    The photo in the cropper is larger than its frame by design.
    """
    page = open_page(NARROW, locale=locale)
    show(page, site, state, photo)
    expect(page.locator("html")).to_have_attribute("lang", locale)
    assert not scrolls_sideways(page)
    running_over = """[...document.querySelectorAll("main *, header *, footer *")].filter((part) =>
      !part.closest("cropper-canvas, svg, .table-scroll, .visually-hidden, select") &&
      part.getClientRects().length && getComputedStyle(part).display !== "inline" &&
      part.scrollWidth > part.clientWidth + 1)
      .map((part) => part.outerHTML.slice(0, 200))"""
    assert page.evaluate(running_over) == []


def test_tables_about_the_model_fit_a_narrow_screen(open_page: PageOpener, site: Site, photo: bytes) -> None:
    """They could be scrolled sideways; but nobody looks for the last column of three."""
    for locale in ("de", "en", "es", "pt"):
        page = open_page(NARROW, locale=locale)
        show(page, site, "about", photo)
        widths = page.evaluate(
            "[...document.querySelectorAll('.table-scroll')].map((it) => it.scrollWidth - it.clientWidth)"
        )
        assert widths and max(widths) <= 0, locale


@pytest.mark.parametrize(
    "state", ["start", *(pytest.param(each, marks=SLOW) for each in ("signs", "cannot-judge", "about"))]
)
def test_axe_finds_nothing_in_a_translation(
    open_page: PageOpener, site: Site, photo: bytes, state: str
) -> None:
    page = open_page(locale="de", reduced_motion="reduce")
    show(page, site, state, photo)
    page.locator(".language summary").click()
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


def test_several_values_of_a_fact_stand_below_one_another(open_page: PageOpener, site: Site) -> None:
    page = open_page("desktop")
    page.goto(f"{site.url}/about")
    values = page.locator(".facts dd")
    lefts = values.evaluate_all("all => all.map(each => each.getBoundingClientRect().left)")
    assert values.count() > page.locator(".facts dt").count() and len(set(lefts[:5])) == 1


@IN_EACH_LANGUAGE
def test_a_table_needs_no_sideways_scrolling(open_page: PageOpener, real_site: str, locale: str) -> None:
    """With the figures of the shipped model, and what programs are told."""
    page = open_page("phone", locale=locale)
    for address in ("about", "api"):
        page.goto(f"{real_site}/{address}")
        expect(page.locator("html")).to_have_attribute("lang", locale)
        tables = page.locator(".table-scroll:has(table)")
        assert tables.count()
        assert (
            tables.evaluate_all("all => all.filter(each => each.scrollWidth > each.clientWidth).length") == 0
        )


@pytest.mark.parametrize("state", ["several with answers", "several with a caution"])
def test_answers_for_several_photos_need_no_sideways_scrolling(
    open_page: PageOpener, site: Site, photo: bytes, state: str
) -> None:
    page = open_page(locale="de")
    show(page, site, state, photo)
    table = page.locator(".table-scroll")
    assert table.evaluate("part => part.scrollWidth <= part.clientWidth")
    row = page.get_by_role("row").nth(1)
    expect(row.get_by_role("rowheader")).to_contain_text("spot.jpg")
    expect(row.get_by_role("cell").first).to_be_visible()
    assert row.get_by_role("cell").count() == 3


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_each_outcome_stands_first(open_page: PageOpener, site: Site, photo: bytes, outcome: str) -> None:
    page = open_page()
    show(page, site, outcome, photo)
    banner = page.locator("main section").first
    expect(banner).to_have_class(f"outcome {outcome}")
    for width, height in VIEWPORTS.values():
        page.set_viewport_size({"width": width, "height": height})
        expect(banner.get_by_role("heading", level=1)).to_be_in_viewport()


def test_an_answer_raises_the_outcome(open_page: PageOpener, site: Site, photo: bytes) -> None:
    page = open_page()
    show(page, site, "raised by answers", photo)
    expect(page.locator("main section").first).to_have_class("outcome unsure")
    expect(page.get_by_text("Your answers count.")).to_be_visible()
    page.locator("#sure > summary").click()
    expect(page.locator("#sure .facts")).to_contain_text("bleeds, itches or does not heal")


def test_at_night_the_pages_are_dark(open_page: PageOpener, site: Site) -> None:
    page = open_page(color_scheme="dark")
    page.goto(site.url)
    expect(page.locator("body")).to_have_css("background-color", "rgb(17, 20, 28)")


def test_nothing_moves_for_whoever_asked_for_it(open_page: PageOpener, site: Site) -> None:
    for motion, animation in (("reduce", "none"), ("no-preference", "turn")):
        page = open_page(reduced_motion=motion)
        page.goto(site.url)
        expect(page.locator(".spinner")).to_have_css("animation-name", animation)


def test_the_heat_map_can_be_switched_off_by_keyboard(
    open_page: PageOpener, site: Site, photo: bytes
) -> None:
    page = open_page()
    show(page, site, "signs", photo)
    switch = page.get_by_role("switch", name="Heat map")
    expect(switch).to_be_checked()
    expect(page.locator(".heat-map")).to_have_css("opacity", "1")
    switch.press("Space")
    expect(page.locator(".heat-map")).to_have_css("opacity", "0")


def test_the_heat_map_covers_the_photo(open_page: PageOpener, site: Site, photo: bytes) -> None:
    page = open_page("desktop")
    show(page, site, "signs", photo)
    below, above = (page.locator(f".photo-stack img >> nth={index}").bounding_box() for index in (0, 1))
    assert below == above


def test_print(open_page: PageOpener, site: Site, photo: bytes) -> None:
    """The button prints; on paper stand photo, heat map, answer and date, and nothing to click."""
    page = open_page(color_scheme="dark")
    page.add_init_script("window.print = () => { document.body.dataset.printed = 'yes'; }")
    show(page, site, "signs", photo)
    page.get_by_label("Heat map").uncheck()
    page.get_by_role("button", name="Print or save as PDF").click()
    expect(page.locator("body")).to_have_attribute("data-printed", "yes")
    page.emulate_media(media="print")
    expect(page.locator(".report-photos > .print-only")).to_be_visible()
    expect(page.locator(".heat-map")).to_have_css("opacity", "1")
    expect(page.locator(".facts time")).to_be_visible()
    expect(page.get_by_text("This is not a diagnosis.")).to_be_visible()
    for gone in (".switch", "nav", ".skip-link", "[data-print]", ".gist"):
        expect(page.locator(gone).first).to_be_hidden()
    expect(page.locator("body")).to_have_css("color", "rgb(27, 33, 48)")  # dark ink on paper, at night too


@pytest.mark.parametrize("outcome", ["signs", "cannot-judge"])
def test_all_that_was_closed_is_on_paper(
    open_page: PageOpener, site: Site, photo: bytes, outcome: str
) -> None:
    """Sections open for print by style where the browser can, by script where it cannot, and close again."""
    page = open_page()
    show(page, site, outcome, photo)
    folds = page.locator(".folds > details")
    closed = folds.count()
    assert closed == (4 if outcome == "signs" else 2)
    page.emulate_media(media="print")
    for index in range(closed):
        expect(folds.nth(index).locator(".flow").first).to_be_visible()
    page.emulate_media(media="screen")
    expect(page.locator(".folds > details[open]")).to_have_count(0)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(page.locator(".folds > details[open]")).to_have_count(closed)
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(page.locator(".folds > details[open]")).to_have_count(0)


def test_a_closed_section_opens_by_keyboard(open_page: PageOpener, site: Site, photo: bytes) -> None:
    page = open_page()
    show(page, site, "no-signs", photo)
    for name in ("sure", "kinds", "look-for", "report"):
        summary = page.locator(f"#{name} > summary")
        expect(page.locator(f"#{name} > .flow")).to_be_hidden()
        summary.focus()
        summary.press("Enter")
        expect(page.locator(f"#{name} > .flow")).to_be_visible()


def test_a_browser_without_script_opens_the_sections(open_page: PageOpener, site: Site, photo: bytes) -> None:
    page = open_page(java_script_enabled=False)
    site.answers(0.0318)
    page.goto(site.url)
    page.locator("#photo").set_input_files(file(photo))
    press_send(page)
    page.locator("#sure > summary").click()
    expect(page.locator(".confidence dd")).to_be_visible()


def test_a_repeated_visit_by_the_browsers_back_button_finds_the_form_ready(
    open_page: PageOpener, site: Site, photo: bytes
) -> None:
    page = open_page()
    show(page, site, "signs", photo)
    page.go_back()
    expect(page.locator(".button-main")).to_have_text("Check this spot")
    expect(page.locator(".working")).to_be_hidden()
