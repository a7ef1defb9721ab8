"""What comes in above the button does not move it from under a finger; where it does, the press counts."""

from collections.abc import Callable
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PageOpener, Site, cropper, file
from tests.rendered import render_lesion, to_bytes

pytestmark = pytest.mark.browser

# Its place on the whole page, however far that is scrolled.
PLACE: Final = "button => button.getBoundingClientRect().top + scrollY"
GROW: Final = "() => document.querySelector('.drop-zone').insertAdjacentHTML('beforebegin', '<hr>'.repeat(9))"
SHRINK: Final = "() => document.querySelector('.start-top .notice').remove()"
REACHED: Final = """button => {
  button.scrollIntoView({ block: "center", behavior: "instant" });
  const { x, y } = button.getBoundingClientRect();
  return [x + 20, y + 20];
}"""


@pytest.mark.parametrize("size", ["phone", "desktop"])
@pytest.mark.parametrize("picture", [(600, 450), (300, 900)], ids=["wide", "high"])
@pytest.mark.parametrize("file_format", ["JPEG", "AVIF"])
def test_a_photo_moves_the_button_only_at_once(
    open_page: PageOpener, site: Site, size: str, picture: tuple[int, int], file_format: str
) -> None:
    page = open_page(size)
    page.goto(site.url)
    kind = f"image/{file_format.lower()}"
    photo = {"name": "spot", "mimeType": kind, "buffer": to_bytes(render_lesion(3, *picture), file_format)}
    # Within the same task as the change: before anything else can be pressed.
    page.evaluate(
        "() => document.querySelector('#photo').addEventListener('change', () => {"
        " const button = document.querySelector('.button-main');"
        f" window.before = ({PLACE})(button); }})"
    )
    page.locator("#photo").set_input_files(photo)  # type: ignore[arg-type]
    cropper(page)
    expect(page.locator("[data-photo-check] > *").first).to_be_visible()
    assert page.locator(".button-main").evaluate(PLACE) == pytest.approx(page.evaluate("before"), abs=1)
    expect(page.locator(".crop-frame .preview")).to_have_count(0)
    assert not page.locator(".crop").evaluate("part => part.inert")


def mouse(page: Page, meanwhile: Callable[[], None], away: int) -> None:
    x, y = page.locator(".button-main").evaluate(REACHED)
    page.mouse.move(x, y)
    page.mouse.down()
    meanwhile()
    page.mouse.move(x, y - away)
    page.mouse.up()


def finger(page: Page, meanwhile: Callable[[], None], away: int) -> None:
    x, y = page.locator(".button-main").evaluate(REACHED)
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *points: dict[str, float]) -> None:
        session.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": list(points)})

    touch("Start", {"x": x, "y": y})
    meanwhile()
    if away:
        touch("Move", {"x": x, "y": y - away})
    touch("End")


PRESSES: Final[dict[str, Callable[[Page, Callable[[], None], int], None]]] = {
    "mouse": mouse,
    "finger": finger,
}
NEVER_SENT: Final = """() => {
  window.sent = 0;
  addEventListener("submit", (event) => { sent += 1; event.preventDefault(); });
}"""


@pytest.mark.parametrize("press", PRESSES)
@pytest.mark.parametrize(
    "change", [GROW, SHRINK, "() => null"], ids=["away downwards", "away upwards", "still"]
)
def test_a_press_counts_once_though_the_button_moves(
    open_page: PageOpener, site: Site, photo: bytes, press: str, change: str
) -> None:
    page = open_page("phone", has_touch=True)
    page.goto(site.url)
    page.evaluate(NEVER_SENT)
    page.locator("#photo").set_input_files(file(photo))
    cropper(page)
    PRESSES[press](page, lambda: page.evaluate(change), 0)
    page.wait_for_function("() => sent === 1")
    page.wait_for_timeout(100)
    assert page.evaluate("sent") == 1


@pytest.mark.parametrize("press", PRESSES)
def test_whoever_lets_go_elsewhere_has_not_pressed(
    open_page: PageOpener, site: Site, photo: bytes, press: str
) -> None:
    page = open_page("phone", has_touch=True)
    page.goto(site.url)
    page.evaluate(NEVER_SENT)
    PRESSES[press](page, lambda: page.evaluate(GROW), 120)
    page.wait_for_timeout(300)
    assert page.evaluate("sent") == 0


def test_a_photo_chosen_in_the_middle_of_a_press_is_sent(
    open_page: PageOpener, site: Site, photo: bytes
) -> None:
    page = open_page("desktop")
    page.goto(site.url)
    mouse(page, lambda: page.locator("#photo").set_input_files(file(photo)), 0)
    expect(page.locator(".outcome")).to_be_visible()
