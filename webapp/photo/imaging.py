"""From the bytes of a photo to the pixels that the network sees. The only place where this happens.

The web app, the command line, the API, training, calibration and evaluation all come through
here, so that none of them can see a photo differently from the others.
"""

import io
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pillow_heif
from PIL import Image, ImageFile

from webapp.photo import coded_items, colour, iso, png, webp
from webapp.photo.av1 import with_narrow_alpha
from webapp.photo.colour import Convert
from webapp.photo.jpeg import BrokenJpeg, Jpeg, TooManyParts, decode_jpeg, read_parts
from webapp.photo.limits import MAX_PIXELS
from webapp.photo.memory import DECODING_BYTES, Budget
from webapp.photo.orientation import TURNS, inverse, read_orientation, turned_box
from webapp.photo.quality import exposure_gain, measure_brightness

_CORES: Final = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
# Thumbnails and depth maps are other pictures than the one that is sent. A phone's HEIC is a grid of tiles,
# which its decoder spreads over the cores.
pillow_heif.register_heif_opener(
    thumbnails=False, depth_images=False, aux_images=False, decode_threads=_CORES
)
# Pillow only *warns* between one and two times its own limit; decode() checks the size itself.
Image.MAX_IMAGE_PIXELS = None

Box = tuple[float, float, float, float]
"""Left, upper, right and lower edge in pixels of the upright photo."""

Rows = Callable[[int, int], Image.Image]
"""Cuts out the rows from the first number up to the second."""

FORMATS: Final = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF")
"""In the order in which they are tried: HEIC's plugin also takes an AVIF that calls itself a HEIF of any kind
(``mif1``), but cannot decode it."""
MAX_SIDE: Final = 65_535  # pixels, as in JPEG; a PNG of 1 × 64,000,000 takes 1 GB and 7 seconds
STRIP: Final = 1_000_000  # pixels that are scaled down and brought to sRGB at a time
KEPT_SIDE: Final = 750
"""Pixels: what the network and the page look at keeps at least this shorter side when a large photo is
scaled down. A phone's 12 megapixels (4032 × 3024 or 4000 × 3000) become a quarter as wide, which moves
answers of 1.2.0 by up to 0.0096; half as wide moves them as far (0.009) and takes twice the time. With
640 it was up to 0.0135."""
MOST_KEPT: Final = 24_000_000
"""Pixels, of 4 bytes: of a larger photo of which a small part is looked at, that alone is kept."""
_MARGIN: Final = 0.25
"""Of that part's longer side, kept around it."""
PNG_BYTES: Final = 4.0
WEBP_BYTES: Final = 16.5
AVIF_BYTES: Final = 8.2
"""What decoders hold of each pixel at once, measured; that of AVIF holds its samples besides."""
AVIF_ALPHA: Final = 2.0
"""Samples more where it is see-through: that picture is decoded for itself."""
_budget: Final = Budget(DECODING_BYTES)


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


class TooManyPixelsOfFormat(TooManyPixels):
    code = "too_many_pixels_of_format"


class DamagedImage(PhotoError):
    code = "damaged"


class BoxOutside(PhotoError):
    code = "box_outside"


@dataclass(frozen=True)
class Photo:
    """A decoded photo: upright, 8-bit sRGB, true aspect, without any metadata.

    ``size`` is the width and height in pixels of the photo that was sent. A large one is scaled down while
    it is decoded, so ``image`` may have fewer; of a very large one of which a small part is looked at,
    ``image`` shows that part and its surroundings, which ``part`` gives in pixels of the photo that was sent.
    """

    image: Image.Image
    format: str
    size: tuple[int, int]
    part: Box | None = None

    def on_image(self, box: Box | None) -> Box | None:
        """Translates a box in pixels of the photo that was sent into one in pixels of ``image``."""
        if box is None:
            return None
        begin, upper_begin, end, lower_end = self.part or (0, 0, *self.size)
        across, down = self.image.width / (end - begin), self.image.height / (lower_end - upper_begin)
        left, upper, right, lower = box
        return (
            (left - begin) * across,
            (upper - upper_begin) * down,
            (right - begin) * across,
            (lower - upper_begin) * down,
        )


def decode(data: bytes, max_pixels: int = MAX_PIXELS, box: Box | None = None) -> Photo:
    """Decodes a photo, turns it upright and brings its colours to sRGB.

    Args:
        data: The whole file. What it is, is decided by its content alone. Bytes after the end of
            the image (motion photos) are ignored; of several images (MPO, HEIC) the primary one
            is taken.
        max_pixels: Width times height at most, checked before anything is decoded; neither may be
            above ``MAX_SIDE``. Formats whose decoders take much memory allow fewer.
        box: The part that will be looked at, in pixels of the upright photo; the centre square if
            ``None``. It keeps at least ``KEPT_SIDE`` pixels where it has them.

    Returns:
        The photo in 8-bit sRGB.

    Raises:
        PhotoError: One of its subclasses says why the photo cannot be read.
    """
    if not data:
        raise EmptyFile("the file is empty")
    # Pillow warns of corrupt metadata, which is no reason to refuse a photo whose pixels are fine, and
    # where warnings are errors it would be. (Threads may undo each other's filter: then it only warns.)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _decode(data, max_pixels, box)


@dataclass(frozen=True)
class _Source:
    """One format's way to the pixels, known before anything is decoded.

    Attributes:
        format: One of ``FORMATS``.
        size: Width and height as it is stored, but cropped as its container says.
        bytes_needed: What decoding takes at a factor.
        open_rows: Decodes it at a factor; returns the factor that is left to be done, and the rows.
        orientation: As from :func:`webapp.photo.orientation.read_orientation`.
        convert: Brings it to sRGB, where it is not.
    """

    format: str
    size: tuple[int, int]
    bytes_needed: Callable[[int], int]
    open_rows: Callable[[int], tuple[int, Rows]]
    orientation: int = 1
    convert: Convert | None = None


def _decode(data: bytes, max_pixels: int, box: Box | None) -> Photo:
    structure = _looked_through(data, max_pixels)
    try:
        readable = png.bare(data) if data.startswith(png.SIGNATURE) else with_narrow_alpha(iso.known(data))
        opened = Image.open(io.BytesIO(readable), formats=FORMATS)
    except Exception as error:  # Pillow's plugins raise far more than OSError on hostile files
        if webp.read(data) or coded_items.is_broken(data):
            raise DamagedImage("the file is damaged or cut off") from error
        raise UnsupportedFormat("not a JPEG, PNG, WebP, HEIC or AVIF image") from error
    with opened:
        _check_size(opened.size, max_pixels)
        # Phones' portrait and HDR photos are MPO or multi-image HEIC: ordinary photos, not animations.
        if opened.format in ("WEBP", "AVIF") and getattr(opened, "is_animated", False):
            raise AnimatedImage("an animation, not a photo")
        source = _SOURCES[str(opened.format)](opened, data, structure)
        size = source.size[::-1] if source.orientation >= 5 else source.size
        if box is not None:
            _check_box(box, size)
        factor = _reduction(size, box)
        looked_at = turned_box(box, size, source.orientation) if box else None
        within = _kept_part(source.size, looked_at, factor)
        kept = (within[2] - within[0]) * (within[3] - within[1]) / factor**2
        needed = source.bytes_needed(factor) + int(4 * kept)
        if needed > _budget.most:
            raise TooManyPixelsOfFormat(f"{size[0]} × {size[1]} pixels would take {needed} bytes")
        with _budget.holding(needed):
            try:
                image = _reduced(source, factor, within)
            except Exception as error:
                raise DamagedImage("the file is damaged or cut off") from error
            if source.orientation in TURNS:
                image = image.transpose(TURNS[source.orientation])
        whole = within == (0, 0, *source.size)
        part = None if whole else turned_box(within, source.size, inverse(source.orientation))
        return Photo(image, source.format, size, part)


def _looked_through(data: bytes, max_pixels: int) -> Jpeg:
    """Finds what is too much before a library spends its time or memory on it."""
    if data.startswith(b"\xff\xd8"):
        try:
            return read_parts(data)
        except TooManyParts as error:
            raise DamagedImage("far more parts than a photo has") from error
    if data.startswith(png.SIGNATURE):
        if png.is_hostile(data):
            raise DamagedImage("far more parts than a photo has")
        if png.is_animated(data):
            raise AnimatedImage("an animation, not a photo")
    if head := webp.read(data):
        if head.animated:
            raise AnimatedImage("an animation, not a photo")
        _check_size(head.size, max_pixels)
        if WEBP_BYTES * head.size[0] * head.size[1] > _budget.most:
            raise TooManyPixelsOfFormat(f"{head.size[0]} × {head.size[1]} pixels as WebP")
    return Jpeg()


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise TooManyPixels(f"{width} × {height} pixels, more than {max_pixels}")
    if max(size) > MAX_SIDE:
        raise TooManyPixels(f"{width} × {height} pixels, of which one side is too long")


def _reduction(size: tuple[int, int], box: Box | None) -> int:
    """Returns by how much a photo can be scaled down: 1, 2, 4 or 8, as JPEG's decoder knows them."""
    left, upper, right, lower = box or centre_square(*size)
    side = min(right - left, lower - upper)
    return next((factor for factor in (8, 4, 2) if factor * KEPT_SIDE <= side <= min(size)), 1)


def _check_box(box: Box, size: tuple[int, int]) -> None:
    left, upper, right, lower = box
    if not (0 <= left < right <= size[0] and 0 <= upper < lower <= size[1]):
        raise BoxOutside(f"the box {box} is empty or leaves the photo of {size[0]} × {size[1]} pixels")


def _kept_part(size: tuple[int, int], box: Box | None, factor: int) -> tuple[int, int, int, int]:
    """Returns the part of a photo, as it is stored, that is kept: all of it unless that is too much.

    Args:
        size: Of the photo as it is stored.
        box: What will be looked at of it; ``None`` if that is all.
        factor: By how much it is scaled down, whose multiples the edges are (but for the photo's own).
    """
    width, height = size
    if box is None or width * height <= MOST_KEPT * factor**2:
        return 0, 0, width, height
    left, upper, right, lower = box
    margin = _MARGIN * max(right - left, lower - upper)
    begins = [max(0, int(edge - margin) // 8 * 8) for edge in (left, upper)]
    ends = [min(end, -(-int(edge + margin) // 8) * 8) for edge, end in ((right, width), (lower, height))]
    return begins[0], begins[1], ends[0], ends[1]


def _reduced(source: _Source, factor: int, within: tuple[int, int, int, int]) -> Image.Image:
    """Decodes a photo, scales it down and brings it to 8-bit sRGB.

    The latter two a strip at a time: otherwise each would hold one more photo of up to 256 MB.
    """
    left_to_do, rows = source.open_rows(factor)
    done = factor // left_to_do
    left, upper, right, lower = within
    begin, end = left // done, -(-right // done)
    top, bottom = upper // done, -(-lower // done)
    step = max(8, STRIP // (end - begin) // 8 * 8)

    def strip(at: int) -> Image.Image:
        part = rows(at, min(at + step, bottom))
        if (begin, end) != (0, part.width):
            part = part.crop((begin, 0, end, part.height))
        part = _eight_bit(part, keep=source.convert is not None)
        return _in_srgb(part if left_to_do == 1 else part.reduce(left_to_do), source.convert)

    if top + step >= bottom:
        reduced = strip(top)
        reduced.info = {}  # neither EXIF nor ICC nor XMP comes along
        return reduced
    reduced = Image.new("RGB", (-(-(end - begin) // left_to_do), -(-(bottom - top) // left_to_do)))
    for at in range(top, bottom, step):
        reduced.paste(strip(at), (0, (at - top) // left_to_do))
    return reduced


def _eight_bit(image: Image.Image, keep: bool = False) -> Image.Image:
    """Brings every colour mode to L, RGB or RGBA; with ``keep`` CMYK stays what it is."""
    if image.mode.startswith("I"):
        # 16-bit grey; Pillow's own convert("RGB") would clip everything above 255 to white.
        values, transparent = np.asarray(image), image.info.get("transparency")
        grey = Image.fromarray((values >> 8).clip(0, 255).astype(np.uint8))
        if transparent is None:
            return grey
        alpha = Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8))
        return Image.merge("LA", (grey, alpha)).convert("RGBA")
    if keep and image.mode == "CMYK":
        return image
    mode = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _in_srgb(image: Image.Image, convert: Convert | None) -> Image.Image:
    """Brings a strip to sRGB, and lays what is transparent on white."""
    if image.mode == "RGBA":
        opaque, alpha = image.convert("RGB"), image.getchannel("A")
        colours = convert(opaque) if convert else opaque
        return Image.composite(colours, Image.new("RGB", image.size, "white"), alpha)
    if convert:
        return convert(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _model(mode: str) -> colour.Model:
    if mode == "CMYK":
        return "CMYK"
    return "L" if mode in ("1", "L", "LA", "La") or mode.startswith("I") else "RGB"


def _profile_converter(opened: ImageFile.ImageFile) -> Convert | None:
    profile = opened.info.get("icc_profile")
    return colour.from_profile(profile, _model(opened.mode)) if profile else None


def _numbers_converter(properties: dict[bytes, list[bytes]]) -> Convert | None:
    if (numbers := iso.nclx(properties)) is None:
        return None
    colours = colour.from_numbers(*numbers, video=True)
    return colour.converter(colours) if colours else None


def _pixels(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _jpeg(opened: ImageFile.ImageFile, data: bytes, parts: Jpeg) -> _Source:
    """JPEG's own scaling decodes 12 megapixels into a sixteenth of the memory, and faster."""
    size, channels = opened.size, len(parts.components)

    def open_rows(factor: int) -> tuple[int, Rows]:
        if parts.size != size:
            raise BrokenJpeg("two sizes")
        pixels = decode_jpeg(data, parts, factor)
        if pixels is None:
            opened.draft(None, (size[0] // factor, size[1] // factor))
            opened.load()
            left = max(1, factor // max(1, round(size[0] / opened.width)))
            return left, lambda top, bottom: opened.crop((0, top, opened.width, bottom))
        mode = {1: "L", 3: "RGB", 4: "CMYK"}[channels]
        shown = pixels[..., 0] if channels == 1 else pixels

        def rows(top: int, bottom: int) -> Image.Image:
            part = shown[top:bottom]
            # Adobe writes inks the other way round, and so everybody reads them. All of them at once would
            # be one more picture of up to 256 MB.
            return Image.fromarray(255 - part if channels == 4 else part, mode)

        return 1, rows

    return _Source(
        "JPEG",
        size,
        lambda factor: 2 * parts.coefficients + 4 * _pixels(size) // factor**2,
        open_rows,
        read_orientation(parts.exif),
        _profile_converter(opened),
    )


def _png(opened: ImageFile.ImageFile, data: bytes, _: Jpeg) -> _Source:
    heads = png.heads(data)
    if (transparent := png.transparent(heads)) is not None:
        opened.info["transparency"] = transparent

    def open_rows(factor: int) -> tuple[int, Rows]:
        png.check(data)
        return factor, _loaded(opened)

    return _Source(
        "PNG",
        opened.size,
        lambda factor: int(PNG_BYTES * _pixels(opened.size)),
        open_rows,
        read_orientation(heads.get(b"eXIf")),
        _png_converter(opened, heads),
    )


def _png_converter(opened: ImageFile.ImageFile, heads: dict[bytes, bytes]) -> Convert | None:
    """The first that is there and usable counts: numbers, profile, "it is sRGB", gamma with primaries."""
    numbers = heads.get(b"cICP", b"")
    if len(numbers) == 4 and numbers[2:] == b"\0\1":
        if colours := colour.from_numbers(numbers[0], numbers[1], video=False):
            return colour.converter(colours)
    if (profile := png.profile(heads)) and (convert := colour.from_profile(profile, _model(opened.mode))):
        return convert
    if b"sRGB" in heads or b"gAMA" not in heads:
        return None
    colours = colour.from_gamma(heads[b"gAMA"], heads.get(b"cHRM"))
    return colour.converter(colours) if colours else None


def _webp(opened: ImageFile.ImageFile, data: bytes, _: Jpeg) -> _Source:
    def open_rows(factor: int) -> tuple[int, Rows]:
        webp.check(data)
        return factor, _loaded(opened)

    return _Source(
        "WEBP",
        opened.size,
        lambda factor: int(WEBP_BYTES * _pixels(opened.size)),
        open_rows,
        convert=_profile_converter(opened),
    )


def _avif(opened: ImageFile.ImageFile, data: bytes, _: Jpeg) -> _Source:
    properties = iso.properties(data)
    coded = iso.read_av1(properties)
    alpha = AVIF_ALPHA if opened.mode == "RGBA" else 0.0
    samples = (coded.samples + alpha) * (1 if coded.bits == 8 else 2)

    def open_rows(factor: int) -> tuple[int, Rows]:
        coded_items.check(data)
        return factor, _loaded(opened)

    return _Source(
        "AVIF",
        iso.clean_size(properties, opened.size),
        lambda factor: int((AVIF_BYTES + samples) * _pixels(opened.size)),
        open_rows,
        iso.av1_orientation(properties),
        _profile_converter(opened) or _numbers_converter(properties),
    )


def _loaded(opened: ImageFile.ImageFile) -> Rows:
    opened.load()
    return lambda top, bottom: opened.crop((0, top, opened.width, bottom))


def _heif(opened: ImageFile.ImageFile, data: bytes, _: Jpeg) -> _Source:
    """The decoder turns and crops it. Not through Pillow, which would copy the whole picture meanwhile."""

    def open_rows(factor: int) -> tuple[int, Rows]:
        coded_items.check(data)
        file = pillow_heif.open_heif(io.BytesIO(iso.known(data)), remove_stride=False)
        frame = file[file.primary_index]
        pixels, stride = frame.data, frame.stride
        if frame.size != opened.size:
            raise ValueError("two sizes")

        def rows(top: int, bottom: int) -> Image.Image:
            size, part = (frame.size[0], bottom - top), pixels[top * stride : bottom * stride]
            return Image.frombytes(frame.mode, size, part, "raw", frame.mode, stride)

        return factor, rows

    return _Source(
        "HEIF",
        opened.size,
        lambda factor: int(_heif_bytes(opened) * _pixels(opened.size)),
        open_rows,
        convert=_profile_converter(opened) or _numbers_converter(iso.properties(data)),
    )


def _heif_bytes(opened: ImageFile.ImageFile) -> float:
    """Returns what libheif holds of each pixel at once, as measured.

    The samples of most photos (8 bits, colour halved) become RGB in one step. Of any other kind it makes all
    samples as large as the largest, then planes of RGB, and then pixels of 8 bits.
    """
    info, channels = opened.info, len(opened.getbands())
    numbers = info.get("nclx_profile") or {}
    if info.get("bit_depth") == 8 and channels < 4 and numbers.get("full_range_flag", 1):
        if info.get("chroma") in (400, 420):
            return 5.0
    return channels * (3.0 if info.get("bit_depth") == 8 else 5.0) + 0.6


_SOURCES: Final = {"JPEG": _jpeg, "MPO": _jpeg, "PNG": _png, "WEBP": _webp, "AVIF": _avif, "HEIF": _heif}


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
    # Means of whole pixels first, where that is at least twice too many: half the time, and .4 of 255 levels'
    # difference on HAM10000's frames.
    seen = box or centre_square(*image.size)
    scaled = image.resize((size, size), Image.Resampling.BICUBIC, box=seen, reducing_gap=1.0)
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
