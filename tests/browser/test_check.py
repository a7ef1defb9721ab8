"""The look at a photo before it is sent, and the live view."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image, ImageFilter
from playwright.sync_api import Page, expect

from tests.browser.conftest import PageOpener, Site, cropper, file
from tests.rendered import render_lesion, to_bytes
from webapp.answer.assessment import MAX_ASPECT, MIN_SIDE, find_reasons
from webapp.model.bundle import BUNDLE_FOLDER, load_bundle
from webapp.model.predictor import Prediction
from webapp.photo.imaging import Box, decode, model_input
from webapp.photo.quality import measure_quality

pytestmark = pytest.mark.browser

BRIGHT = (300, 200, 600, 500)


def spot() -> Image.Image:
    return render_lesion(3, 900, 700)


def glaring() -> Image.Image:
    photo = spot()
    photo.paste((255, 255, 255), BRIGHT)
    return photo


def strip() -> Image.Image:
    photo = Image.new("RGB", (2400, 420), (200, 150, 130))
    photo.paste(spot(), (0, -140))
    return photo


MADE: dict[str, tuple[Callable[[], Image.Image], Box | None]] = {
    "sharp": (spot, None),
    "framed": (spot, (211.4, 120.2, 611.4, 520.2)),
    "in a corner": (spot, (0.0, 0.0, 130.5, 130.5)),
    "large": (lambda: spot().resize((2400, 1867), Image.Resampling.BICUBIC), None),
    "blurred": (lambda: spot().filter(ImageFilter.GaussianBlur(24)), None),
    "a little soft": (lambda: spot().filter(ImageFilter.GaussianBlur(3)), None),
    "dark": (lambda: spot().point(lambda value: value * 0.12), None),
    "dim": (lambda: spot().point(lambda value: value * 0.6), None),
    "glare": (glaring, (275.0, 175.0, 625.0, 525.0)),
    "small": (lambda: spot().resize((77, 60)), None),
    "narrow": (lambda: spot().resize((900, 150)), None),
    "framed in a strip": (strip, (240.0, 10.0, 640.0, 410.0)),
}
LOOK = """async ([encoded, width, height, box, limits]) => {
  const { inspect, measurePart, centreSquare } = await import("/static/js/check.js");
  const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
  const file = new File([bytes], "photo.jpg", { type: "image/jpeg" });
  const found = await inspect({ file, width, height, box }, limits);
  const part = box ?? centreSquare(width, height);
  return [found, await measurePart(file, [width, height], part, Number(limits.size))];
}"""


def test_script_and_server_see_the_same(open_page: PageOpener, site: Site) -> None:
    """On made photos of every kind, with the limits of the model that is shipped."""
    contract = load_bundle(BUNDLE_FOLDER).contract
    gate = contract.gate
    limits: dict[str, Any] = {
        "size": str(contract.input.size),
        "minSide": str(MIN_SIDE),
        "maxAspect": str(MAX_ASPECT),
        "sharpness": str(gate.sharpness),
        "brightness": str(gate.brightness),
        "glare": str(gate.glare),
    }
    page = open_page()
    page.goto(site.url)
    faults: dict[str, list[str]] = {}
    for name, (make, box) in MADE.items():
        image = make()
        jpeg = to_bytes(image, "JPEG", quality=95, subsampling=0)
        sent = [base64.b64encode(jpeg).decode(), *image.size, box and list(box), limits]
        found, seen = page.evaluate(LOOK, sent)
        photo = decode(jpeg, box=box)
        quality = measure_quality(model_input(photo.image, contract.input.size, photo.on_image(box)))
        side = min(image.size) if box is None else box[2] - box[0]
        whole = photo.size if box is None else (box[2] - box[0], box[3] - box[1])
        reasons = find_reasons(whole, side, Prediction(0.5, quality=quality), gate)
        assert seen["sharpness"] == pytest.approx(quality.sharpness, rel=0.06, abs=0.1), name
        assert seen["brightness"] == pytest.approx(quality.brightness, abs=1.5), name
        assert seen["glare"] == pytest.approx(quality.glare, abs=0.01), name
        assert found == [str(reason) for reason in reasons], name
        faults[name] = found
    assert faults["sharp"] == faults["framed"] == faults["large"] == faults["framed in a strip"] == []
    seen_faults = {fault for found in faults.values() for fault in found}
    assert seen_faults >= {"too_small", "too_narrow", "too_dark", "blurred", "glare"}


def choose(page: Page, site: Site, image: Image.Image) -> None:
    page.goto(site.url)
    page.locator("#photo").set_input_files(file(to_bytes(image, "JPEG", quality=95)))
    cropper(page)


def test_a_good_photo_is_called_so(open_page: PageOpener, site: Site) -> None:
    page = open_page()
    choose(page, site, spot())
    expect(page.get_by_text("Sharp, bright, large enough.")).to_be_visible()
    expect(page.get_by_role("button", name="Send it all the same")).to_have_count(0)


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        ("dark", "This is too dark: go to a window."),
        ("blurred", "This is blurred: hold still, tap on the spot."),
    ],
)
def test_a_bad_photo_is_said_so_at_once_and_can_be_sent(
    open_page: PageOpener, site: Site, made: str, sentence: str
) -> None:
    page = open_page()
    image = MADE[made][0]() if made == "dark" else Image.new("RGB", (600, 450), (200, 150, 130))
    choose(page, site, image)
    expect(page.locator("[data-photo-check]")).to_contain_text(sentence)
    with page.expect_file_chooser():
        page.get_by_role("button", name="Take another").click()
    page.get_by_role("button", name="Send it all the same").click()
    expect(page.locator(".outcome")).to_be_visible()


def test_moving_the_frame_looks_again(open_page: PageOpener, site: Site) -> None:
    page = open_page("desktop")
    page.route("**/crop", lambda route: route.fulfill(json={"box": [300, 200, 600, 500]}))
    photo = spot()
    photo.paste((255, 255, 255), (0, 0, 260, 260))
    choose(page, site, photo)
    expect(page.get_by_text("Sharp, bright, large enough.")).to_be_visible()
    frame = page.locator(".crop-frame")
    for _ in range(20):
        frame.press("ArrowRight")  # the photo moves, so that the frame comes to its upper left
        frame.press("ArrowDown")
    expect(page.locator("[data-photo-check]")).to_contain_text("Light covers the spot:")


def test_the_live_view_takes_a_photo_when_it_is_sharp(open_page: PageOpener, site: Site) -> None:
    """The made camera shows a blur for some seconds, then a sharp spot."""
    page = open_page(permissions=["camera"])
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.goto(site.url)
    page.get_by_role("button", name="Use a live view").click()
    dialog = page.get_by_role("dialog", name="Fill the ring with the spot")
    expect(dialog.locator(".live-ring")).to_be_visible()
    expect(dialog).to_contain_text("Nothing is sent before that.")
    assert sent == [], "it looks at the camera's pictures by itself"
    expect(dialog).to_be_hidden(timeout=30_000)
    cropper(page)
    assert sent == [f"{site.url}/crop"]
    assert page.evaluate("document.querySelector('video').srcObject") is None
    expect(page.get_by_text("Sharp, bright, large enough.")).to_be_visible()
    page.locator(".button-main").click()
    expect(page.locator(".outcome")).to_be_visible()


def test_the_live_view_asks_only_when_it_is_wanted_and_takes_no_for_an_answer(
    open_page: PageOpener, site: Site
) -> None:
    page = open_page()
    page.add_init_script(
        """const real = navigator.mediaDevices;
        real.getUserMedia = async () => {
          document.documentElement.dataset.asked = "yes";
          throw new DOMException("", "NotAllowedError");
        };"""
    )
    page.goto(site.url)
    button = page.get_by_role("button", name="Use a live view")
    expect(button).to_be_visible()
    expect(page.locator("html")).not_to_have_attribute("data-asked", "yes")
    button.press("Enter")
    expect(page.get_by_text("The camera is not allowed here.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(button).to_be_focused()
