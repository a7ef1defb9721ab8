"""Pictures that no app for skin should judge, drawn by code: the gate must refuse them all.

The same seed draws the same pictures. Seeds below 1000 are free for choosing limits; reports use
others (:data:`TEST_SEED`), so that no limit is measured on what chose it.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

TEST_SEED: Final = 1000
SIZES: Final = ((600, 450), (450, 600), (512, 512), (390, 844))  # the last one is a phone's screen
Colour = tuple[int, int, int]

_WORDS: Final = (
    "the of and to in is that it was for on are with as be at one have this from or had by hot but some "
    "what there we can out other were all your when up use word how said an each she which do their time "
    "if will way about many then them would write like so these her long make thing see him two has look "
    "more day could go come did my sound no most number who over know water than call first people may "
    "down side been now find any new work part take get place made live where after back little only"
).split()
_SKIN: Final[tuple[Colour, ...]] = ((232, 186, 160), (214, 158, 128), (150, 102, 74), (98, 64, 48))


def _colour(rng: np.random.Generator) -> Colour:
    red, green, blue = rng.integers(0, 256, 3).tolist()
    return red, green, blue


def plain(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """One colour, that of skin every third time: a wall, a table, a thumb on the lens."""
    if rng.random() < 1 / 3:
        light = rng.uniform(0.6, 1.1)
        red, green, blue = (round(light * part) for part in _SKIN[rng.integers(len(_SKIN))])
        return Image.new("RGB", size, (red, green, blue))
    return Image.new("RGB", size, _colour(rng))


def noise(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """Random pixels, fine or in blocks, in colour or grey, over all values or around one colour."""
    block = int(rng.choice([1, 1, 4, 16]))
    shape = -(-size[1] // block), -(-size[0] // block), int(rng.choice([1, 3]))
    if rng.random() < 0.5:
        values = rng.integers(0, 256, shape).astype(np.float64)
    else:
        values = rng.normal(rng.uniform(60, 200), rng.uniform(15, 60), shape)
    pixels = np.broadcast_to(np.clip(values, 0, 255), (*shape[:2], 3)).astype(np.uint8)
    enlarged = (shape[1] * block, shape[0] * block)
    whole = Image.fromarray(pixels).resize(enlarged, Image.Resampling.NEAREST)
    return whole.crop((0, 0, *size))


def gradient(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """A smooth change between two colours, along a line or around a point."""
    y, x = np.mgrid[: size[1], : size[0]] / max(size)
    if rng.random() < 0.5:
        angle = rng.uniform(0, 2 * math.pi)
        along = x * math.cos(angle) + y * math.sin(angle)
    else:
        along = np.hypot(x - rng.uniform(0, 1), y - rng.uniform(0, 1))
    along = (along - along.min()) / np.ptp(along)
    first, second = np.array(_colour(rng)), np.array(_colour(rng))
    return Image.fromarray((first + along[..., None] * (second - first)).round().astype(np.uint8))


def text(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """A screenshot of written text, dark on light or light on dark, with a bar at the top."""
    dark = rng.random() < 0.3
    paper, ink = ((24, 24, 28), (225, 225, 230)) if dark else ((252, 252, 250), (30, 30, 34))
    page = Image.new("RGB", size, paper)
    draw = ImageDraw.Draw(page)
    height = int(rng.integers(11, 26))
    font = ImageFont.load_default(height)
    draw.rectangle((0, 0, size[0], 2 * height), fill=_colour(rng))
    top = 3 * height
    while top < size[1] - height:
        words = rng.choice(_WORDS, int(rng.integers(3, 2 * size[0] // (6 * height) + 4)))
        draw.text((height, top), " ".join(words), fill=ink, font=font)
        top += int(height * rng.choice([1.4, 1.4, 1.4, 2.4]))
    return page


def drawing(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """Lines of a pen on paper: strokes, outlines and curves."""
    paper = Image.new("RGB", size, (250, 249, 245))
    draw = ImageDraw.Draw(paper)
    pen = (20, 20, 25) if rng.random() < 0.6 else _colour(rng)
    for _ in range(int(rng.integers(4, 14))):
        width = int(rng.integers(2, 6))
        (x0, x1), (y0, y1) = (sorted(rng.uniform(0, side, 2).tolist()) for side in size)
        shape = rng.integers(4)
        if shape == 0:
            draw.line((x0, y0, x1, y1), pen, width)
        elif shape == 1:
            draw.ellipse((x0, y0, x1 + 1, y1 + 1), outline=pen, width=width)
        elif shape == 2:
            draw.rectangle((x0, y0, x1 + 1, y1 + 1), outline=pen, width=width)
        else:
            steps = np.linspace(0, 1, 40)
            waves = (y0 + y1) / 2 + (y1 - y0) / 2 * np.sin(steps * rng.uniform(3, 20))
            draw.line(list(zip(x0 + steps * (x1 - x0), waves, strict=True)), pen, width, joint="curve")
    return paper


def icon(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """A flat symbol on a coloured tile: a disc, a ring, a star, a cross or a letter."""
    ground = (255, 255, 255) if rng.random() < 0.5 else _colour(rng)
    picture = Image.new("RGB", size, ground)
    draw = ImageDraw.Draw(picture)
    x, y, r = size[0] / 2, size[1] / 2, min(size) * rng.uniform(0.25, 0.45)
    draw.rounded_rectangle((x - r, y - r, x + r, y + r), r * rng.uniform(0, 1), fill=_colour(rng))
    ink, q, shape = _colour(rng), r * 0.6, rng.integers(5)
    if shape == 0:
        draw.ellipse((x - q, y - q, x + q, y + q), fill=ink)
    elif shape == 1:
        draw.ellipse((x - q, y - q, x + q, y + q), outline=ink, width=max(2, int(q / 4)))
    elif shape == 2:
        turns = [math.pi * k / 5 - math.pi / 2 for k in range(10)]
        radii = [q, q * 0.45] * 5
        corners = zip(radii, turns, strict=True)
        draw.polygon([(x + s * math.cos(t), y + s * math.sin(t)) for s, t in corners], fill=ink)
    elif shape == 3:
        draw.rectangle((x - q, y - q / 3, x + q, y + q / 3), fill=ink)
        draw.rectangle((x - q / 3, y - q, x + q / 3, y + q), fill=ink)
    else:
        letter = chr(ord("A") + int(rng.integers(26)))
        draw.text((x, y), letter, fill=ink, font=ImageFont.load_default(int(1.6 * q)), anchor="mm")
    return picture


KINDS: Final[Mapping[str, Callable[[np.random.Generator, tuple[int, int]], Image.Image]]] = {
    "plain": plain,
    "noise": noise,
    "gradient": gradient,
    "text": text,
    "drawing": drawing,
    "icon": icon,
}


def negatives(kind: str, count: int, seed: int = TEST_SEED) -> Iterator[Image.Image]:
    """Draws pictures of one kind.

    Args:
        kind: One of ``KINDS``.
        count: How many.
        seed: Of the first; picture *n* of a seed does not depend on ``count``.

    Yields:
        RGB images of phone-like sizes.
    """
    for number in range(count):
        rng = np.random.default_rng((seed, number, list(KINDS).index(kind)))
        yield KINDS[kind](rng, SIZES[int(rng.integers(len(SIZES)))])
