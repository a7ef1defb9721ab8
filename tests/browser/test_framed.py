"""What was in the frame is what is judged: photos that browsers and decoders read differently, sent through
a real Chromium. The pixels that it shows are held against the pixels that the network would see."""

import base64
import io
import re
import struct
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

import numpy as np
import pytest
from PIL import Image, ImageCms
from playwright.sync_api import Page, expect

from tests.browser.conftest import PageOpener, Site, cropper, sent_photo
from tests.hazards import claiming, mpo, png_of
from tests.rendered import render_lesion, to_bytes
from webapp.photo.imaging import model_input

pytestmark = pytest.mark.browser

SIDE: Final = 160  # pixels of the network's input


@cache
def two_spots() -> Image.Image:
    """A dark spot on the left, a pale one on the right and a blue mark in a corner: no way of turning it
    brings it back to itself."""
    picture = Image.new("RGB", (1200, 600), (214, 158, 128))
    for seed, tone, place in ((5, "brown", (96, 60)), (8, "pale", (700, 60))):
        picture.paste(render_lesion(seed, 240, 240, skin_tone=tone).resize((480, 480)), place)
    picture.paste("blue", (0, 0, 90, 60))
    return picture


def xmp(orientation: int) -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
        f'tiff:Orientation="{orientation}"/></rdf:RDF></x:xmpmeta>'
    ).encode()


def exif_of(kind: int, count: int, value: bytes, order: str = "<", tag: int = 0x0112) -> bytes:
    """EXIF with one entry, whose type and count are as odd as wanted."""
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8)
    entry = struct.pack(f"{order}HHHI", 1, tag, kind, count) + value.ljust(4, b"\0")
    return b"Exif\0\0" + head + entry + struct.pack(f"{order}I", 0)


def jpeg(**options: object) -> bytes:
    return to_bytes(two_spots(), "JPEG", quality=92, **options)


def exif_in_second_directory(orientation: int) -> bytes:
    """The first directory is empty: only that of the thumbnail says which way is up."""
    tiff = b"II*\0" + struct.pack("<IHI", 8, 0, 14)
    return b"Exif\0\0" + tiff + struct.pack("<HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)


def with_exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def wide_gamut() -> bytes:
    """A profile with its colours swapped: whoever ignores it sees another picture."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    return bytes(profile).replace(b"rXYZ", b"tXYZ").replace(b"bXYZ", b"rXYZ").replace(b"tXYZ", b"bXYZ")


def sixteen_bits() -> bytes:
    grey = np.asarray(two_spots().convert("L"), np.uint16) * 257
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in grey)
    return png_of(1200, 600, 0, 16, rows)


def see_through() -> bytes:
    picture = two_spots().convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    return to_bytes(picture, "PNG")


def density() -> bytes:
    """EXIF that claims half the size at half the density, by which some browsers lay a picture out."""
    exif = Image.Exif()
    exif[0x011A] = exif[0x011B] = 36.0
    exif[0x0128] = 2
    exif.get_ifd(0x8769).update({0xA002: 600, 0xA003: 300})
    return jpeg(exif=exif)


PHOTOS: Final[Mapping[str, Callable[[], bytes]]] = {
    "plain": jpeg,
    **{f"XMP {number}": (lambda number=number: jpeg(xmp=xmp(number))) for number in (3, 6, 2)},
    **{f"EXIF {number}": (lambda number=number: jpeg(exif=with_exif(number))) for number in range(1, 9)},
    "EXIF and XMP differ": lambda: jpeg(exif=with_exif(6), xmp=xmp(3)),
    "EXIF 0": lambda: jpeg(exif=with_exif(0)),
    "EXIF 9": lambda: jpeg(exif=with_exif(9)),
    "EXIF long": lambda: jpeg(exif=exif_of(4, 1, struct.pack("<I", 3))),
    "EXIF byte": lambda: jpeg(exif=exif_of(1, 1, b"\3")),
    "EXIF signed": lambda: jpeg(exif=exif_of(8, 1, struct.pack("<h", 3))),
    "EXIF text": lambda: jpeg(exif=exif_of(2, 2, b"3")),
    "EXIF two values": lambda: jpeg(exif=exif_of(3, 2, struct.pack("<HH", 3, 1))),
    "EXIF big endian": lambda: jpeg(exif=exif_of(3, 1, struct.pack(">H", 3), ">")),
    "EXIF of the thumbnail": lambda: jpeg(exif=exif_in_second_directory(3)),
    "density": density,
    "profile": lambda: jpeg(icc_profile=wide_gamut()),
    "PNG profile": lambda: to_bytes(two_spots(), "PNG", icc_profile=wide_gamut()),
    "CMYK": lambda: to_bytes(two_spots().convert("CMYK"), "JPEG", quality=92),
    "grey": lambda: to_bytes(two_spots().convert("L"), "JPEG", quality=92),
    "16 bits": sixteen_bits,
    "palette": lambda: to_bytes(two_spots().quantize(64), "PNG"),
    "see-through": see_through,
    "PNG EXIF": lambda: to_bytes(two_spots(), "PNG", exif=with_exif(3)),
    "WebP EXIF": lambda: to_bytes(two_spots(), "WEBP", quality=95, exif=with_exif(3)),
    "AVIF turned": lambda: to_bytes(two_spots(), "AVIF", quality=90, exif=with_exif(6)),
    "AVIF mirrored": lambda: to_bytes(two_spots(), "AVIF", quality=90, exif=with_exif(2)),
    "several pictures": lambda: mpo(two_spots()),
    "animation": lambda: to_bytes(
        two_spots(), "WEBP", save_all=True, append_images=[two_spots().rotate(180)], duration=100
    ),
    "large": lambda: to_bytes(two_spots().resize((4800, 2400)), "JPEG", quality=92, exif=with_exif(3)),
}

AS_SHOWN: Final = """async ([encoded, kind]) => {
  const image = new Image();
  image.src = `data:${kind};base64,${encoded}`;
  await image.decode();
  const form = document.querySelector("[data-photo-form]");
  const data = new FormData(form);
  const [left, upper, right, lower] = data.get("box").split(",").map(Number);
  const [width, height] = data.get("drawn").split("x").map(Number);
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0, width, height);
  const part = context.getImageData(left, upper, Math.round(right - left), Math.round(lower - upper));
  canvas.width = part.width;
  canvas.height = part.height;
  context.putImageData(part, 0, 0);
  const answer = await fetch(form.action, { method: "POST", body: data });
  return [answer.status, canvas.toDataURL("image/png").split(",")[1]];
}"""


def kind_of(content: bytes) -> str:
    starts = {b"\xff\xd8": "jpeg", b"\x89P": "png", b"RI": "webp", b"\0\0": "avif"}
    return f"image/{starts[content[:2]]}"


def choose(page: Page, content: bytes) -> None:
    """Chooses a photo and frames a part of it away from the middle, with the buttons."""
    page.locator("#photo").set_input_files({"name": "spot", "mimeType": kind_of(content), "buffer": content})
    cropper(page)
    keys = ["+", "+", *["ArrowRight"] * 8, *["ArrowDown"] * 3]  # which move the photo, below the frame
    page.evaluate(
        "(keys) => keys.forEach((key) => document.querySelector(`[data-key='${key}']`).click())", keys
    )


def difference(page: Page, site: Site, content: bytes) -> float:
    """Sends a photo with its frame. Returns how far what Chromium shows in the frame is from what the network
    sees, on average of all pixels and channels, of 255."""
    choose(page, content)
    status, framed = page.evaluate(AS_SHOWN, [base64.b64encode(content).decode(), kind_of(content)])
    assert status == 200
    image, box = site.predictor.seen
    with Image.open(io.BytesIO(base64.b64decode(framed))) as shown:
        seen = model_input(shown.convert("RGB"), SIDE, (0, 0, *shown.size))
    return float(np.abs(seen.astype(np.float32) - model_input(image, SIDE, box)).mean())


def test_what_was_framed_is_what_is_judged(open_page: PageOpener, site: Site) -> None:
    """In one page, one photo after the other: a page of its own for each takes ten times as long."""
    page = open_page("desktop")
    page.goto(site.url)
    differences = {name: difference(page, site, make()) for name, make in PHOTOS.items()}
    assert {name: far for name, far in differences.items() if far > 2} == {}


def test_what_the_frame_shows_on_the_screen_is_what_is_judged(open_page: PageOpener, site: Site) -> None:
    page = open_page("desktop")
    page.goto(site.url)
    choose(page, PHOTOS["XMP 3"]())
    page.locator(".crop-frame").scroll_into_view_if_needed()
    place = page.locator(".crop-box").bounding_box()
    assert place is not None
    inset = 0.1 * place["width"]  # the frame's own line
    inner = {"x": place["x"] + inset, "y": place["y"] + inset}
    inner |= {side: place[side] - 2 * inset for side in ("width", "height")}
    shot = Image.open(io.BytesIO(page.screenshot(clip=inner))).convert("RGB")
    page.locator(".button-main").click()
    expect(page.locator(".outcome")).to_be_visible()
    image, box = site.predictor.seen
    assert box is not None
    inset = 0.1 * (box[2] - box[0])
    seen = image.resize(shot.size, box=(box[0] + inset, box[1] + inset, box[2] - inset, box[3] - inset))
    assert np.abs(np.asarray(seen, np.float32) - np.asarray(shot, np.float32)).mean() < 6, "of 255"


def test_a_browser_that_hides_what_it_draws_sends_the_file_and_no_frame(
    open_page: PageOpener, site: Site
) -> None:
    """Noise instead of the photo would be judged otherwise."""
    page = open_page()
    page.add_init_script(
        """const read = CanvasRenderingContext2D.prototype.getImageData;
        CanvasRenderingContext2D.prototype.getImageData = function (...part) {
          const pixels = read.apply(this, part);
          crypto.getRandomValues(pixels.data);
          return pixels;
        };"""
    )
    content = jpeg()
    page.goto(site.url)
    page.locator("#photo").set_input_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": content})
    expect(page.get_by_role("img", name="Preview of your photo")).to_be_visible()
    page.wait_for_timeout(300)
    expect(page.locator(".crop")).to_have_count(0)
    assert sent_photo(page)[2] == content
    page.locator(".button-main").click()
    expect(page.locator(".outcome")).to_be_visible()
    assert site.predictor.seen[1] is None


def test_a_frame_in_another_picture_than_the_one_sent_is_refused(open_page: PageOpener, site: Site) -> None:
    """As when something between the page and the server exchanges the photo for a smaller one."""
    page = open_page()
    page.goto(site.url)
    choose(page, jpeg())
    page.evaluate(
        """() => document.querySelector("[data-photo-form]").addEventListener("formdata", ({ formData }) => {
          formData.set("drawn", "4032x3024");
        })"""
    )
    page.locator(".button-main").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(re.compile("another way than we read it.*screenshot"))


def test_a_photo_whose_header_lies_is_judged_as_it_was_shown(open_page: PageOpener, site: Site) -> None:
    content = claiming(jpeg(), (1200, 600), (1200, 400))
    page = open_page()
    page.goto(site.url)
    choose(page, content)
    page.locator(".button-main").click()
    expect(page.locator("#report .facts")).to_contain_text("1200 × 400 points")
