"""What says where a photo is brighter on an HDR screen changes nothing of the photo.

Chromium shows no HEIC; what it shows of JPEG and AVIF is in ``tests/browser/test_pixels.py``.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest

from tests.gain_maps import tone_mapped, with_apples
from tests.rendered import render_lesion, to_bytes
from webapp.photo.coded_items import places_of
from webapp.photo.imaging import decode
from webapp.photo.iso import Meta

PICTURE: Final = render_lesion(3, 240, 160)
OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "HEIF": {"quality": 95, "chroma": 444},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
}
KINDS: Final[dict[str, tuple[str, Callable[[], bytes]]]] = {
    **{
        f"{name}, derived picture, preferred {preferred}": (
            name,
            lambda name=name, preferred=preferred: tone_mapped(
                PICTURE, name, is_preferred=preferred, **OPTIONS[name]
            ),
        )
        for name in OPTIONS
        for preferred in (False, True)
    },
    "HEIC of an iPhone": ("HEIF", lambda: with_apples(PICTURE, **OPTIONS["HEIF"])),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_gain_map_changes_nothing(kind: str) -> None:
    file_format, make = KINDS[kind]
    photo, base = decode(make()), decode(to_bytes(PICTURE, file_format, **OPTIONS[file_format]))
    assert photo.format == file_format and photo.size == PICTURE.size and photo.part is None
    assert photo.image.tobytes() == base.image.tobytes()
    off = np.asarray(photo.image, float) - np.asarray(PICTURE, float)
    assert np.abs(off).mean() < 2


@pytest.mark.parametrize("kind", KINDS)
def test_damage_of_a_gain_map_is_none_of_the_photo(kind: str) -> None:
    data = KINDS[kind][1]()
    ((begin, end),) = places_of(Meta.of(data))[2]
    blank = data[:begin] + bytes(end - begin) + data[end:]
    assert decode(blank).image.tobytes() == decode(data).image.tobytes()
