"""Crop to the spot, from where the server proposes to start, by mouse, touch, keys and buttons."""

from collections.abc import Sequence

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import ON_EACH_SCREEN, PageOpener, Site, cropper, file, sent_photo
from tests.rendered import render_lesion, to_bytes

pytestmark = pytest.mark.browser

MIDDLE = (75.0, 0.0, 525.0, 450.0)  # of the photo of 600 × 450 pixels
PROPOSED = (100.0, 50.0, 300.0, 250.0)


def propose(page: Page, box: Sequence[float]) -> None:
    """Lets the server propose a box, in pixels of the picture that it is sent."""
    page.route("**/crop", lambda route: route.fulfill(json={"box": list(box)}))


def choose(page: Page, site: Site, photo: bytes) -> Locator:
    """Chooses a photo and waits for its cropper; returns the frame."""
    page.goto(site.url)
    page.locator("#photo").set_input_files(file(photo))
    return cropper(page)


def send(page: Page, site: Site) -> tuple[float, ...] | None:
    """Sends the form; returns the box that the model was asked about."""
    page.locator(".button-main").click()
    expect(page.locator(".outcome")).to_be_visible()
    return site.predictor.seen[1]


def near(box: Sequence[float], by: float = 2) -> object:
    return pytest.approx(tuple(box), abs=by)


def turned(box: Sequence[float], across: float = 0, down: float = 0, zoom: float = 1) -> tuple[float, ...]:
    """Returns where a frame comes to lie in pixels, when the photo was moved and zoomed below it."""
    left, upper, right, lower = box
    x, y, half = (left + right) / 2 - across, (upper + lower) / 2 - down, (right - left) / 2 / zoom
    return x - half, y - half, x + half, y + half


@ON_EACH_SCREEN
def test_it_starts_where_the_server_proposes(
    open_page: PageOpener, site: Site, photo: bytes, viewport: str
) -> None:
    page = open_page(viewport)
    propose(page, PROPOSED)
    choose(page, site, photo)
    assert send(page, site) == near(PROPOSED)
    expect(page.get_by_text("square in the middle of your photo")).to_have_count(0)


def test_the_server_really_proposes(open_page: PageOpener, site: Site, photo: bytes) -> None:
    page = open_page()
    with page.expect_response("**/crop") as answered:
        choose(page, site, photo)
    assert answered.value.json() == {"box": list(MIDDLE)}
    assert send(page, site) == near(MIDDLE)


def test_before_the_button_is_pressed_only_a_small_copy_leaves_and_the_page_says_so(
    open_page: PageOpener, site: Site
) -> None:
    page = open_page()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.goto(site.url)
    hint = page.locator("#photo-hint")
    expect(hint).to_contain_text("As soon as it can show your photo, your browser sends us a small copy.")
    assert sent == []
    page.locator("#photo").set_input_files(file(to_bytes(render_lesion(1, 1600, 1200), "JPEG")))
    cropper(page)
    assert sent == [f"{site.url}/crop"]
    assert site.predictor.seen[0].size == (640, 480)


@pytest.mark.parametrize(
    "trouble",
    ["busy", "slow", *(pytest.param(each, marks=pytest.mark.slow) for each in ("offline", "nonsense"))],
)
def test_without_a_proposal_it_starts_in_the_middle(
    open_page: PageOpener, site: Site, photo: bytes, trouble: str
) -> None:
    page = open_page()
    page.route(
        "**/crop",
        lambda route: {
            "busy": lambda: route.fulfill(status=503, json={"status": 503}),
            "offline": route.abort,
            "slow": lambda: None,
            "nonsense": lambda: route.fulfill(body="<p>"),
        }[trouble](),
    )
    choose(page, site, photo)
    assert send(page, site) == near(MIDDLE)


def test_without_the_cropper_the_form_still_works(open_page: PageOpener, site: Site, photo: bytes) -> None:
    page = open_page()
    page.route("**/cropper.esm.min.js", lambda route: route.abort())
    page.goto(site.url)
    page.locator("#photo").set_input_files(file(photo))
    expect(page.get_by_role("img", name="Preview of your photo")).to_be_visible()
    assert send(page, site) is None


def on_screen(frame: Locator) -> tuple[float, float, float]:
    """Scrolls the frame into view; returns its middle and its width in the page's pixels."""
    frame.scroll_into_view_if_needed()
    around = frame.bounding_box()
    assert around is not None
    return around["x"] + around["width"] / 2, around["y"] + around["height"] / 2, around["width"]


def test_drag(open_page: PageOpener, site: Site, photo: bytes) -> None:
    page = open_page("desktop")
    propose(page, PROPOSED)
    frame = choose(page, site, photo)
    x, y, width = on_screen(frame)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y + 10, steps=4)
    page.mouse.up()
    pixels = 200 / (0.84 * width)  # of the photo, for one of the page
    expect(frame).to_be_focused()  # so that the keys go on from there
    assert send(page, site) == near(turned(PROPOSED, 20 * pixels, 10 * pixels))


def test_pinch(open_page: PageOpener, site: Site, photo: bytes) -> None:
    page = open_page("phone", has_touch=True, is_mobile=True)
    propose(page, PROPOSED)
    frame = choose(page, site, photo)
    x, y, _ = on_screen(frame)
    touch = page.context.new_cdp_session(page)
    for kind, reach in (("touchStart", 40), ("touchMove", 50), ("touchMove", 60), ("touchMove", 80)):
        fingers = [{"x": x - reach, "y": y, "id": 0}, {"x": x + reach, "y": y, "id": 1}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    box = send(page, site)
    assert box is not None
    # The fingers went from 80 to 160 pixels apart: the frame holds half as much, around the same middle.
    assert box == near(turned(PROPOSED, zoom=2), by=8)


def test_turning_the_wheel_scrolls_the_page(open_page: PageOpener, site: Site, photo: bytes) -> None:
    page = open_page("desktop")
    propose(page, PROPOSED)
    frame = choose(page, site, photo)
    frame.hover()
    before = page.evaluate("scrollY")
    page.mouse.wheel(0, 200)
    page.wait_for_function("before => scrollY > before", arg=before)
    assert send(page, site) == near(PROPOSED)


def test_keys(open_page: PageOpener, site: Site, photo: bytes) -> None:
    page = open_page("desktop")
    propose(page, PROPOSED)
    frame = choose(page, site, photo)
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft", "ArrowLeft", "ArrowUp"):
        frame.press(key)
    for key in ("+", "=", "-"):
        frame.press(key)
    scrolled = page.evaluate("scrollY")
    frame.press("ArrowUp")
    assert page.evaluate("scrollY") == scrolled
    # One step is a twentieth of the frame's side.
    assert send(page, site) == near(turned(PROPOSED, -10, 10 - 10 / 1.15, zoom=1.15))


def test_buttons(open_page: PageOpener, site: Site, photo: bytes) -> None:
    page = open_page()
    propose(page, PROPOSED)
    choose(page, site, photo)
    buttons = page.get_by_role("group", name="Move and zoom the photo")
    for name in (
        "To the left",
        "To the left",
        "To the right",
        "Up",
        "Up",
        "Down",
        "Larger",
        "Larger",
        "Smaller",
    ):
        buttons.get_by_role("button", name=name, exact=True).click()
    assert send(page, site) == near(turned(PROPOSED, -10, -10, zoom=1.15))


def test_the_frame_stays_in_the_photo_and_can_be_judged(
    open_page: PageOpener, site: Site, photo: bytes
) -> None:
    page = open_page()
    choose(page, site, photo)
    presses = {"-": 5, "+": 20, "ArrowRight": 200}  # at first it holds the whole height already
    page.evaluate(
        """(presses) => {
          for (const [key, times] of Object.entries(presses)) {
            const button = document.querySelector(`[data-key='${key}']`);
            for (let time = 0; time < times; time += 1) button.click();
          }
        }""",
        presses,
    )
    box = send(page, site)
    assert box is not None
    left, upper, right, lower = box
    assert left == 0 and 64 <= right - left < 66 and (upper + lower) / 2 == pytest.approx(225, abs=1)


def test_a_narrower_window_does_not_move_the_frame(open_page: PageOpener, site: Site, photo: bytes) -> None:
    page = open_page("desktop")
    propose(page, PROPOSED)
    choose(page, site, photo)
    page.set_viewport_size({"width": 320, "height": 640})
    page.wait_for_timeout(100)
    shown = page.locator("cropper-image").bounding_box()
    view = page.locator("cropper-canvas").bounding_box()
    assert shown is not None and view is not None
    assert shown["width"] == pytest.approx(600 * 0.84 * view["width"] / 200, rel=0.02)
    assert send(page, site) == near(PROPOSED)


def test_another_photo_starts_anew(open_page: PageOpener, site: Site, photo: bytes) -> None:
    page = open_page()
    propose(page, PROPOSED)
    frame = choose(page, site, photo)
    frame.press("+")
    page.locator("#photo").set_input_files(file(photo, "other.jpg"))
    expect(page.locator(".preview")).to_be_visible()
    cropper(page)
    expect(page.locator(".crop-frame")).to_have_count(1)
    assert send(page, site) == near(PROPOSED)


def test_the_box_is_in_pixels_of_what_is_sent(open_page: PageOpener, site: Site) -> None:
    """A lying photo of 12 megapixels with a red corner: turned upright and scaled down, it is still there."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees: the lower left corner comes to lie in the upper left
    lying = render_lesion(1, 400, 300).resize((4000, 3000))
    lying.paste("red", (0, 1500, 1500, 3000))
    page = open_page()
    propose(page, (0, 0, 240, 240))  # of 480 × 640 pixels
    choose(page, site, to_bytes(lying, "JPEG", quality=90, exif=exif))
    assert send(page, site) == near((0, 0, 900, 900))
    expect(page.locator("#report .facts")).to_contain_text("1800 × 2400 points")
    image, box = site.predictor.seen
    assert box is not None
    red, green, blue = (
        image.crop(tuple(map(round, box))).resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    )  # type: ignore[arg-type, misc]
    assert red > 240 and green < 15 and blue < 15


def test_what_other_formats_hold_is_sent_as_it_was_shown(open_page: PageOpener, site: Site) -> None:
    page = open_page()
    page.goto(site.url)
    content = to_bytes(render_lesion(1), "PNG")
    page.locator("#photo").set_input_files({"name": "spot.png", "mimeType": "image/png", "buffer": content})
    cropper(page)
    assert sent_photo(page)[1] == "image/jpeg"
    assert send(page, site) == near(MIDDLE)


def test_a_better_photo_can_be_cropped_too(open_page: PageOpener, site: Site, photo: bytes) -> None:
    page = open_page()
    site.answers(0.9, unfamiliarity=99.0)
    choose(page, site, photo)
    send(page, site)
    site.answers(0.9)
    propose(page, PROPOSED)
    page.locator("#photo").set_input_files(file(photo))
    cropper(page)
    assert send(page, site) == near(PROPOSED)
    expect(page.locator(".outcome")).to_have_class("outcome signs")
