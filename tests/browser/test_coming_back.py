"""Back from the answer, Stop, a network that breaks: the form is usable, and judges what it shows."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import PageOpener, Site, cropper

pytestmark = pytest.mark.browser
# `page.route` does not take a list's own method; with a function in its place Chromium did not answer within
# 75 s, since it suspends its debugger while an answer is awaited. Until that is mended these guard nothing.
UNSETTLED = pytest.mark.xfail(reason="cannot drive Chromium yet: guards nothing", strict=False)


@pytest.fixture
def spot(tmp_path: Path, photo: bytes) -> Path:
    """A photo on the disk: a browser gives back only such files."""
    path = tmp_path / "spot.jpg"
    path.write_bytes(photo)
    return path


def frame_a_corner(page: Page, spot: Path) -> None:
    page.locator("#photo").set_input_files(spot)
    frame = cropper(page)
    for key in ("+", "+", "ArrowRight", "ArrowRight"):
        frame.press(key)


def send(page: Page, site: Site) -> tuple[float, ...] | None:
    page.locator(".button-main").click()
    expect(page.locator(".outcome")).to_be_visible()
    box = site.predictor.seen[1]
    del site.predictor.seen
    return box


@pytest.mark.parametrize("way", ["back", "back and forth", "reload"])
def test_what_was_framed_is_framed_again(open_page: PageOpener, site: Site, spot: Path, way: str) -> None:
    page = open_page("desktop")
    page.goto(site.url)
    frame_a_corner(page, spot)
    first = send(page, site)
    assert first is not None
    page.go_back()
    if way == "back and forth":
        page.goto(f"{site.url}/about")
        page.go_back()
    elif way == "reload":
        page.reload()
    if page.locator("#photo").evaluate("input => input.files.length"):
        cropper(page)
        assert send(page, site) == pytest.approx(first, abs=1)
    else:  # gone as a whole: nothing is shown, and nothing would be sent
        expect(page.locator(".crop, .preview")).to_have_count(0)
        expect(page.get_by_label("Choose a photo of one spot")).to_be_visible()
        page.locator(".button-main").click()
        expect(page.get_by_role("alert")).to_contain_text("Choose a photo")


def expect_usable(page: Page) -> None:
    """The photo is still there and so is its frame, and the button can be pressed."""
    button = page.locator(".button-main")
    expect(button).to_have_text("Check this spot")
    assert button.get_attribute("aria-disabled") is None
    expect(page.locator(".working")).to_be_hidden()
    expect(page.locator(".crop-frame")).to_be_visible()


STATE = """() => ({
  text: document.querySelector(".button-main").textContent,
  blocked: document.querySelector(".button-main").ariaDisabled,
  waits: !document.querySelector(".working").hidden,
})"""

WAYS = {
    "Stop": "stop()",  # what the browser's button does
    "the page's own Stop": "document.querySelector('[data-stop]').click()",
    "Escape": "document.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }))",
    "offline": "dispatchEvent(new Event('offline'))",
}


def send_and_then(page: Page, site: Site, spot: Path, act: str, pause: int = 500) -> list[Route]:
    """Sends a photo to a server that does not answer, and then does something.

    All within the page: Chromium lets nobody else talk to it while an answer is awaited.
    """
    page.goto(site.url)
    frame_a_corner(page, spot)
    held: list[Route] = []
    page.route(f"{site.url}/", held.append)
    page.evaluate(
        f"""() => {{
          window.seen = [];
          const state = {STATE};
          setTimeout(() => {{
            seen.push(state());
            {act};
            setTimeout(() => {{
              seen.push(state());
              stop();
            }}, {pause});
          }}, 2000);
        }}"""
    )
    page.locator(".button-main").click(no_wait_after=True)
    return held


@UNSETTLED
@pytest.mark.parametrize("how", WAYS)
def test_after_a_stop_the_form_is_usable_at_once(
    open_page: PageOpener, site: Site, spot: Path, how: str
) -> None:
    page = open_page("desktop")
    send_and_then(page, site, spot, WAYS[how])
    page.wait_for_timeout(3000)
    before, after = page.evaluate("window.seen")
    assert before == {"text": "Checking…", "blocked": "true", "waits": True}
    assert after == {"text": "Check this spot", "blocked": None, "waits": False}
    expect_usable(page)
    expect(page.get_by_role("status").first).to_contain_text("You can send it again")
    page.unroute(f"{site.url}/")
    assert send(page, site) is not None


@UNSETTLED
def test_after_a_sleep_the_form_is_usable(open_page: PageOpener, site: Site, spot: Path) -> None:
    """The clock went on and the page did not: whatever it waited for will not come."""
    page = open_page("desktop")
    page.add_init_script("const now = Date.now; window.slept = 0; Date.now = () => now() + slept")
    send_and_then(page, site, spot, "slept = 60_000", pause=2000)
    page.wait_for_timeout(5000)
    before, after = page.evaluate("window.seen")
    assert before["waits"] and not after["waits"] and after["blocked"] is None
    expect_usable(page)


@UNSETTLED
def test_an_answer_without_a_page_leaves_the_form_usable(
    open_page: PageOpener, site: Site, spot: Path
) -> None:
    page = open_page("desktop")
    page.goto(site.url)
    frame_a_corner(page, spot)
    page.route(f"{site.url}/", lambda route: route.fulfill(status=204))
    page.locator(".button-main").click(no_wait_after=True)
    expect_usable(page)


@UNSETTLED
def test_after_the_network_broke_the_way_back_leads_to_what_was_framed(
    open_page: PageOpener, site: Site, spot: Path
) -> None:
    page = open_page("desktop")
    page.goto(site.url)
    frame_a_corner(page, spot)
    page.route(f"{site.url}/", lambda route: route.abort("connectionreset"))
    page.locator(".button-main").click(no_wait_after=True)
    page.wait_for_url("chrome-error://**")
    page.unroute(f"{site.url}/")
    page.go_back()
    expect_usable(page)
    cropper(page)
    assert send(page, site) is not None
