"""The pictures of a result: what of the sent file comes back, and whether the heat map shows what counted."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tests.rendered import render_lesion
from webapp.photo.imaging import centre_square
from webapp.photo.overlay import HEAT_MAP_SIDE, SHOWN_SIDE, Picture, heat_map, peak, shown_photo


def opened(picture: Picture) -> Image.Image:
    image = Image.open(io.BytesIO(base64.b64decode(picture.uri.partition("base64,")[2])))
    assert image.size == (picture.width, picture.height)
    return image


def test_a_large_photo_is_scaled_down_in_its_own_aspect() -> None:
    shown = opened(shown_photo(render_lesion(1, 180, 120).resize((1800, 1200))))
    assert shown.format == "JPEG"
    assert shown.size == (SHOWN_SIDE, 597)


def test_a_small_photo_keeps_its_size() -> None:
    assert opened(shown_photo(render_lesion(1, 60, 45))).size == (60, 45)


def test_a_crop_shows_the_part_that_the_network_sees() -> None:
    image = Image.new("RGB", (600, 200), "blue")
    image.paste("red", (200, 0, 400, 200))
    shown = opened(shown_photo(image, centre_square(*image.size)))
    assert shown.size == (200, 200)
    assert shown.getpixel((2, 100))[0] > 240  # type: ignore[index]


def test_nothing_but_pixels_comes_along() -> None:
    image = render_lesion(1)
    image.info["comment"] = b"where I live"
    image.getexif()[0x010E] = "where I live"
    shown = opened(shown_photo(image))
    assert not shown.getexif()
    assert "comment" not in shown.info


def test_the_heat_map_is_clear_where_nothing_counted_and_yellow_where_most_did() -> None:
    activation_map = np.zeros((6, 6), np.float32)
    activation_map[1, 4] = 1
    pixels = np.asarray(opened(heat_map(activation_map)).convert("RGBA")).astype(int)
    assert pixels[-20, 20, 3] == 0
    red, green, blue, opacity = pixels[HEAT_MAP_SIDE * 3 // 12, HEAT_MAP_SIDE * 9 // 12]
    assert red > 200 and green > 200 and blue < 80
    assert opacity > 180


def test_brightness_rises_with_what_counted() -> None:
    ramp = np.tile(np.linspace(0, 1, 16, dtype=np.float32), (16, 1))
    grey = np.asarray(opened(heat_map(ramp)).convert("RGBA").convert("L")).astype(int)
    across = grey[HEAT_MAP_SIDE // 2, :: HEAT_MAP_SIDE // 16]
    assert (np.diff(across) >= 0).all()


@pytest.mark.parametrize(
    ("cell", "ninth"),
    [((0, 0), (0, 0)), ((1, 4), (0, 2)), ((3, 3), (1, 1)), ((5, 2), (2, 1)), ((3, 5), (1, 2))],
)
def test_the_peak_is_found_in_its_ninth(cell: tuple[int, int], ninth: tuple[int, int]) -> None:
    activation_map = np.zeros((6, 6), np.float32)
    activation_map[0, 0] = 0.5
    activation_map[cell] = 1
    assert peak(activation_map) == ninth


def test_an_empty_map_has_no_peak() -> None:
    assert peak(np.zeros((6, 6), np.float32)) is None
