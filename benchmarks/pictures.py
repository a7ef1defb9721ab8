"""The pictures that everything is measured with, rendered once into ``build/pictures``."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pillow_heif
from PIL import Image

from tests.rendered import render_lesion
from webapp.photo.limits import MAX_PIXELS

FOLDER: Final = Path(__file__).parents[1] / "build" / "pictures"
SETS: Final = {
    "jpeg-600x450": ("jpg", (600, 450), 4),
    "jpeg-12mp": ("jpg", (4000, 3000), 2),
    "heic-12mp": ("heic", (4000, 3000), 2),
}
OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "jpeg-600x450": {"quality": 90},
    "jpeg-12mp": {"quality": 85},
    # In tiles and of 2 MB, as phones write them: decoding one piece of 6 MB takes twice as long.
    "heic-12mp": {"quality": 70, "tile_size": 512},
}
LARGEST: Final[Mapping[str, int]] = {"png": MAX_PIXELS, "heic": 58_000_000}
"""Pixels that the app takes: of a format whose decoder needs more memory, it takes fewer."""
LARGEST_OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "png": {},
    # In tiles, as phones write them; the quickest preset, because only the number of pixels matters.
    "heic": {"tile_size": 512, "enc_params": {"preset": "ultrafast"}},
}


def picture_sets() -> dict[str, Sequence[bytes]]:
    """Returns each set's files, rendered where they are not there yet."""
    pillow_heif.register_heif_opener()
    FOLDER.mkdir(parents=True, exist_ok=True)
    return {name: [_picture(name, number) for number in range(SETS[name][2])] for name in SETS}


def _picture(name: str, number: int) -> bytes:
    suffix, (width, height), _ = SETS[name]
    options = OPTIONS[name]
    file = FOLDER / f"{name}-{'-'.join(map(str, options.values()))}-{number}.{suffix}"
    if not file.is_file():
        # 12 megapixels are rendered at half their side: as much as lens and noise reduction of a phone
        # leave, and a file of the usual size.
        factor = 2 if width > 1000 else 1
        kind = "phone" if factor == 2 else "dermoscopy"
        small = render_lesion(number, width // factor, height // factor, kind=kind)  # type: ignore[arg-type]
        _write(small.resize((width, height), Image.Resampling.BICUBIC), file, options)
    return file.read_bytes()


def _write(image: Image.Image, file: Path, options: Mapping[str, Any]) -> None:
    """Writes a picture so that it is there as a whole or not at all, even where that is interrupted."""
    unfinished = file.with_stem(f"unfinished-{file.stem}")
    image.save(unfinished, **options)
    unfinished.replace(file)


def largest_picture(suffix: str) -> bytes:
    """Returns one of ``LARGEST``: a square photo of as many pixels as the app takes."""
    pillow_heif.register_heif_opener()
    FOLDER.mkdir(parents=True, exist_ok=True)
    side = math.isqrt(LARGEST[suffix])
    file = FOLDER / f"largest-{side}.{suffix}"
    if not file.is_file():
        # Each pixel many times over: the file stays small, and its decoder needs what any photo needs.
        large = render_lesion(0, side // 16, side // 16).resize((side, side), Image.Resampling.NEAREST)
        _write(large, file, LARGEST_OPTIONS[suffix])
    return file.read_bytes()
