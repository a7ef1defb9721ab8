"""From the bytes of a photo to the pixels that the network sees. The only place where this happens.

The web app, the command line, the API, training, calibration and evaluation all come through
here, so that none of them can see a photo differently from the others.
"""

import io
import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
import pillow_heif
from PIL import Image, ImageOps

from webapp.structure import is_hostile

pillow_heif.register_heif_opener()
# Pillow only *warns* between one and two times its own limit; decode() checks the size itself.
Image.MAX_IMAGE_PIXELS = None

Box = tuple[float, float, float, float]
"""Left, upper, right and lower edge in pixels of the upright photo."""

FORMATS: Final = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF")
MAX_PIXELS: Final = 64_000_000  # the largest phone photos in use are 50 megapixels


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


@dataclass(frozen=True)
class Photo:
    """A decoded photo: upright, 8-bit RGB, true aspect, without any metadata."""

    image: Image.Image
    format: str


def decode(data: bytes, max_pixels: int = MAX_PIXELS) -> Photo:
    """Decodes a photo and turns it upright.

    Args:
        data: The whole file. What it is, is decided by its content alone. Bytes after the end of
            the image (motion photos) are ignored; of several images (MPO, HEIC) the primary one
            is taken.
        max_pixels: Width times height at most, checked before anything is decoded.

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
        return _decode(data, max_pixels)


def _decode(data: bytes, max_pixels: int) -> Photo:
    try:
        opened = Image.open(io.BytesIO(data), formats=FORMATS)
    except Exception as error:  # Pillow's plugins raise far more than OSError on hostile files
        raise UnsupportedFormat("not a JPEG, PNG, WebP, HEIC or AVIF image") from error
    with opened:
        if opened.width * opened.height > max_pixels:
            raise TooManyPixels(f"{opened.width} × {opened.height} pixels, more than {max_pixels}")
        # Phones' portrait and HDR photos are MPO or multi-image HEIC: ordinary photos, not animations.
        if opened.format in ("PNG", "WEBP", "AVIF") and getattr(opened, "is_animated", False):
            raise AnimatedImage("an animation, not a photo")
        file_format = "JPEG" if opened.format == "MPO" else str(opened.format)
        try:
            opened.load()
            return Photo(_to_rgb(_upright(opened)), file_format)
        except Exception as error:
            raise DamagedImage("the file is damaged or cut off") from error


def _upright(image: Image.Image) -> Image.Image:
    try:
        ImageOps.exif_transpose(image, in_place=True)  # a copy of 64 megapixels takes 192 MB
    except Exception:  # corrupt EXIF is no reason to refuse a photo whose pixels are fine
        pass
    return image


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # 16-bit grey; Pillow's own convert("RGB") would clip everything above 255 to white.
        return Image.fromarray((np.asarray(image, np.uint32) >> 8).clip(0, 255).astype(np.uint8)).convert(
            "RGB"
        )
    if image.has_transparency_data:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(ground, image).convert("RGB")
    rgb = image.convert("RGB")  # a new image, even of one that is RGB
    rgb.info.clear()  # no EXIF, ICC or XMP comes along
    return rgb


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
