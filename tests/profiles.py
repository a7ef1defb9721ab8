"""Colour profiles (ICC.1) that are made by code: usable ones of every kind, and ones that are none."""

import struct
from typing import Final, Literal

import numpy as np

Primaries = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

SRGB: Final[Primaries] = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
DISPLAY_P3: Final[Primaries] = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE_RGB: Final[Primaries] = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
PROPHOTO: Final[Primaries] = ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001))
BT2020: Final[Primaries] = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
D65: Final = (0.3127, 0.3290)
D50: Final = (0.3457, 0.3585)

_BRADFORD: Final = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]], np.float64
)
_PCS_WHITE: Final = np.array([0.9642, 1.0, 0.8249])


def to_xyz(primaries: Primaries, white: tuple[float, float] = D65) -> np.ndarray:
    """Returns the matrix from linear RGB to XYZ under D50 (SMPTE RP 177 and Bradford)."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
    light = np.array([white[0] / white[1], 1, (1 - white[0] - white[1]) / white[1]])
    matrix = columns * np.linalg.solve(columns, light)
    cones = (_BRADFORD @ _PCS_WHITE) / (_BRADFORD @ light)
    return np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD @ matrix


def decoded_srgb(values: np.ndarray) -> np.ndarray:
    """From sRGB's values, 0–1, to linear light."""
    return np.where(values <= 0.04045, values / 12.92, ((np.maximum(values, 0) + 0.055) / 1.055) ** 2.4)


def encoded_srgb(light: np.ndarray) -> np.ndarray:
    """From linear light, 0–1, to sRGB's values."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def stored_as(
    pixels: np.ndarray, primaries: Primaries, gamma: float | None, white: tuple[float, float] = D65
) -> np.ndarray:
    """Expresses sRGB pixels in another colour space, as a camera would have stored them.

    Args:
        pixels: ``(height, width, 3)``, 0–255.
        primaries: Of the other space.
        gamma: Of the other space; ``None`` for sRGB's own curve.
        white: Of the other space.

    Returns:
        ``float64`` of the same shape, 0–1.
    """
    light = decoded_srgb(np.asarray(pixels, np.float64) / 255)
    matrix = np.linalg.inv(to_xyz(primaries, white)) @ to_xyz(SRGB)
    other = np.clip(light @ matrix.T, 0, 1)
    return encoded_srgb(other) if gamma is None else other ** (1 / gamma)


def rgb_profile(
    primaries: Primaries,
    gamma: float | None = None,
    white: tuple[float, float] = D65,
    extra: dict[bytes, bytes] | None = None,
) -> bytes:
    """Makes a profile of three primaries and a curve; ``None`` for sRGB's own curve."""
    matrix = to_xyz(primaries, white)
    tags = {tag: _xyz(matrix[:, index]) for index, tag in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    curve = _srgb_curve() if gamma is None else _gamma_curve(gamma)
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return profile(b"RGB ", tags | (extra or {}))


def grey_profile(gamma: float) -> bytes:
    """Makes a grey profile of one curve."""
    return profile(b"GRAY", {b"kTRC": _gamma_curve(gamma)})


def cmyk_profile(grid: int = 9) -> bytes:
    """Makes a profile of a printer that is not the simple one: its inks are no pure colours."""
    axis = np.linspace(0, 1, grid)
    c, m, y, k = np.meshgrid(axis, axis, axis, axis, indexing="ij")
    inks = np.stack([c, m, y, k], -1)[..., None]
    absorbed = np.array([[2.2, 0.5, 0.1], [0.2, 2.0, 0.5], [0.02, 0.2, 1.9], [2.4, 2.4, 2.4]])
    light = np.exp(-(inks * absorbed).sum(axis=-2))
    xyz = light @ to_xyz(SRGB).T
    return profile(b"CMYK", {b"A2B0": _lut16(4, grid, _lab16(xyz))}, kind=b"prtr", pcs=b"Lab ")


def lut_rgb_profile(grid: int = 17) -> bytes:
    """Makes an RGB profile with a table of three dimensions, as scanners have: ADOBE_RGB's colours."""
    axis = np.linspace(0, 1, grid)
    r, g, b = np.meshgrid(axis, axis, axis, indexing="ij")
    xyz = (np.stack([r, g, b], -1) ** 2.2) @ to_xyz(ADOBE_RGB).T
    return profile(b"RGB ", {b"A2B0": _lut16(3, grid, _lab16(xyz))}, kind=b"scnr", pcs=b"Lab ")


def cicp_profile(primaries: Primaries, transfer: int, code: int = 9) -> bytes:
    """Makes a profile whose ``cicp`` tag says that it is HDR, as Apple's and Google's do."""
    tag = b"cicp" + bytes(4) + bytes([code, transfer, 0, 1])
    return rgb_profile(primaries, 2.4, extra={b"cicp": tag})


def lab_profile() -> bytes:
    """Makes a profile of a colour model that no photo has."""
    return profile(b"Lab ", {b"A2B0": _lut16(3, 2, np.zeros((2, 2, 2, 3)))}, kind=b"spac", pcs=b"Lab ")


def slow_profile(stages: int = 250) -> bytes:
    """Makes a valid profile that takes a colour engine very long: hundreds of curves and tables in a row."""
    element = b"cvst" + bytes(4) + struct.pack(">HH", 3, 3)
    curve = b"curf" + bytes(4) + struct.pack(">HHf", 2, 0, 0.5) + _formula(1.01) + _formula(0.99)
    positions = b"".join(struct.pack(">II", 12 + 24, len(curve)) for _ in range(3))
    element += positions + curve
    table = b"mpet" + bytes(4) + struct.pack(">HHI", 3, 3, stages)
    start = 16 + 8 * stages
    table += b"".join(struct.pack(">II", start, len(element)) for _ in range(stages)) + element
    return rgb_profile(SRGB, extra={b"D2B0": table, b"D2B1": table})


def large_profile(size: int = 10_000_000) -> bytes:
    """Makes a valid profile that is mostly ballast."""
    return rgb_profile(DISPLAY_P3, extra={b"priv": b"data" + bytes(size)})


def profile(
    space: bytes,
    tags: dict[bytes, bytes],
    kind: Literal[b"mntr", b"prtr", b"scnr", b"spac"] = b"mntr",
    pcs: bytes = b"XYZ ",
) -> bytes:
    """Puts a profile together."""
    tags = {b"wtpt": _xyz(_PCS_WHITE), b"desc": _text(b"desc"), b"cprt": _text(b"text")} | tags
    table, content, position = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">II", position + len(content), len(value))
        content += value + bytes(-len(value) % 4)
    head = struct.pack(">I4sI4s4s4s", 0, b"lcms", 0x02400000, kind, space, pcs)
    head += struct.pack(
        ">6H4s4sI4s4s8sI", 2026, 1, 1, 0, 0, 0, b"acsp", b"APPL", 0, bytes(4), bytes(4), bytes(8), 0
    )
    head += struct.pack(">3i", *(round(value * 65536) for value in _PCS_WHITE)) + bytes(48)
    whole = head + table + content
    return struct.pack(">I", len(whole)) + whole[4:]


def _formula(gamma: float) -> bytes:
    return b"parf" + bytes(4) + struct.pack(">HHffff", 0, 0, gamma, 1, 0, 0)


def _xyz(values: np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(float(value) * 65536) for value in values))


def _gamma_curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))


def _srgb_curve() -> bytes:
    numbers = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    return b"para" + bytes(4) + struct.pack(">HH5i", 3, 0, *(round(number * 65536) for number in numbers))


def _text(kind: bytes) -> bytes:
    if kind == b"text":
        return b"text" + bytes(4) + b"made by a test\0"
    return b"desc" + bytes(4) + struct.pack(">I", 5) + b"made\0" + bytes(4 + 4 + 2 + 1 + 67)


def _lab16(xyz: np.ndarray) -> np.ndarray:
    ratio = np.maximum(xyz / _PCS_WHITE, 0)
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    lightness, a, b = 116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])
    return np.stack([lightness / 100 * 0xFF00, (a + 128) * 256, (b + 128) * 256], -1)


def _lut16(channels: int, grid: int, table: np.ndarray) -> bytes:
    identity = struct.pack(">9i", *(65536 if index % 4 == 0 else 0 for index in range(9)))
    head = b"mft2" + bytes(4) + bytes([channels, 3, grid, 0]) + identity + struct.pack(">HH", 2, 2)
    curves = struct.pack(">HH", 0, 65535)
    values = np.clip(np.round(table), 0, 65535).astype(">u2").tobytes()
    return head + curves * channels + values + curves * 3
