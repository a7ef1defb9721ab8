"""From the bytes of a photo to the pixels that the network sees. The only place where this happens.

The web app, the command line, the API, training, calibration and evaluation all come through
here, so that none of them can see a photo differently from the others.
"""

import io
import threading
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Final

import numpy as np
import pillow_heif
from PIL import ExifTags, Image, ImageFile

from webapp.photo.limits import MAX_PIXELS
from webapp.photo.quality import exposure_gain, measure_brightness
from webapp.photo.structure import is_hostile

pillow_heif.register_heif_opener()
# Pillow only *warns* between one and two times its own limit; decode() checks the size itself.
Image.MAX_IMAGE_PIXELS = None

Box = tuple[float, float, float, float]
"""Left, upper, right and lower edge in pixels of the upright photo."""

Rows = Callable[[int, int], Image.Image]
"""Cuts out the rows from the first number up to the second."""

TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each of EXIF's orientations; from 5 on, a photo lies on its side."""
FORMATS: Final = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF")
MAX_SIDE: Final = 65_535  # pixels, as in JPEG; a PNG of 1 × 64,000,000 takes 1 GB and 7 seconds
STRIP: Final = 256  # rows; a multiple of every factor by which a photo is reduced
KEPT_SIDE: Final = 750
"""Pixels: what the network and the page look at keeps at least this shorter side when a large photo is
scaled down. A phone's 12 megapixels (4032 × 3024 or 4000 × 3000) become a quarter as wide, which moves
answers of 1.2.0 by up to 0.0096; half as wide moves them as far (0.009) and takes twice the time. With
640 it was up to 0.0135."""
LARGE_PIXELS: Final = 4_000_000
_LARGE: Final = threading.Lock()
"""Held while more than that is decoded, at 4 bytes a pixel and more where the format cannot scale down (all
but JPEG): two of 48 megapixels at once take more than the smallest dyno has."""


class PhotoError(Exception):
    """A photo that cannot be read, for a reason that its sender can do something about.

    ``code`` names the reason; what a person reads about it stands with the pages.
    """

    code = "unreadable"


class EmptyFile(PhotoError):
    code = "empty"


class UnsupportedFormat(PhotoError):
    code = "unsupported_format"


class AnimatedImage(PhotoError):
    code = "animated"


class TooManyPixels(PhotoError):
    code = "too_many_pixels"


class DamagedImage(PhotoError):
    code = "damaged"


class BoxOutside(PhotoError):
    code = "box_outside"


@dataclass(frozen=True)
class Photo:
    """A decoded photo: upright, 8-bit RGB, true aspect, without any metadata.

    ``size`` is the width and height in pixels of the photo that was sent. A large one is scaled down
    while it is decoded, so ``image`` may have fewer.
    """

    image: Image.Image
    format: str
    size: tuple[int, int]

    def on_image(self, box: Box | None) -> Box | None:
        """Translates a box in pixels of the photo that was sent into one in pixels of ``image``."""
        if box is None:
            return None
        across, down = self.image.width / self.size[0], self.image.height / self.size[1]
        left, upper, right, lower = box
        return left * across, upper * down, right * across, lower * down


def decode(data: bytes, max_pixels: int = MAX_PIXELS, box: Box | None = None) -> Photo:
    """Decodes a photo and turns it upright.

    Args:
        data: The whole file. What it is, is decided by its content alone. Bytes after the end of
            the image (motion photos) are ignored; of several images (MPO, HEIC) the primary one
            is taken.
        max_pixels: Width times height at most, checked before anything is decoded; neither may be
            above ``MAX_SIDE``.
        box: The part that will be looked at, in pixels of the upright photo; the centre square if
            ``None``. It keeps at least ``KEPT_SIDE`` pixels where it has them.

    Returns:
        The photo in 8-bit RGB.

    Raises:
        PhotoError: One of its subclasses says why the photo cannot be read.
    """
    if not data:
        raise EmptyFile("the file is empty")
    if is_hostile(data):
        raise DamagedImage("far more parts than a photo has")
    # Pillow warns of corrupt metadata, which is no reason to refuse a photo whose pixels are fine, and
    # where warnings are errors it would be. (Threads may undo each other's filter: then it only warns.)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _decode(data, max_pixels, box)


def _decode(data: bytes, max_pixels: int, box: Box | None) -> Photo:
    try:
        opened = Image.open(io.BytesIO(data), formats=FORMATS)
    except Exception as error:  # Pillow's plugins raise far more than OSError on hostile files
        raise UnsupportedFormat("not a JPEG, PNG, WebP, HEIC or AVIF image") from error
    with opened:
        if opened.width * opened.height > max_pixels:
            raise TooManyPixels(f"{opened.width} × {opened.height} pixels, more than {max_pixels}")
        if max(opened.size) > MAX_SIDE:
            raise TooManyPixels(f"{opened.width} × {opened.height} pixels, of which one side is too long")
        # Phones' portrait and HDR photos are MPO or multi-image HEIC: ordinary photos, not animations.
        if opened.format in ("PNG", "WEBP", "AVIF") and getattr(opened, "is_animated", False):
            raise AnimatedImage("an animation, not a photo")
        file_format = "JPEG" if opened.format == "MPO" else str(opened.format)
        sent, factor = opened.size, _reduction(opened.size, box)
        # JPEG's own scaling decodes 12 megapixels into a sixteenth of the memory, and faster. Other formats
        # know none; they are reduced below.
        opened.draft(None, (sent[0] // factor, sent[1] // factor))
        with _LARGE if opened.width * opened.height > LARGE_PIXELS else nullcontext():
            orientation = _orientation(opened)
            size = sent[::-1] if orientation >= 5 else sent
            if box is not None:
                _check_box(box, size)
            try:
                image = _upright(_reduced(opened, data, sent, factor), orientation)
            except Exception as error:
                raise DamagedImage("the file is damaged or cut off") from error
        return Photo(image, file_format, size)


def _reduction(size: tuple[int, int], box: Box | None) -> int:
    """Returns by how much a photo can be scaled down: 1, 2, 4 or 8, as JPEG's decoder knows them."""
    left, upper, right, lower = box or centre_square(*size)
    side = min(right - left, lower - upper)
    return next((factor for factor in (8, 4, 2) if factor * KEPT_SIDE <= side <= min(size)), 1)


def _check_box(box: Box, size: tuple[int, int]) -> None:
    left, upper, right, lower = box
    if not (0 <= left < right <= size[0] and 0 <= upper < lower <= size[1]):
        raise BoxOutside(f"the box {box} is empty or leaves the photo of {size[0]} × {size[1]} pixels")


def _orientation(image: Image.Image) -> int:
    try:  # looking for the EXIF of a PNG decodes it
        orientation = image.getexif().get(ExifTags.Base.Orientation)
        return orientation if orientation in TURNS else 1
    except Exception:  # corrupt EXIF is no reason to refuse a photo whose pixels are fine
        return 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image


def _eight_bit(image: Image.Image) -> Image.Image:
    """Brings every colour mode to L, RGB or RGBA."""
    if image.mode.startswith("I"):
        # 16-bit grey; Pillow's own convert("RGB") would clip everything above 255 to white.
        return Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8))
    mode = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _reduced(opened: ImageFile.ImageFile, data: bytes, sent: tuple[int, int], factor: int) -> Image.Image:
    """Decodes a photo, brings it to 8-bit RGB and scales it down.

    The latter two a strip at a time: otherwise each would hold one more photo of up to 256 MB.
    """
    factor = max(1, factor // max(1, round(sent[0] / opened.width)))  # less what the decoder does already
    is_whole_heif = opened.format == "HEIF" and opened.size == sent
    (width, height), rows = _decoded_heif(data) if is_whole_heif else _decoded(opened)
    # A new picture, so that neither EXIF nor ICC nor XMP comes along.
    reduced = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    for top in range(0, height, STRIP):
        strip = _eight_bit(rows(top, min(top + STRIP, height)))
        reduced.paste(_on_white(strip.reduce(factor)), (0, top // factor))
    return reduced


def _decoded(opened: ImageFile.ImageFile) -> tuple[tuple[int, int], Rows]:
    opened.load()
    return opened.size, lambda top, bottom: opened.crop((0, top, opened.width, bottom))


def _decoded_heif(data: bytes) -> tuple[tuple[int, int], Rows]:
    """The same without Pillow, which would copy the whole picture while the decoder still has its own."""
    file = pillow_heif.open_heif(io.BytesIO(data), remove_stride=False)
    frame = file[file.primary_index]
    pixels, stride = frame.data, frame.stride

    def rows(top: int, bottom: int) -> Image.Image:
        size, part = (frame.size[0], bottom - top), pixels[top * stride : bottom * stride]
        return Image.frombytes(frame.mode, size, part, "raw", frame.mode, stride)

    return frame.size, rows


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == "RGB" else image.convert("RGB")


def centre_square(width: int, height: int) -> Box:
    """Returns the largest square in the middle of a photo of ``width`` × ``height`` pixels."""
    side = min(width, height)
    left, upper = (width - side) / 2, (height - side) / 2
    return left, upper, left + side, upper + side


def model_input(image: Image.Image, size: int, box: Box | None = None) -> np.ndarray:
    """Cuts out and scales the part of a photo that the network sees.

    Args:
        image: An RGB photo, as from :func:`decode`.
        size: Side of the network's square input in pixels.
        box: The part to cut out; the centre square if ``None``.

    Returns:
        ``uint8`` array of shape ``(size, size, 3)``, values 0–255, antialiased.
    """
    scaled = image.resize((size, size), Image.Resampling.BICUBIC, box=box or centre_square(*image.size))
    return np.asarray(scaled, np.uint8)


def correct_exposure(pixels: np.ndarray, brightness: float | None = None) -> np.ndarray:
    """Brightens a dark photo; any other stays as it is. For networks whose contract asks for it.

    Args:
        pixels: ``uint8`` array of shape ``(size, size, 3)``.
        brightness: Theirs, where it has been measured already (:class:`webapp.photo.quality.Quality`).
    """
    gain = exposure_gain(measure_brightness(pixels) if brightness is None else brightness)
    if gain == 1:
        return pixels
    return (pixels * np.float32(gain)).clip(0, 255).round().astype(np.uint8)
