"""From the colours that a file's numbers stand for to sRGB's, which the network and the pages know.

Three ways to say which they are: a profile (ICC.1), numbers of ITU-T H.273 (in PNG ``cICP``, in HEIC and
AVIF ``nclx``), or a PNG's gamma and primaries. Which of them counts follows Chromium 156. HDR pictures are
brought to about the picture that would have been stored without HDR: what is as bright as white paper
(203 cd/m², ITU-R BT.2408) becomes white, and so does what is brighter. Browsers darken the whole picture
instead, by how bright a screen can be, and a network that learned from ordinary photos would see a dark one.
"""

import hashlib
import io
import logging
import struct
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from PIL import Image, ImageCms

_log = logging.getLogger(__name__)

Model = Literal["L", "RGB", "CMYK"]
"""What a file's samples are; alpha and palettes left aside."""

Convert = Callable[[Image.Image], Image.Image]
"""Brings a picture to sRGB: L, RGB or CMYK to RGB."""

MAX_PROFILE: Final = 4_000_000
"""Bytes: printers' profiles have up to 2.5 MB, phones' 500 bytes."""
_MAX_TAGS: Final = 100
_HEAD: Final = 128
_MODELS: Final[dict[bytes, Model]] = {b"GRAY": "L", b"RGB ": "RGB", b"CMYK": "CMYK"}
_LEFT_OUT: Final = frozenset(prefix + b"%d" % n for prefix in (b"D2B", b"B2D", b"B2A") for n in range(4))
"""Tags that nobody needs here. Those with chains of formulas let a profile of 5 kB take half a minute."""
_FURTHER: Final = frozenset({b"A2B1", b"A2B2", b"A2B3"})
"""Left out beside ``A2B0``, which browsers use whatever the intent."""

Pair = tuple[float, float]


@dataclass(frozen=True)
class Primaries:
    """Chromaticities (x, y) of red, green, blue and white."""

    red: Pair
    green: Pair
    blue: Pair
    white: Pair

    def to_xyz(self) -> np.ndarray:
        """Returns the matrix from linear RGB to XYZ under D65 (SMPTE RP 177, Bradford's adaptation)."""
        columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in (self.red, self.green, self.blue)]).T
        white, wanted = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in (self.white, _D65))
        matrix = columns * np.linalg.solve(columns, white)
        adapted = np.diag((_BRADFORD @ wanted) / (_BRADFORD @ white))
        result: np.ndarray = np.linalg.inv(_BRADFORD) @ adapted @ _BRADFORD @ matrix
        return result


_D65: Final = (0.3127, 0.3290)
_BRADFORD: Final = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]], np.float64
)
SRGB: Final = Primaries((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), _D65)
_NTSC: Final = Primaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65)
BT2020: Final = Primaries((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65)
_PRIMARIES: Final = {
    1: SRGB,
    4: Primaries((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.310, 0.316)),
    5: Primaries((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),
    6: _NTSC,
    7: _NTSC,
    8: Primaries((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), (0.310, 0.316)),
    9: BT2020,
    11: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
    22: Primaries((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), _D65),
}
"""By their number in H.273; 10, which is XYZ itself, no photo has."""
_SRGB, _PQ, _HLG, _FILM = 13, 16, 18, 17
_WHITE: Final = 203.0
"""cd/m² of white paper in an HDR picture (ITU-R BT.2408)."""
_PEAK: Final = 1000.0
"""cd/m² of the screen for which HLG's system gamma is 1.2 (ITU-R BT.2100)."""


@dataclass(frozen=True)
class Colours:
    """What the numbers of a file mean: primaries, and how they grow with the light.

    ``transfer`` is a number of H.273, or a negative one: the exponent of a plain power, turned round.
    """

    primaries: Primaries
    transfer: float


def from_numbers(primaries: int, transfer: int, *, video: bool) -> Colours | None:
    """Returns the colours of two numbers of H.273; ``None`` where they say nothing that a browser heeds.

    Args:
        primaries: ``ColourPrimaries``.
        transfer: ``TransferCharacteristics``.
        video: Of a HEIC or AVIF: there Chromium takes television's curves for sRGB's, as cameras mean them;
            in a PNG for a power of 2.4.
    """
    if primaries not in _PRIMARIES:
        return None
    if transfer in (1, 6, 11, 14, 15):
        curve: float = _SRGB if video else -2.4
    elif transfer in (4, 5):
        curve = -2.2 if transfer == 4 else -2.8
    elif transfer in (7, 8, _SRGB, _PQ, _FILM, _HLG):
        curve = transfer
    elif transfer in (9, 10, 12) or (video and transfer == 2):
        curve = _SRGB
    else:
        return None
    return Colours(_PRIMARIES[primaries], curve)


def from_gamma(gamma: bytes, chromaticities: bytes | None) -> Colours | None:
    """Returns the colours that a PNG's chunks ``gAMA`` and ``cHRM`` hold; ``None`` where they are absurd."""
    if len(gamma) != 4 or not 0.1 <= (value := int.from_bytes(gamma) / 100_000) <= 5:
        return None
    if chromaticities is None:  # 1 / 2.2 alone is what writers say who mean sRGB
        return Colours(SRGB, _SRGB if abs(value - 0.45455) < 0.0005 else -1 / value)
    if len(chromaticities) != 32:
        return None
    numbers = [number / 100_000 for number in struct.unpack(">8I", chromaticities)]
    white, red, green, blue = zip(numbers[::2], numbers[1::2], strict=True)
    primaries = Primaries(red, green, blue, white)
    return Colours(primaries, -1 / value) if _is_usable(primaries) else None


def _is_usable(primaries: Primaries) -> bool:
    pairs = (primaries.red, primaries.green, primaries.blue, primaries.white)
    if not all(0 < x < 1 and 0 < y < 1 for x, y in pairs):
        return False
    (ax, ay), (bx, by), (cx, cy), _ = pairs
    if abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay)) < 0.01:  # three on one line
        return False
    matrix = primaries.to_xyz()
    return bool(np.isfinite(matrix).all() and np.abs(matrix).max() < 10)


def converter(colours: Colours) -> Convert | None:
    """Returns what brings a picture of these colours to sRGB; ``None`` if it is sRGB already."""
    if colours == Colours(SRGB, _SRGB):
        return None
    curve = _curve(colours.transfer)
    matrix = (np.linalg.inv(SRGB.to_xyz()) @ colours.primaries.to_xyz()).T.astype(np.float32)
    brightness = colours.primaries.to_xyz()[1].astype(np.float32)

    def convert(image: Image.Image) -> Image.Image:
        light = curve[np.asarray(image if image.mode == "RGB" else image.convert("RGB"))]
        if colours.transfer == _HLG:  # from the light of the scene to that of a screen
            light *= (light @ brightness).clip(0, None)[..., np.newaxis] ** 0.2 * (_PEAK / _WHITE)
        light = light @ matrix
        steps = (light.clip(0, 1) * (len(_ENCODED) - 1) + 0.5).astype(np.uint16)
        return Image.fromarray(_ENCODED[steps])

    return convert


def _curve(transfer: float) -> np.ndarray:
    """Returns the light of each of 256 values; 1 is white, and in HDR pictures more is possible."""
    values = np.linspace(0, 1, 256)
    if transfer < 0:
        light = values**-transfer
    elif transfer == _PQ:  # SMPTE ST 2084
        root = values ** (32 / 2523)
        ratio = (root - 3424 / 4096).clip(0, None) / (2413 / 128 - 2392 / 128 * root)
        light = ratio ** (16384 / 2610) * (10_000 / _WHITE)
    elif transfer == _HLG:  # ARIB STD-B67
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = np.where(values <= 0.5, values**2 / 3, (np.exp((values - c) / a) + b) / 12)
    elif transfer == 7:  # SMPTE 240M
        light = np.where(values < 0.0913, values / 4, ((values + 0.1115) / 1.1115) ** (1 / 0.45))
    elif transfer == 8:
        light = values
    elif transfer == _FILM:  # SMPTE ST 428
        light = values**2.6 * (52.37 / 48)
    else:
        light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)


def _encoded() -> np.ndarray:
    light = np.linspace(0, 1, 16_384)
    values = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return (values * 255).round().astype(np.uint8)


_ENCODED: Final = _encoded()
"""sRGB's value of each of 16,384 steps of light: where it is steepest, a step is a fifth of a value."""


class UnusableProfile(Exception):
    """A profile that is ignored; the text says why, and nothing of what it holds."""


_KEPT: Final = 8
_made: OrderedDict[tuple[bytes, Model], Convert] = OrderedDict()
_lock = threading.Lock()


def from_profile(profile: bytes, model: Model) -> Convert | None:
    """Returns what brings a picture with a profile to sRGB; ``None`` where it is to be ignored.

    The last ones are kept, by the hash of the profile: to make one takes 1 to 100 milliseconds.
    """
    key = hashlib.sha256(profile).digest(), model
    with _lock:
        if key in _made:
            _made.move_to_end(key)
            return _made[key]
    try:
        made = _from_profile(profile, model)
    except UnusableProfile as error:
        _log.info("colour profile ignored", extra={"fields": {"reason": str(error)}})
        return None
    with _lock:
        _made[key] = made
        while len(_made) > _KEPT:
            _made.popitem(last=False)
    return made


def _from_profile(profile: bytes, model: Model) -> Convert:
    usable, colours, own = _checked(profile, model)
    if colours is not None:
        return converter(colours) or _as_it_is
    try:
        # Browsers scale no black, and neither does this intent.
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(usable)),
            ImageCms.createProfile("sRGB"),
            own,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
    except (ImageCms.PyCMSError, OSError) as error:
        raise UnusableProfile("broken") from error

    def convert(image: Image.Image) -> Image.Image:
        converted = ImageCms.applyTransform(image if image.mode == own else image.convert(own), transform)
        assert converted is not None  # it would be, in place
        return converted

    return convert


def _as_it_is(image: Image.Image) -> Image.Image:
    return image.convert("RGB")


def _checked(profile: bytes, model: Model) -> tuple[bytes, Colours | None, Model]:
    """Returns the profile without what is not used, the colours that its numbers name, and its colour model.

    Raises:
        UnusableProfile: It is none, or none of such a picture, or one that would take too much.
    """
    if len(profile) > MAX_PROFILE:
        raise UnusableProfile("too large")
    if len(profile) < _HEAD + 4 or profile[36:40] != b"acsp" or int.from_bytes(profile[:4]) > len(profile):
        raise UnusableProfile("broken or cut off")
    if profile[8] > 4:
        raise UnusableProfile("of a later version")
    own = _MODELS.get(profile[16:20])
    if own is None or (own != model and (model, own) != ("L", "RGB")):
        raise UnusableProfile("of another colour model")
    (count,) = struct.unpack_from(">I", profile, _HEAD)
    if count > _MAX_TAGS or len(profile) < _HEAD + 4 + 12 * count:
        raise UnusableProfile("broken or cut off")
    tags, used = {}, bytearray(profile)
    for index in range(count):
        position = _HEAD + 4 + 12 * index
        name, begin, size = struct.unpack_from(">4sII", profile, position)
        if begin + size > len(profile):
            raise UnusableProfile("broken or cut off")
        tags[name] = position, profile[begin : begin + min(size, 12)]
    for name, (position, _) in tags.items():
        if name in _LEFT_OUT or (name in _FURTHER and b"A2B0" in tags):
            used[position : position + 4] = b"x%03d" % (position % 1000)
    colours = None
    if "RGB" == own and (number := tags.get(b"cicp", (0, b""))[1]).startswith(b"cicp") and len(number) == 12:
        colours = from_numbers(number[8], number[9], video=False) if number[10:] == b"\0\1" else None
    return bytes(used), colours, own
