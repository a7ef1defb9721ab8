"""Every way to hand in a photo, from the start page to the result."""

import base64
import io
import re
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import (
    ON_EACH_SCREEN,
    PageOpener,
    Site,
    cropper,
    file,
    listening,
    press_send,
    sent_photo,
)
from tests.fakes import FixedPredictor, made_prediction
from tests.rendered import render_lesion, render_lesion_jpeg, to_bytes
from tests.webapp.site.test_pages import knowing_bundle
from webapp.answer.assessment import VERDICTS

pytestmark = pytest.mark.browser

DROP = """([kind, encoded, number]) => {
  const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
  const data = new DataTransfer();
  for (let each = 0; each < number; each++) {
    data.items.add(new File([bytes], `spot${each}.jpg`, { type: "image/jpeg" }));
  }
  const target = document.querySelector(".drop-zone");
  const how = { bubbles: true, cancelable: true };
  const event = kind === "paste"
    ? new ClipboardEvent(kind, { ...how, clipboardData: data })
    : new DragEvent(kind, { ...how, dataTransfer: data });
  target.dispatchEvent(event);
}"""


def hand_over(page: Page, kind: str, photo: bytes, number: int = 1) -> None:
    """Lets a drag, a drop or a paste happen, as the browser would after a person's hand."""
    page.evaluate(DROP, [kind, base64.b64encode(photo).decode(), number])


def expect_signs(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_contain_text("Signs of skin cancer detected")


@ON_EACH_SCREEN
def test_choose(open_page: PageOpener, site: Site, photo: bytes, viewport: str) -> None:
    page = open_page(viewport)
    page.goto(site.url)
    page.get_by_label("Choose a photo of one spot").set_input_files(file(photo))
    expect(page.get_by_role("img", name="Preview of your photo")).to_be_visible()
    expect(page.get_by_label("Choose another photo")).to_be_visible()
    page.get_by_role("button", name="Check this spot").click()
    expect_signs(page)


@ON_EACH_SCREEN
def test_without_javascript(open_page: PageOpener, site: Site, photo: bytes, viewport: str) -> None:
    page = open_page(viewport, java_script_enabled=False)
    page.goto(site.url)
    expect(page.get_by_text("Or drop it here")).to_be_hidden()
    page.get_by_label("Choose a photo of one spot").set_input_files(file(photo))
    page.get_by_label("It looks unlike my other spots").check()
    page.get_by_role("button", name="Check this spot").click()
    expect_signs(page)
    assert site.predictor.seen[1] is None
    expect(
        page.get_by_text("The model looked at the square in the middle of your photo only.")
    ).to_be_visible()
    expect(page.locator(".heat-map")).to_have_css("opacity", "1")
    page.get_by_label("Heat map").uncheck()
    expect(page.locator(".heat-map")).to_have_css("opacity", "0")
    expect(page.get_by_role("button", name="Print")).to_be_hidden()


def test_drop(open_page: PageOpener, site: Site, photo: bytes) -> None:
    page = open_page("desktop")
    page.goto(site.url)
    hand_over(page, "dragover", photo)
    expect(page.get_by_text("Let go to use this photo")).to_be_visible()
    hand_over(page, "drop", photo)
    expect(page.get_by_text("Let go to use this photo")).to_be_hidden()
    expect(page.get_by_role("img", name="Preview of your photo")).to_be_visible()
    page.get_by_role("button", name="Check this spot").click()
    expect_signs(page)


def test_paste(open_page: PageOpener, site: Site, photo: bytes) -> None:
    page = open_page("desktop")
    page.goto(site.url)
    hand_over(page, "paste", photo)
    expect(page.get_by_role("img", name="Preview of your photo")).to_be_visible()
    page.get_by_role("button", name="Check this spot").click()
    expect_signs(page)


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_of_several_photos_none_is_taken(open_page: PageOpener, site: Site, photo: bytes, kind: str) -> None:
    page = open_page("desktop")
    page.goto(site.url)
    said = page.locator("[data-too-many]")
    hand_over(page, kind, photo, 2)
    expect(said).to_be_visible()
    expect(said).to_contain_text("Not taken: here we look at one photo at a time.")
    expect(page.locator(".drop-zone > [role=status]")).to_contain_text("Not taken")
    expect(said.get_by_role("link", name="Many photos at once")).to_have_attribute("href", "/several")
    assert page.locator("#photo").evaluate("input => input.files.length") == 0
    hand_over(page, kind, photo)
    cropper(page)
    expect(said).to_be_hidden()


@pytest.fixture(scope="module")
def asking() -> Iterator[str]:
    """The address of an app that asks for age, sex and place."""
    yield from listening(FixedPredictor(made_prediction(0.9312), knowing_bundle()))


@pytest.mark.parametrize("java_script", [True, False])
def test_a_typing_error_in_a_closed_fold_is_told(
    open_page: PageOpener, asking: str, photo: bytes, java_script: bool
) -> None:
    page = open_page(java_script_enabled=java_script)
    page.goto(asking)
    page.locator("#photo").set_input_files(file(photo))
    fold, age = page.locator(".fold-box"), page.get_by_label("Age in years")
    for typed, told in (("abc", True), ("67 ", False)):
        if not age.is_visible():
            fold.locator("summary").click()
        age.fill(typed)
        fold.locator("summary").click()
        expect(age).to_be_hidden()
        press_send(page)
        if told:
            expect(age).to_be_visible()
            expect(age).to_have_value(typed)
        if told and java_script:  # by the browser, which keeps the photo
            expect(age).to_be_focused()
            expect(page.locator("#photo")).to_have_js_property("files.length", 1)
        elif told:
            expect(page.get_by_role("alert")).to_contain_text("Give the age in whole years")
            page.locator("#photo").set_input_files(file(photo))
    expect_signs(page)


def test_camera(open_page: PageOpener, site: Site, photo: bytes) -> None:
    """The camera's photo replaces one that was chosen before."""
    page = open_page(has_touch=True, is_mobile=True)
    page.goto(site.url)
    expect(page.get_by_label("Or take one now")).to_be_visible()
    expect(page.get_by_label("Or take one now")).to_have_attribute("capture", "environment")
    page.locator("#photo").set_input_files(file(b"no photo"))
    page.locator("#camera").set_input_files(file(photo))
    expect(page.get_by_role("img", name="Preview of your photo")).to_be_visible()
    assert page.locator("#photo").evaluate("input => input.files.length") == 0
    page.get_by_role("button", name="Check this spot").click()
    expect_signs(page)


def test_a_large_photo_is_scaled_down_and_turned_upright_before_it_is_sent(
    open_page: PageOpener, site: Site
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn by 90 degrees
    exif[0x010E] = "where I live"
    lying = to_bytes(render_lesion(1, 400, 300).resize((4000, 3000)), "JPEG", quality=95, exif=exif)
    page = open_page("desktop")
    page.goto(site.url)
    page.locator("#photo").set_input_files(file(lying))
    cropper(page)
    name, _, sent = sent_photo(page)
    assert name == "photo.jpg" and len(sent) < len(lying)
    assert b"where I live" in lying and b"where I live" not in sent
    page.get_by_role("button", name="Check this spot").click()
    expect(page.locator("#report .facts")).to_contain_text("1800 × 2400 points")


def test_what_the_browser_cannot_preview_is_sent_as_it_is(open_page: PageOpener, site: Site) -> None:
    heic = to_bytes(render_lesion(1), "HEIF")
    page = open_page()
    page.goto(site.url)
    page.locator("#photo").set_input_files({"name": "IMG_1.HEIC", "mimeType": "image/heic", "buffer": heic})
    page.get_by_role("button", name="Check this spot").click()
    expect_signs(page)
    assert site.predictor.seen[1] is None


def test_a_browser_that_cannot_draw_sends_the_photo_as_it_is(open_page: PageOpener, site: Site) -> None:
    page = open_page()
    page.add_init_script("HTMLCanvasElement.prototype.toBlob = (done) => done(null)")
    page.goto(site.url)
    large = render_lesion(1, 400, 300).resize((3000, 2250))
    page.locator("#photo").set_input_files(file(to_bytes(large, "JPEG")))
    expect(page.locator(".preview, .crop").first).to_be_visible()
    page.get_by_role("button", name="Check this spot").click()
    expect(page.locator("#report .facts")).to_contain_text("3000 × 2250 points")


@pytest.mark.parametrize("limit", [{"max_upload_bytes": 12_000}, {"max_pixels": 100_000}])
def test_a_photo_comes_below_the_limits_of_this_server(
    open_page: PageOpener, photo: bytes, limit: dict[str, int]
) -> None:
    assert len(photo) > 12_000
    page = open_page()
    for url in listening(FixedPredictor(made_prediction(0.9312)), **limit):
        page.goto(url)
        page.locator("#photo").set_input_files(file(photo))
        cropper(page)
        page.get_by_role("button", name="Check this spot").click()
        expect_signs(page)
        expect(page.locator("#report .facts")).not_to_contain_text("600 × 450 points")


def test_a_small_photo_keeps_its_pixels_and_loses_what_it_tells(open_page: PageOpener, site: Site) -> None:
    """It is drawn anew like any other, so that no two readers can differ about it; hardly a pixel changes."""
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    picture = render_lesion(1)
    page = open_page()
    page.goto(site.url)
    page.locator("#photo").set_input_files(file(to_bytes(picture, "JPEG", quality=90, exif=exif)))
    cropper(page)
    _, _, sent = sent_photo(page)
    assert b"where I live" not in sent
    with Image.open(io.BytesIO(sent)) as redrawn:
        assert redrawn.size == picture.size
        changed = np.abs(np.asarray(redrawn, np.float32) - np.asarray(picture, np.float32)).mean()
    assert changed < 2, "of 255; the first JPEG alone changes as much"


def test_the_wait_is_visible_and_a_second_press_sends_nothing(
    open_page: PageOpener, site: Site, photo: bytes
) -> None:
    page = open_page()
    page.goto(site.url)
    page.locator("#photo").set_input_files(file(photo))
    expect(page.get_by_role("img", name="Preview of your photo")).to_be_visible()
    # All within the page: Chromium lets nobody else talk to it while an answer is awaited.
    sent = []
    page.route(f"{site.url}/", lambda route: sent.append(route.request.method))  # and no answer comes
    page.evaluate(
        """() => setTimeout(() => {
          const shown = (name) => document.querySelector(name).checkVisibility();
          const button = document.querySelector(".button-main");
          button.click();
          window.seen = [shown(".working"), shown("#photo"), button.textContent,
            document.querySelector(".drop-zone > [role=status]").textContent];
          setTimeout(stop, 1000);
        }, 2000)"""
    )
    page.locator(".button-main").click(no_wait_after=True)
    page.wait_for_timeout(4000)
    assert page.evaluate("window.seen") == [True, False, "Checking…", "Looking at your photo…"]
    assert sent == ["POST"]


def test_a_refused_photo_is_told_at_once(open_page: PageOpener, site: Site) -> None:
    page = open_page()
    page.goto(site.url)
    page.locator("#photo").set_input_files(file(b"no photo"))
    page.get_by_role("button", name="Check this spot").click()
    alert = page.get_by_role("alert")
    expect(alert).to_be_focused()
    expect(alert).to_contain_text("not a photo that we can read")
    expect(page).to_have_title(re.compile("^Error: "))
    alert.get_by_role("link").click()
    expect(page.locator("#photo")).to_be_focused()


def tab_to(page: Page, selector: str) -> None:
    """Presses Tab until what is looked for has the focus, ten times at most."""
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"ten tabs do not lead to {selector}")


def test_the_whole_way_by_keyboard(open_page: PageOpener, site: Site, photo: bytes) -> None:
    page = open_page("desktop")
    # Playwright begins to stand in for the system's dialogue some time after the first listener.
    page.on("filechooser", lambda chooser: None)
    page.goto(site.url)
    keyboard = page.keyboard
    keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the main content")).to_be_focused()
    keyboard.press("Enter")
    tab_to(page, "#photo")
    with page.expect_file_chooser() as chooser:
        keyboard.press("Space")
    chooser.value.set_files(file(photo))
    frame = cropper(page)
    for _ in range(6):
        if not frame.evaluate("frame => frame === document.activeElement"):
            keyboard.press("Tab")
    expect(frame).to_be_focused()
    keyboard.press("+")
    for name in ("Smaller", "Up", "Larger", "To the left", "Down", "To the right"):
        keyboard.press("Tab")
        expect(page.get_by_role("button", name=name, exact=True)).to_be_focused()
    keyboard.press("Enter")
    tab_to(page, "[name=changed]")
    keyboard.press("Space")
    expect(page.get_by_label("It has changed in size, shape or colour")).to_be_checked()
    tab_to(page, ".button-main")
    expect(page.get_by_role("button", name="Check this spot")).to_be_focused()
    keyboard.press("Enter")
    expect_signs(page)


@ON_EACH_SCREEN
def test_the_shipped_model_answers_a_rendered_lesion(
    open_page: PageOpener, real_site: str, viewport: str
) -> None:
    page = open_page(viewport)
    page.goto(real_site)
    page.locator("#photo").set_input_files(file(render_lesion_jpeg(5)))
    page.get_by_role("button", name="Check this spot").click()
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text(re.compile("|".join(VERDICTS.values())))
    expect(page.locator(".confidence dd")).to_have_text(re.compile(r"^\d{1,3}\.\d\d%$"))
    expect(page.locator(".diagnoses li")).to_have_count(7)
