"""Small SVG charts as text: no fonts, no scripts, the same bytes for the same figures everywhere."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 480
HEIGHT: Final = 360
LEFT, RIGHT, TOP, BOTTOM = 62, 464, 40, 306
GREY: Final = "#8b91a1"
INK: Final = "#1f2430"
FAINT: Final = "#d5d8e0"
COLOURS: Final = ("#2f3f98", "#c2410c", "#0f766e", "#7e22ce")
"""Told apart in grey and with any colour vision by their brightness or by their dashes."""
DASHES: Final = ("", "7 3", "2 3", "9 3 2 3")

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Axis:
    """One axis: what it shows, from where to where, and the values that are written on it."""

    label: str
    low: float
    high: float
    ticks: tuple[float, ...]

    def share(self, value: float) -> float:
        """Returns where a value lies, 0–1, held within the axis."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


UNIT_TICKS: Final = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def unit_axis(label: str) -> Axis:
    """Returns an axis from 0 to 1."""
    return Axis(label, 0, 1, UNIT_TICKS)


@dataclass(frozen=True)
class Series:
    """One line, and the dots on it or instead of it."""

    name: str
    points: Points
    line: bool = True
    dots: bool = False


@dataclass(frozen=True)
class Row:
    """One line of a chart of intervals; ``None`` where there is no figure."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""


def plot(
    title: str, description: str, x: Axis, y: Axis, series: Sequence[Series], reference: Points = ()
) -> str:
    """Draws lines and dots over two axes.

    Args:
        title: Stands above it.
        description: For those who do not see it.
        x: The axis below.
        y: The axis at the left.
        series: At most four.
        reference: A grey line to compare with.
    """
    parts = [*_frame(x, y)]
    if reference:
        parts.append(
            f'<polyline points="{_line(reference, x, y)}" fill="none" stroke="{GREY}" '
            'stroke-dasharray="4 4"/>'
        )
    for i, one in enumerate(series):
        colour = COLOURS[i % len(COLOURS)]
        if one.line and len(one.points) > 1:
            dash = f' stroke-dasharray="{DASHES[i % 4]}"' if DASHES[i % 4] else ""
            parts.append(
                f'<polyline points="{_line(one.points, x, y)}" fill="none" stroke="{colour}" '
                f'stroke-width="2"{dash}/>'
            )
        if one.dots:
            parts.extend(
                f'<circle cx="{_x(px, x):.1f}" cy="{_y(py, y):.1f}" r="3.5" fill="{colour}"/>'
                for px, py in one.points
            )
    named = [one for one in series if one.name]
    return _svg(title, description, HEIGHT + 18 * len(named), [*parts, *_legend([s.name for s in named])])


def histogram(title: str, description: str, edges: Sequence[float], counts: dict[str, Sequence[int]]) -> str:
    """Draws how scores are spread, each group as shares of itself, side by side in every bin."""
    totals = {name: max(1, sum(values)) for name, values in counts.items()}
    highest = max(value / totals[name] for name, values in counts.items() for value in values)
    step = 0.1 if highest > 0.25 else 0.05
    top = min(1.0, step * (int(highest / step) + 1))
    x = unit_axis("malignancy score")
    y = Axis("share of the group", 0, top, tuple(step * i for i in range(round(top / step) + 1)))
    parts = [*_frame(x, y)]
    for i, (name, values) in enumerate(counts.items()):
        for b, value in enumerate(values):
            low, high = _x(edges[b], x), _x(edges[b + 1], x)
            width = (high - low) / len(counts)
            upper = _y(value / totals[name], y)
            if value:
                parts.append(
                    f'<rect x="{low + i * width:.1f}" y="{upper:.1f}" width="{width - 0.5:.1f}" '
                    f'height="{BOTTOM - upper:.1f}" fill="{COLOURS[i]}"/>'
                )
    names = [f"{name} ({totals[name]:,})" for name in counts]
    return _svg(title, description, HEIGHT + 18 * len(names), [*parts, *_legend(names)])


def matrix(title: str, description: str, names: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """Draws a confusion matrix: rows are the truth, shades are shares of the row, numbers are photos."""
    cell = (BOTTOM - TOP) / len(names)
    parts = []
    for row, values in enumerate(counts):
        total = max(1, sum(values))
        middle = TOP + (row + 0.5) * cell + 4
        parts.append(f'<text x="{LEFT + 20}" y="{middle:.1f}" text-anchor="end">{escape(names[row])}</text>')
        for column, value in enumerate(values):
            share, left = value / total, LEFT + 28 + column * cell * 1.3
            ink = "#fff" if share > 0.5 else INK
            parts.append(
                f'<rect x="{left:.1f}" y="{TOP + row * cell:.1f}" width="{cell * 1.3 - 1:.1f}" '
                f'height="{cell - 1:.1f}" fill="{COLOURS[0]}" fill-opacity="{0.04 + 0.96 * share:.2f}"/>'
                f'<text x="{left + cell * 0.65:.1f}" y="{middle:.1f}" text-anchor="middle" '
                f'fill="{ink}">{value}</text>'
            )
    for column, name in enumerate(names):
        x = LEFT + 28 + (column + 0.5) * cell * 1.3
        parts.append(f'<text x="{x:.1f}" y="{BOTTOM + 16}" text-anchor="middle">{escape(name)}</text>')
    parts.append(
        f'<text x="{(LEFT + RIGHT) / 2}" y="{BOTTOM + 38}" text-anchor="middle">what the network said</text>'
        f'<text transform="translate(16 {(TOP + BOTTOM) / 2}) rotate(-90)" text-anchor="middle">'
        "what it is</text>"
    )
    return _svg(title, description, HEIGHT, parts)


def intervals(title: str, description: str, axis: Axis, rows: Sequence[Row], aim: float | None = None) -> str:
    """Draws a dot and a 95 % interval for each row, and a vertical line at a value to compare with."""
    left, right = 190, WIDTH - 70
    bottom = TOP + 24 * len(rows)

    def at(value: float) -> float:
        return left + (right - left) * axis.share(value)

    parts = []
    for tick in axis.ticks:
        parts.append(
            f'<path d="M{at(tick):.1f} {TOP}V{bottom}" stroke="{FAINT}"/>'
            f'<text x="{at(tick):.1f}" y="{bottom + 16}" text-anchor="middle">{tick:g}</text>'
        )
    if aim is not None:
        parts.append(f'<path d="M{at(aim):.1f} {TOP}V{bottom}" stroke="{GREY}" stroke-dasharray="4 4"/>')
    for i, row in enumerate(rows):
        y = TOP + 24 * i + 12
        parts.append(f'<text x="{left - 10}" y="{y + 4}" text-anchor="end">{escape(row.name)}</text>')
        if row.value is None:
            parts.append(f'<text x="{left + 6}" y="{y + 4}" fill="#5c6372">too few photos</text>')
            continue
        if row.low is not None and row.high is not None:
            line = f"M{at(row.low):.1f} {y}H{at(row.high):.1f}"
            parts.append(f'<path d="{line}" stroke="{COLOURS[0]}" stroke-width="2"/>')
        parts.append(f'<circle cx="{at(row.value):.1f}" cy="{y}" r="4" fill="{COLOURS[0]}"/>')
        parts.append(f'<text x="{right + 8}" y="{y + 4}">{escape(row.note)}</text>')
    parts.append(
        f'<text x="{(left + right) / 2}" y="{bottom + 36}" text-anchor="middle">{escape(axis.label)}</text>'
    )
    return _svg(title, description, bottom + 48, parts)


def _svg(title: str, description: str, height: float, parts: Iterable[str]) -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" '
        f'aria-label="{escape(title)}" font-family="sans-serif" font-size="12" fill="{INK}">\n'
        f"<title>{escape(title)}</title>\n<desc>{escape(description)}</desc>\n"
        f'<rect width="100%" height="100%" fill="#fff"/>\n'
        f'<text x="{WIDTH / 2:g}" y="24" text-anchor="middle" font-size="14" font-weight="bold">'
        f"{escape(title)}</text>\n{body}\n</svg>\n"
    )


def _frame(x: Axis, y: Axis) -> Iterable[str]:
    for tick in x.ticks:
        at = f"{_x(tick, x):.1f}"
        yield (
            f'<path d="M{at} {TOP}V{BOTTOM}" stroke="{FAINT}"/>'
            f'<text x="{at}" y="{BOTTOM + 16}" text-anchor="middle">{tick:g}</text>'
        )
    for tick in y.ticks:
        at = f"{_y(tick, y):.1f}"
        yield (
            f'<path d="M{LEFT} {at}H{RIGHT}" stroke="{FAINT}"/>'
            f'<text x="{LEFT - 6}" y="{float(at) + 4:.1f}" text-anchor="end">{round(tick, 4):g}</text>'
        )
    yield (
        f'<text x="{(LEFT + RIGHT) / 2}" y="{BOTTOM + 38}" text-anchor="middle">{escape(x.label)}</text>'
        f'<text transform="translate(16 {(TOP + BOTTOM) / 2}) rotate(-90)" text-anchor="middle">'
        f"{escape(y.label)}</text>"
    )


def _legend(names: Sequence[str]) -> Iterable[str]:
    for i, name in enumerate(names):
        y = HEIGHT + 4 + 18 * i
        dash = f' stroke-dasharray="{DASHES[i % 4]}"' if DASHES[i % 4] else ""
        yield (
            f'<path d="M{LEFT} {y - 4}h26" stroke="{COLOURS[i % 4]}" stroke-width="3"{dash}/>'
            f'<text x="{LEFT + 34}" y="{y}">{escape(name)}</text>'
        )


def _x(value: float, axis: Axis) -> float:
    return LEFT + (RIGHT - LEFT) * axis.share(value)


def _y(value: float, axis: Axis) -> float:
    return BOTTOM - (BOTTOM - TOP) * axis.share(value)


def _line(points: Points, x: Axis, y: Axis) -> str:
    """Returns the points of a polyline; those that hide behind the one before are left out."""
    kept: list[str] = []
    for px, py in points:
        at = f"{_x(px, x):.1f},{_y(py, y):.1f}"
        if not kept or kept[-1] != at:
            kept.append(at)
    return " ".join(kept)
