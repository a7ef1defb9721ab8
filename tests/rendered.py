"""Photos of skin spots that are rendered by code: the stand-in for patients' photos.

Tests, demo and screenshots need photos that look real to a person and to the network, and that
belong to nobody. Light is absorbed by pigment as in skin (Beer–Lambert: more pigment darkens blue
most and red least), which is what makes the browns right whatever the skin's own colour.
"""

import io
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Kind = Literal["dermoscopy", "phone"]

SKIN_TONES: Final = {
    "rosy": (232, 146, 140),
    "lilac": (200, 168, 190),
    "pale": (228, 190, 180),
    "tan": (214, 158, 128),
    "brown": (150, 102, 74),
    "dark": (98, 64, 48),
}
MELANIN: Final = np.array([0.62, 1.10, 1.38], np.float32)  # absorption in red, green and blue
BLOOD: Final = np.array([0.12, 0.95, 0.72], np.float32)


def render_lesion(
    seed: int, width: int = 600, height: int = 450, *, skin_tone: str | None = None, kind: Kind = "dermoscopy"
) -> Image.Image:
    """Renders one pigmented lesion on skin.

    Args:
        seed: The same seed gives the same picture.
        width: Width in pixels.
        height: Height in pixels.
        skin_tone: One of ``SKIN_TONES``; drawn by the seed if ``None``.
        kind: Through a dermatoscope (close, evenly lit, pigment network visible) or by a phone
            (further away, light from one side, skin relief visible).

    Returns:
        RGB image of ``width`` × ``height`` pixels.
    """
    return _rendered(seed, width, height, skin_tone, kind).copy()


@lru_cache(32)  # tests ask for the same few again and again, and one of 600 × 450 pixels takes 0.8 s
def _rendered(seed: int, width: int, height: int, skin_tone: str | None, kind: Kind) -> Image.Image:
    rng = np.random.default_rng(seed)
    unit = min(width, height) / 450  # lengths below are pixels at 600 × 450
    dermoscopy = kind == "dermoscopy"
    usual = ("rosy", "rosy", "lilac", "pale", "tan") if dermoscopy else ("pale", "tan", "tan", "brown")
    tone = np.array(SKIN_TONES[skin_tone or str(rng.choice(usual))], np.float32)

    pigment = 0.022 * _fractal(rng, height, width, 150 * unit)  # what skin has everywhere, unevenly
    redness = 0.035 * _fractal(rng, height, width, 120 * unit)
    relief = _skin_relief(rng, height, width, unit)

    depth = _lesion_depth(
        rng, height, width, size=rng.uniform(0.24, 0.34) if dermoscopy else rng.uniform(0.16, 0.24)
    )
    softness = (
        unit
        * (rng.uniform(6, 18) if dermoscopy else rng.uniform(2.5, 6))
        * (1.2 + 0.8 * _fractal(rng, height, width, 70 * unit))
    )
    body = 0.5 + 0.5 * np.tanh(0.5 * depth / np.maximum(softness, 2 * unit))  # a sigmoid that cannot overflow
    lesion = body * _pigmentation(rng, height, width, unit, depth, network=dermoscopy)
    pigment += lesion * rng.uniform(0.75, 1.15)
    redness += body * rng.uniform(0.0, 0.30)

    light = np.exp(-pigment[..., None] * MELANIN - redness[..., None] * BLOOD)
    light *= 1 + (0.014 if dermoscopy else 0.035) * relief[..., None]
    light *= _illumination(rng, height, width, from_side=not dermoscopy)[..., None]
    image = _to_image(tone * light)
    if dermoscopy and rng.random() < 0.4:
        _draw_hairs(rng, image, unit)
    return _camera(rng, image, blur=unit * rng.uniform(1.0, 1.6))


def render_lesion_jpeg(
    seed: int, width: int = 600, height: int = 450, *, quality: int = 90, **looks
) -> bytes:
    """Renders a lesion, see :func:`render_lesion`, as the bytes of a JPEG file."""
    return to_bytes(render_lesion(seed, width, height, **looks), "JPEG", quality=quality)


def render_not_a_lesion(
    kind: Literal["plain", "gradient", "noise", "text"], width=600, height=450
) -> Image.Image:
    """Renders a picture that shows no skin at all: what the app must refuse to judge."""
    if kind == "plain":
        return Image.new("RGB", (width, height), (70, 130, 180))
    if kind == "gradient":
        across, down = np.linspace(0, 255, width), np.linspace(0, 255, height)
        return _to_image(np.stack(np.broadcast_arrays(across, down[:, None], 128.0), -1))
    if kind == "noise":
        return _to_image(np.random.default_rng(0).uniform(0, 255, (height, width, 3)))
    page = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(page)
    for line, top in enumerate(range(20, height - 20, 22)):
        draw.text(
            (20, top), f"{line + 1}. The quick brown fox jumps over the lazy dog. " * 2, fill=(30, 30, 30)
        )
    return page


def to_bytes(image: Image.Image, file_format: str, **options) -> bytes:
    """Encodes an image with Pillow."""
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def _fractal(rng: np.random.Generator, height: int, width: int, scale: float, octaves: int = 4) -> np.ndarray:
    """Smooth noise of shape (height, width), mean 0, deviation 1; ``scale`` is its largest feature."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        cell = scale / 2**octave
        if cell < 1.5:
            break
        grid = rng.normal(size=(int(height / cell) + 4, int(width / cell) + 4)).astype(np.float32)
        smooth = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
        total += np.asarray(smooth) * 0.55**octave
    return (total - total.mean()) / (total.std() + 1e-6)


def _lesion_depth(rng: np.random.Generator, height: int, width: int, size: float) -> np.ndarray:
    """Depth inside the border in pixels, negative outside: a wobbly, stretched, notched circle."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    side = min(width, height)
    x = x - width / 2 + side * rng.uniform(-0.06, 0.06)
    y = y - height / 2 + side * rng.uniform(-0.06, 0.06)
    wobble = side * 0.018
    x += wobble * _fractal(rng, height, width, side * 0.12)
    y += wobble * _fractal(rng, height, width, side * 0.12)
    turn, stretch = rng.uniform(0, np.pi), rng.uniform(1.0, 1.45)
    x, y = x * np.cos(turn) + y * np.sin(turn), (y * np.cos(turn) - x * np.sin(turn)) * stretch
    angle = np.arctan2(y, x)
    radius = np.full_like(angle, 1.0)
    for k in range(2, 9):
        radius += rng.normal(0, 0.16) / k**1.1 * np.cos(k * angle + rng.uniform(0, 2 * np.pi))
    return side * size * radius - np.hypot(x, y)


def _pigmentation(
    rng: np.random.Generator, height: int, width: int, unit: float, depth: np.ndarray, network: bool
) -> np.ndarray:
    """How much pigment each part of the lesion holds, about 0.3 (light brown) to 2 (near black)."""
    inside = np.clip(depth / (70 * unit), 0, 1)
    amount = 0.55 + 0.35 * inside + 0.20 * _fractal(rng, height, width, 60 * unit)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    for _ in range(rng.integers(1, 4)):  # darker fields, off the centre
        cx = width / 2 + rng.normal(0, 55 * unit) + 9 * unit * _fractal(rng, height, width, 40 * unit)
        cy = height / 2 + rng.normal(0, 45 * unit) + 9 * unit * _fractal(rng, height, width, 40 * unit)
        reach = unit * rng.uniform(28, 60)
        amount += rng.uniform(0.25, 0.75) * np.exp(-((((x - cx) ** 2 + (y - cy) ** 2) / reach**2) ** 1.5))
    if not network:
        return np.clip(amount * 1.25 + 0.10 * _fractal(rng, height, width, 8 * unit), 0.2, 2.2)
    where = np.clip(0.75 + 0.55 * _fractal(rng, height, width, 90 * unit), 0, 1.3)
    lines = _cell_borders(rng, height, width, unit * rng.uniform(6.5, 10))
    amount += where * rng.uniform(0.25, 0.5) * (lines - 0.4)
    for _ in range(rng.integers(0, 45)):  # dots and globules
        cx, cy = width / 2 + rng.normal(0, 70 * unit), height / 2 + rng.normal(0, 60 * unit)
        reach = unit * rng.uniform(2.0, 5.5)
        left, top = max(int(cx - 4 * reach), 0), max(int(cy - 4 * reach), 0)
        part = np.s_[top : int(cy + 4 * reach) + 1, left : int(cx + 4 * reach) + 1]
        distance = ((x[part] - cx) ** 2 + (y[part] - cy) ** 2) / reach**2
        amount[part] += rng.uniform(0.3, 0.9) * np.exp(-(distance**1.5))
    return np.clip(amount, 0.12, 2.4)


def _cell_borders(rng: np.random.Generator, height: int, width: int, cell: float) -> np.ndarray:
    """A net of thin lines around irregular cells (Worley noise), 1 on a line and 0 in a cell's middle."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x = x / cell + 0.35 * _fractal(rng, height, width, cell * 5)
    y = y / cell + 0.35 * _fractal(rng, height, width, cell * 5)
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    points = rng.uniform(0.1, 0.9, (row.max() - row.min() + 3, column.max() - column.min() + 3, 2))
    nearest = np.full((height, width), 9.0, np.float32)
    second = nearest.copy()
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            point = points[row - row.min() + 1 + down, column - column.min() + 1 + across]
            distance = np.hypot(column + across + point[..., 0] - x, row + down + point[..., 1] - y)
            second = np.minimum(second, np.maximum(nearest, distance))
            nearest = np.minimum(nearest, distance)
    return np.exp(-(((second - nearest) / 0.3) ** 2))


def _skin_relief(rng: np.random.Generator, height: int, width: int, unit: float) -> np.ndarray:
    """Pores, and the fine furrows that cross each other on all skin; deviation of 1."""
    furrows = np.zeros((height, width), np.float32)
    for angle in rng.uniform(20, 70) + np.array([0, rng.uniform(60, 110)]):
        side = int(1.5 * max(width, height))
        stretched = _fractal(rng, side, side // 3, 7 * unit, octaves=2)
        line = Image.fromarray(stretched).resize((side, side), Image.Resampling.BICUBIC).rotate(angle)
        left, top = (side - width) // 2, (side - height) // 2
        furrows += np.asarray(line)[top : top + height, left : left + width]
    relief = 0.25 * furrows - 1.4 * _cell_borders(rng, height, width, 10 * unit)
    relief += 0.6 * _fractal(rng, height, width, 6 * unit)
    return (relief - relief.mean()) / (relief.std() + 1e-6)


def _illumination(rng: np.random.Generator, height: int, width: int, from_side: bool) -> np.ndarray:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = x / width - 0.5, y / height - 0.5
    vignette = 1 - rng.uniform(0.12, 0.38) * (x**2 + y**2) ** 1.2 * 2
    if from_side:
        angle = rng.uniform(0, 2 * np.pi)
        vignette *= 1 + rng.uniform(0.10, 0.28) * (x * np.cos(angle) + y * np.sin(angle))
    return vignette


def _draw_hairs(rng: np.random.Generator, image: Image.Image, unit: float) -> None:
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(1, 6)):
        start, end = rng.uniform(-0.1, 1.1, (2, 2)) * image.size
        bend = (start + end) / 2 + rng.normal(0, 60 * unit, 2)
        t = np.linspace(0, 1, 60)[:, None]
        curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end
        shade = int(rng.integers(45, 95))
        colour = (shade + 35, shade + 5, shade)
        draw.line(
            [tuple(point) for point in curve], fill=colour, width=max(1, round(1.8 * unit)), joint="curve"
        )


def _camera(rng: np.random.Generator, image: Image.Image, blur: float) -> Image.Image:
    """Lens and sensor: a little blur, then noise in brightness and less of it in colour."""
    pixels = np.asarray(image.filter(ImageFilter.GaussianBlur(blur)), np.float32)
    noise = rng.normal(0, 2.2, (*pixels.shape[:2], 1)) + rng.normal(0, 0.9, pixels.shape)
    return _to_image(pixels + noise)


def _to_image(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8))
