"""One table: what Chromium shows of a file is what is judged of it, whatever the file says about itself.

HDR is the exception: Chromium darkens it by how bright a screen can be (``tests/webapp/photo/test_colour.py``
holds it to the ordinary picture instead), and profiles of megabytes are ignored here. HEIC it cannot show.
"""

import base64
import zlib
from collections.abc import Callable
from typing import Final

import numpy as np
import pytest
import simplejpeg
from PIL import Image
from playwright.sync_api import Page

from tests import containers, profiles
from tests.browser.conftest import PageOpener
from tests.containers import in_jpeg, in_png, orientation, with_properties
from tests.gain_maps import tone_mapped
from tests.hazards import motion_photo, mpo, png_chunk, png_of
from tests.missing import leave_out
from tests.rendered import render_lesion, to_bytes
from webapp.photo.imaging import decode, model_input
from webapp.photo.iso import properties, read_av1

pytestmark = pytest.mark.browser

SIDE: Final = 160  # pixels that both are scaled to: a network's input
PICTURE: Final = render_lesion(3, 240, 160)
PIXELS: Final = np.asarray(PICTURE)
GREY: Final = PICTURE.convert("L")
SEE_THROUGH: Final = Image.merge(
    "RGBA", (*PICTURE.split(), GREY.point(lambda value: 255 if value > 120 else 90))
)
EVER_LESS_SEEN: Final = Image.merge(
    "RGBA",
    (*PICTURE.split(), Image.linear_gradient("L").resize(PICTURE.size).point(lambda value: value // 4)),
)


def stored(primaries: profiles.Primaries, gamma: float | None, *white: tuple[float, float]) -> Image.Image:
    values = profiles.stored_as(PIXELS, primaries, gamma, *white)
    return Image.fromarray((values * 255).round().astype(np.uint8))


P3: Final = stored(profiles.DISPLAY_P3, None), profiles.rgb_profile(profiles.DISPLAY_P3)
ADOBE: Final = stored(profiles.ADOBE_RGB, 2.2), profiles.rgb_profile(profiles.ADOBE_RGB, 2.2)
PROPHOTO: Final = (
    stored(profiles.PROPHOTO, 1.8, profiles.D50),
    profiles.rgb_profile(profiles.PROPHOTO, 1.8, profiles.D50),
)


def jpeg(image: Image.Image, *segments: bytes) -> bytes:
    return in_jpeg(to_bytes(image, "JPEG", quality=95, subsampling=0), *segments)


def png(image: Image.Image, *chunks: bytes) -> bytes:
    return in_png(to_bytes(image, "PNG"), *chunks)


def webp(image: Image.Image, **options: object) -> bytes:
    return to_bytes(image, "WEBP", lossless=True, **options)


def avif(image: Image.Image, **options: object) -> bytes:
    return to_bytes(image, "AVIF", quality=95, subsampling="4:4:4", **options)


def icc(profile: bytes) -> list[bytes]:
    return containers.icc_segments(profile)


def exif(content: bytes) -> bytes:
    return containers.jpeg_segment(0xE1, b"Exif\0\0" + content)


def gamma(value: float) -> bytes:
    return png_chunk(b"gAMA", round(value * 100_000).to_bytes(4))


def white_and_primaries(primaries: profiles.Primaries) -> bytes:
    values = [number for pair in (profiles.D65, *primaries) for number in pair]
    return png_chunk(b"cHRM", b"".join(round(value * 100_000).to_bytes(4) for value in values))


def cicp(*values: int) -> bytes:
    return png_chunk(b"cICP", bytes(values))


def clean(*part: int) -> bytes:
    left, upper, right, lower = part
    return containers.cropped(PICTURE.size, (left, upper, right, lower))


def few_greys(bits: int) -> Image.Image:
    """The picture in as many greys as so many bits have, as those numbers."""
    greys = np.asarray(GREY) >> (8 - bits)
    return Image.fromarray(greys * 255).convert("1") if bits == 1 else Image.fromarray(greys)


def seen_through(*values: int) -> bytes:
    return png_chunk(b"tRNS", b"".join(value.to_bytes(2) for value in values))


def deep_rows(image: Image.Image) -> bytes:
    """The picture's samples in 16 bits each, as a PNG has them."""
    rows = (np.asarray(image, np.uint16) * 257).astype(">u2")
    return b"".join(b"\0" + row.tobytes() for row in rows)


def called(data: bytes, name: bytes) -> bytes:
    """A HEIC or AVIF that says first that it is something more general, and the rest behind it."""
    return data[:8] + name + data[12:]


def jpeg_of_rgb() -> bytes:
    return to_bytes(PICTURE, "JPEG", quality=95, subsampling=0, keep_rgb=True)


def without_adobe(data: bytes) -> bytes:
    begin = data.index(b"\xff\xee")
    return data[:begin] + data[begin + 2 + int.from_bytes(data[begin + 2 : begin + 4]) :]


SRGB: Final = png_chunk(b"sRGB", b"\0")
XMP: Final = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="3"/></rdf:RDF>'
    b"</x:xmpmeta>"
)


def gain_map(image: Image.Image) -> bytes:
    """A JPEG of which a second one behind it, tagged as Android's cameras do, says where it is brighter."""
    head = b"http://ns.adobe.com/xap/1.0/\0"
    form = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"%b'
        b"</rdf:RDF></x:xmpmeta>"
    )
    gains = to_bytes(Image.linear_gradient("L").resize((60, 40)), "JPEG")
    gains = in_jpeg(gains, containers.jpeg_segment(0xE1, head + form % b' hdrgm:GainMapMax="3"/>'))
    items = (
        b'<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/>'
        b"</rdf:li>"
        b'<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg"'
        b' Item:Length="%d"/></rdf:li>' % len(gains)
    )
    directory = (
        b' xmlns:Container="http://ns.google.com/photos/1.0/container/"'
        b' xmlns:Item="http://ns.google.com/photos/1.0/container/item/"><Container:Directory><rdf:Seq>'
        b"%b</rdf:Seq></Container:Directory></rdf:Description>" % items
    )
    return jpeg(image, containers.jpeg_segment(0xE1, head + form % directory)) + gains


FILES: Final[dict[str, Callable[[], bytes]]] = {
    **{
        f"{name} in {space}": (lambda make=make, image=image, profile=profile: make(image, profile))
        for space, (image, profile) in {"P3": P3, "Adobe RGB": ADOBE, "ProPhoto": PROPHOTO}.items()
        for name, make in {
            "JPEG": lambda image, profile: jpeg(image, *icc(profile)),
            "PNG": lambda image, profile: png(image, containers.iccp(profile)),
            "WebP": lambda image, profile: webp(image, icc_profile=profile),
            "AVIF": lambda image, profile: avif(image, icc_profile=profile),
        }.items()
    },
    "table profile": lambda: jpeg(ADOBE[0], *icc(profiles.lut_rgb_profile())),
    "grey JPEG, grey profile": lambda: jpeg(GREY, *icc(profiles.grey_profile(1.4))),
    "grey PNG, grey profile": lambda: png(GREY, containers.iccp(profiles.grey_profile(1.4))),
    "colour, grey profile": lambda: png(PICTURE, containers.iccp(profiles.grey_profile(1.4))),
    "grey, colour profile": lambda: jpeg(GREY, *icc(profiles.rgb_profile(profiles.SRGB, 1.4))),
    "CMYK": lambda: jpeg(PICTURE.convert("CMYK")),
    "YCCK": lambda: jpeg(PICTURE.convert("CMYK")).replace(b"Adobe\0d\0\0\0\0\0", b"Adobe\0d\0\0\0\0\2", 1),
    "CMYK, profile": lambda: jpeg(PICTURE.convert("CMYK"), *icc(profiles.cmyk_profile())),
    "colour, printer's profile": lambda: jpeg(PICTURE, *icc(profiles.cmyk_profile())),
    "profile of no photo": lambda: jpeg(PICTURE, *icc(profiles.lab_profile())),
    "profile cut off": lambda: jpeg(P3[0], *icc(P3[1][:-10])),
    "profile with numbers": lambda: jpeg(P3[0], *icc(profiles.cicp_profile(profiles.BT2020, 13, code=12))),
    "16 bits in P3": lambda: in_png(png_of(240, 160, 2, 16, deep_rows(P3[0])), containers.iccp(P3[1])),
    "gamma .7": lambda: png(PICTURE, gamma(0.7)),
    "gamma 1/2.2": lambda: png(PICTURE, gamma(0.45455)),
    "gamma 1": lambda: png(PICTURE, gamma(1)),
    "primaries alone": lambda: png(ADOBE[0], white_and_primaries(profiles.ADOBE_RGB)),
    "gamma and primaries": lambda: png(ADOBE[0], gamma(1 / 2.2), white_and_primaries(profiles.ADOBE_RGB)),
    "sRGB and gamma": lambda: png(PICTURE, SRGB, gamma(0.7)),
    "sRGB and profile": lambda: png(ADOBE[0], SRGB, containers.iccp(ADOBE[1])),
    "numbers and profile": lambda: png(P3[0], cicp(12, 13, 0, 1), containers.iccp(ADOBE[1])),
    "numbers, narrow": lambda: png(P3[0], cicp(12, 13, 0, 0)),
    "numbers, unknown": lambda: png(P3[0], cicp(2, 2, 0, 1)),
    **{
        f"numbers, transfer {code}": (lambda code=code: png(PICTURE, cicp(1, code, 0, 1)))
        for code in (1, 4, 5, 6, 7, 8, 11, 13, 14, 15, 17)
    },
    **{
        f"numbers, primaries {code}": (lambda code=code: png(PICTURE, cicp(code, 13, 0, 1)))
        for code in (1, 4, 5, 6, 7, 8, 9, 11, 12, 22)
    },
    **{
        f"AVIF, numbers {codes}": (
            lambda codes=codes: with_properties(avif(P3[0]), containers.nclx(*codes), without=[b"colr"])
        )
        for codes in ((12, 13), (9, 14), (1, 1), (2, 2))
    },
    **{
        f"EXIF type {kind}": (lambda kind=kind: jpeg(PICTURE, exif(orientation(6, kind))))
        for kind in (1, 3, 4, 8)
    },
    **{f"EXIF {value}": (lambda value=value: jpeg(PICTURE, exif(orientation(value)))) for value in range(10)},
    "EXIF, other order": lambda: jpeg(PICTURE, exif(orientation(6, order=">"))),
    "EXIF, two of one": lambda: jpeg(PICTURE, exif(orientation(6, 3, 2))),
    "EXIF twice": lambda: jpeg(PICTURE, exif(orientation(6)), exif(orientation(3))),
    "EXIF twice, first plain": lambda: jpeg(PICTURE, exif(orientation(1)), exif(orientation(6))),
    "EXIF twice, first broken": lambda: jpeg(PICTURE, exif(b"garbage"), exif(orientation(6))),
    "EXIF with EXIF": lambda: jpeg(PICTURE, exif(b"Exif\0\0" + orientation(6))),
    "EXIF at the end": lambda: jpeg(PICTURE)[:-2] + exif(orientation(6)) + b"\xff\xd9",
    "XMP": lambda: jpeg(PICTURE, containers.jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP)),
    "XMP in WebP": lambda: webp(PICTURE, xmp=XMP),
    "EXIF in PNG": lambda: png(PICTURE, png_chunk(b"eXIf", orientation(6))),
    "EXIF in PNG twice": lambda: png(PICTURE, *(png_chunk(b"eXIf", orientation(v)) for v in (6, 3))),
    "EXIF behind PNG": lambda: containers.behind_png(png(PICTURE), png_chunk(b"eXIf", orientation(6))),
    "EXIF in WebP": lambda: webp(PICTURE, exif=orientation(6)),
    "EXIF in AVIF alone": lambda: with_properties(
        avif(PICTURE, exif=orientation(6)), without=[b"irot", b"imir"]
    ),
    **{
        f"AVIF turned {quarters}, mirrored {axis}": (
            lambda quarters=quarters, axis=axis: with_properties(
                avif(PICTURE),
                containers.turned(quarters),
                *([] if axis is None else [containers.mirrored(axis)]),
            )
        )
        for quarters in range(4)
        for axis in (None, 0, 1)
    },
    "AVIF cropped": lambda: with_properties(avif(PICTURE), clean(40, 20, 140, 120)),
    "AVIF cropped at the corner": lambda: with_properties(avif(PICTURE), clean(0, 0, 140, 120)),
    "AVIF cropped and turned": lambda: with_properties(
        avif(PICTURE), clean(0, 0, 140, 100), containers.turned(1)
    ),
    "palette, one see-through": lambda: to_bytes(PICTURE.convert("P"), "PNG", transparency=3),
    "see-through PNG": lambda: png(SEE_THROUGH),
    "see-through PNG in P3": lambda: png(
        Image.merge("RGBA", (*P3[0].split(), SEE_THROUGH.getchannel("A"))), containers.iccp(P3[1])
    ),
    "see-through WebP": lambda: webp(SEE_THROUGH, exact=True),
    "grey and alpha": lambda: png(Image.merge("LA", (GREY, GREY))),
    "1 bit": lambda: png(PICTURE.convert("1")),
    "2 bits": lambda: png_of(240, 160, 0, 2, (b"\0" + b"\x1b" * 60) * 160),
    **{
        f"grey of {bits} bits, one see-through": (
            lambda bits=bits: in_png(to_bytes(few_greys(bits), "PNG", bits=bits), seen_through(1))
        )
        for bits in (1, 2, 4, 8)
    },
    "16 bits of grey, one see-through": lambda: png(
        Image.fromarray(np.asarray(GREY, np.uint16) * 257), seen_through(int(GREY.getpixel((9, 9))) * 257)
    ),
    "16 bits, one see-through": lambda: in_png(
        png_of(240, 160, 2, 16, deep_rows(P3[0])),
        seen_through(*(value * 257 for value in P3[0].getpixel((9, 9)))),
    ),
    "16 bits and alpha": lambda: png_of(240, 160, 6, 16, deep_rows(SEE_THROUGH)),
    "16 bits of grey and alpha": lambda: png_of(240, 160, 4, 16, deep_rows(Image.merge("LA", (GREY, GREY)))),
    "16 bits of grey, grey profile": lambda: in_png(
        png_of(240, 160, 0, 16, deep_rows(GREY)), containers.iccp(profiles.grey_profile(1.4))
    ),
    **{
        f"palette of {bits} bits in P3": (
            lambda bits=bits: png(P3[0].quantize(2**bits), containers.iccp(P3[1]))
        )
        for bits in (1, 2, 4, 8)
    },
    "palette, many see-through": lambda: to_bytes(
        PICTURE.convert("P"), "PNG", transparency=bytes(range(256))
    ),
    "see-through WebP, compressed": lambda: to_bytes(SEE_THROUGH, "WEBP", quality=95),
    **{
        f"AVIF of {samples}": (
            lambda samples=samples: to_bytes(PICTURE, "AVIF", quality=95, subsampling=samples)
        )
        for samples in ("4:0:0", "4:2:0", "4:2:2")
    },
    "AVIF of narrow range": lambda: avif(PICTURE, range="limited"),
    "see-through AVIF": lambda: avif(SEE_THROUGH),
    "see-through AVIF in P3": lambda: avif(
        Image.merge("RGBA", (*P3[0].split(), SEE_THROUGH.getchannel("A"))), icc_profile=P3[1]
    ),
    "AVIF seen through ever less": lambda: avif(EVER_LESS_SEEN),
    "AVIF seen through ever less, its alpha of narrow range": lambda: containers.narrow_alpha(
        avif(EVER_LESS_SEEN)
    ),
    "see-through AVIF, multiplied": lambda: avif(SEE_THROUGH, alpha_premultiplied=True),
    **{
        f"AVIF called {name!r}": (lambda name=name: called(avif(PICTURE), name))
        for name in (b"mif1", b"miaf")
    },
    **{
        f"JPEG of {samples}": (lambda samples=samples: simplejpeg.encode_jpeg(PIXELS, 95, "RGB", samples))
        for samples in ("411", "420", "422", "440")
    },
    "JPEG of RGB": lambda: jpeg_of_rgb(),
    "JPEG of RGB, told by its channels' names": lambda: without_adobe(jpeg_of_rgb()),
    "progressive JPEG": lambda: to_bytes(PICTURE, "JPEG", quality=95, progressive=True),
    "JPEG that can be restarted": lambda: to_bytes(PICTURE, "JPEG", quality=95, restart_marker_blocks=5),
    "empty gamma": lambda: png(PICTURE, png_chunk(b"gAMA")),
    "gamma with a wrong checksum": lambda: png(PICTURE, gamma(1)[:-1] + b"?"),
    "text that grows": lambda: png(PICTURE, png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(9_000_000)))),
    "junk in a JPEG's head": lambda: jpeg(PICTURE)[:20] + b"\0\1\2\3" + jpeg(PICTURE)[20:],
    "JPEG with a broken profile": lambda: jpeg(PICTURE, containers.jpeg_segment(0xE2, b"ICC_PROFILE\0\7\3")),
    "16 bits of grey": lambda: png(Image.fromarray(np.asarray(GREY, np.uint16) * 257)),
    "several pictures": lambda: mpo(PICTURE),
    "gain map": lambda: gain_map(PICTURE),
    **{
        f"AVIF, gain map, preferred {preferred}": (
            lambda preferred=preferred: tone_mapped(
                PICTURE, "AVIF", is_preferred=preferred, quality=95, subsampling="4:4:4"
            )
        )
        for preferred in (False, True)
    },
    "motion photo": lambda: motion_photo(PICTURE),
}

SHOW: Final = """
async (data) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const photo = await createImageBitmap(new Blob([bytes]));
  const canvas = document.createElement("canvas");
  canvas.width = photo.width;
  canvas.height = photo.height;
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(photo, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
  let letters = "";
  for (let at = 0; at < pixels.length; at += 32768) {
    letters += String.fromCharCode(...pixels.subarray(at, at + 32768));
  }
  return [canvas.width, canvas.height, btoa(letters)];
}
"""


def shown(page: Page, data: bytes) -> Image.Image:
    width, height, pixels = page.evaluate(SHOW, base64.b64encode(data).decode())
    return Image.frombytes("RGBA", (width, height), base64.b64decode(pixels)).convert("RGB")


def differences(page: Page, files: dict[str, Callable[[], bytes]]) -> dict[str, str]:
    """Returns of which files something else is judged than shown, and how far that is off."""
    page.goto("about:blank")
    wrong = {}
    for name, make in files.items():
        data = make()
        seen, judged = shown(page, data), decode(data)
        if seen.size != judged.size:
            wrong[name] = f"{seen.size} is shown, {judged.size} is judged"
            continue
        pair = [model_input(image, SIDE).astype(float) for image in (seen, judged.image)]
        difference = np.abs(pair[0] - pair[1]).mean()
        if difference > 2:
            wrong[name] = f"{difference:.1f} of 255"
    return wrong


def test_what_chromium_shows_is_what_is_judged(open_page: PageOpener) -> None:
    assert differences(open_page(), FILES) == {}


def deep_avif(bits: int) -> bytes:
    """An AVIF of 10 or 12 bits, which Pillow does not write."""
    try:
        import cv2
    except ImportError:
        leave_out("needs OpenCV, which comes with requirements-train.txt")
    values = (PIXELS[..., ::-1] * ((2**bits - 1) / 255)).round().astype(np.uint16)
    options = [cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 95, cv2.IMWRITE_AVIF_SPEED, 9]
    return bytes(cv2.imencode(".avif", values, options)[1])


def test_so_it_is_of_avif_of_more_than_8_bits(open_page: PageOpener) -> None:
    files: dict[str, Callable[[], bytes]] = {"10": lambda: deep_avif(10), "12": lambda: deep_avif(12)}
    for bits, make in files.items():
        assert read_av1(properties(make())).bits == int(bits)
    assert differences(open_page(), files) == {}
