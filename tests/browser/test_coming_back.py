"""Back from the answer, Stop, a network that breaks: the form is usable, and judges what it shows."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PageOpener, Site, cropper, listening, press_send
from tests.browser.stalling import StallingProxy, Way
from tests.fakes import FixedPredictor, made_prediction

pytestmark = pytest.mark.browser


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
    press_send(page)
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
        press_send(page)
        expect(page.get_by_role("alert")).to_contain_text("Choose a photo")


@pytest.mark.parametrize("framed", [True, False], ids=["framed", "not framed"])
def test_an_answer_that_is_loaded_again_stands(
    open_page: PageOpener, site: Site, spot: Path, framed: bool
) -> None:
    """The browser sends the form again, without what the script had put in the photo's place."""
    page = open_page("desktop")
    if not framed:
        page.route("**/crop.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    page.goto(site.url)
    page.locator("#photo").set_input_files(spot)
    expect(page.locator(".crop-frame:not([aria-busy]), .drop-zone > .preview")).to_be_visible()
    press_send(page)
    expect(page.locator(".outcome")).to_be_visible()
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("Your browser no longer has this photo")
    expect(page.get_by_role("alert")).to_contain_text("If you had an answer, its advice still stands.")


@contextmanager
def network_to(url: str) -> Iterator[StallingProxy]:
    """What stands between Chromium and an app."""
    with StallingProxy(url) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.05,), name="network")
        thread.start()
        yield proxy
        proxy.let_go.set()
        proxy.shutdown()
        thread.join()


@pytest.fixture
def network(site: Site) -> Iterator[StallingProxy]:
    with network_to(site.url) as proxy:
        yield proxy


def sent_frame(page: Page) -> str | None:
    """The part that would be sent now, as the form says it."""
    frame: str | None = page.evaluate(
        "() => new FormData(document.querySelector('[data-photo-form]')).get('box')"
    )
    return frame


def expect_usable(page: Page) -> None:
    """The photo is still there and so is its frame, and the button can be pressed."""
    button = page.locator(".button-main")
    expect(button).to_have_text("Check this spot")
    assert button.get_attribute("aria-disabled") is None
    expect(page.locator(".working")).to_be_hidden()
    cropper(page)


ENOUGH: Final = 10  # seconds in which a form has to be usable again; a busy machine takes two

# While an answer is awaited, Chromium passes on to a page only what comes from outside: keys, mouse, Stop.
# What else is to happen then, the page is told before. Of a phone's sleep it sees that a minute is missing.
BEFOREHAND: Final = """
  const now = Date.now;
  let slept = 0;
  Date.now = () => now() + slept;
  const happens = {
    "a sleep": () => { slept += 60_000; },
    offline: () => dispatchEvent(new Event("offline")),
  }[decodeURIComponent(location.search.slice(1))];
  if (happens) addEventListener("submit", () => setTimeout(happens, 500), { once: true });
"""
# Where the two buttons are: the one to send with as it is now, and Stop as it will be meanwhile.
PLACES: Final = """() => {
  const zone = document.querySelector(".drop-zone");
  const working = zone.querySelector(".working");
  const middle = (button) => {
    const { x, y, width, height } = button.getBoundingClientRect();
    return [x + width / 2, y + height / 2];
  };
  const send = middle(document.querySelector(".button-main"));
  zone.classList.add("is-working");
  working.hidden = false;
  const stop = middle(zone.querySelector("[data-stop]"));
  zone.classList.remove("is-working");
  working.hidden = true;
  return [send, stop];
}"""
Place = tuple[float, float]


def press_stop(page: Page, stop: Place) -> None:
    page.context.new_cdp_session(page).send("Page.stopLoading")


def press_the_pages_stop(page: Page, stop: Place) -> None:
    page.mouse.click(*stop)


def press_escape(page: Page, stop: Place) -> None:
    page.keyboard.press("Escape")


def wait(page: Page, stop: Place) -> None:
    """What happens, the page was told before."""


WAYS: Final[dict[str, Callable[[Page, Place], None]]] = {
    "Stop": press_stop,
    "the page's own Stop": press_the_pages_stop,
    "Escape": press_escape,
    "a sleep": wait,
    "offline": wait,
}


@pytest.mark.parametrize("held", ["never answered", "hardly read"])
@pytest.mark.parametrize("what", WAYS)
def test_what_was_not_answered_can_be_sent_again_at_once(
    open_page: PageOpener, site: Site, network: StallingProxy, spot: Path, what: str, held: Way
) -> None:
    """Whoever presses the button again sees the answer, of the same part."""
    page = open_page((1280, 2400))
    page.add_init_script(BEFOREHAND)
    page.goto(f"{network.url}/?{what}")
    frame_a_corner(page, spot)
    button, stop = page.evaluate(PLACES)
    network.way = held
    page.mouse.click(*button)
    assert network.came.wait(ENOUGH)
    page.mouse.click(*button)  # it is not sent twice meanwhile
    WAYS[what](page, stop)
    network.way = "through"
    deadline = time.monotonic() + ENOUGH
    while not network.passed.wait(0.25):
        assert time.monotonic() < deadline, "the form stayed as it was"
        page.mouse.click(*button)
    expect(page.locator(".outcome")).to_be_visible()
    assert site.predictor.seen[1] is not None


@pytest.mark.parametrize("how", ["Stop", "Escape"])
def test_after_a_stop_the_page_says_so(
    open_page: PageOpener, network: StallingProxy, spot: Path, how: str
) -> None:
    page = open_page("desktop")
    page.goto(network.url)
    frame_a_corner(page, spot)
    network.way = "never answered"
    page.locator(".button-main").click(no_wait_after=True)
    assert network.came.wait(ENOUGH)
    WAYS[how](page, (0, 0))
    expect_usable(page)
    expect(page.locator(".drop-zone > [role=status]")).to_contain_text("You can send it again")


@pytest.mark.parametrize("way", [204, "never answered", "hardly read"])
def test_whom_nobody_answers_at_all_can_send_again_in_the_end(
    open_page: PageOpener, spot: Path, way: Way
) -> None:
    """Of a 204, as networks with a page of their own give it, and of a silence no browser tells a page."""
    for url in listening(FixedPredictor(made_prediction(0.9312)), upload_seconds=2, stall_seconds=1):
        with network_to(url) as network:
            page = open_page((1280, 2400))
            page.goto(network.url)
            frame_a_corner(page, spot)
            button, _ = page.evaluate(PLACES)
            network.way = way
            page.mouse.click(*button)
            assert network.came.wait(ENOUGH)
            page.mouse.click(*button)  # not yet
            network.way = "through"
            assert not network.passed.wait(1)
            deadline = time.monotonic() + ENOUGH
            while not network.passed.wait(0.25):
                assert time.monotonic() < deadline, "the form stayed as it was"
                page.mouse.click(*button)
            expect(page.locator(".outcome")).to_be_visible()


@pytest.mark.parametrize("way", [408, 503])
def test_after_a_failure_the_way_back_leads_to_what_was_framed(
    open_page: PageOpener, site: Site, network: StallingProxy, spot: Path, way: Way
) -> None:
    page = open_page("desktop")
    page.goto(network.url)
    frame_a_corner(page, spot)
    framed = sent_frame(page)
    network.way = way
    page.locator(".button-main").click(no_wait_after=True)
    assert network.came.wait(ENOUGH)
    expect(page.get_by_role("heading", name="Later")).to_be_visible()
    network.way = "through"
    page.go_back()
    expect_usable(page)
    assert sent_frame(page) == framed
    assert send(page, site) is not None
