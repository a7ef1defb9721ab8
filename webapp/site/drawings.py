"""The pictures on the page about the model, worked out from ``metrics.json`` as points of an SVG drawing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from webapp.model.labels import CLASSES
from webapp.site.languages import gettext as _

LEFT, RIGHT, TOP, BOTTOM = 52.0, 342.0, 20.0, 260.0  # the plot within a drawing of 360 × 320
CELL: Final = (BOTTOM - TOP) / len(CLASSES)


@dataclass(frozen=True)
class Point:
    """A point of the drawing."""

    x: float
    y: float


@dataclass(frozen=True)
class Roc:
    """Cancers found against harmless spots flagged, and where the two limits lie on that curve."""

    line: str
    signs: Point
    unsure: Point
    description: str


@dataclass(frozen=True)
class Calibration:
    """What the model said against what was true, in groups of photos."""

    line: str
    points: tuple[Point, ...]
    description: str


@dataclass(frozen=True)
class Cell:
    """How often a kind (row) was called what (column), of 100."""

    x: float
    y: float
    per_hundred: int


@dataclass(frozen=True)
class Confusion:
    """The confusion matrix, each row in per cent of itself."""

    cells: tuple[Cell, ...]
    labels: tuple[tuple[str, float], ...]
    side: float
    description: str


def roc(curve: Mapping[str, Any], operating_points: Mapping[str, Any]) -> Roc:
    """Draws the receiver operating characteristic.

    Args:
        curve: ``fpr`` and ``tpr``, 0–1, in the same order; and ``at``, where the limits of ``signs`` and
            ``unsure`` lie on it.
        operating_points: What the app flags, with its ``sensitivity`` and ``specificity``: stands in for
            ``at``, which earlier figures do not have.
    """
    at = curve.get("at") or {
        name: {"fpr": 1 - point["specificity"]["value"], "tpr": point["sensitivity"]["value"]}
        for name, point in operating_points.items()
    }
    found = {name: point["tpr"] for name, point in at.items()}
    mistaken = {name: point["fpr"] for name, point in at.items()}
    return Roc(
        line=_line([_point(x, y) for x, y in zip(curve["fpr"], curve["tpr"], strict=True)]),
        signs=_point(mistaken["signs"], found["signs"]),
        unsure=_point(mistaken["unsure"], found["unsure"]),
        description=_(
            "Curve. At the limit for “signs” the model finds %(found)s of 100 cancers and flags "
            "%(mistaken)s of 100 harmless spots by mistake; at the limit for “unsure” it is "
            "%(found_unsure)s and %(mistaken_unsure)s.",
            found=round(100 * found["signs"]),
            mistaken=round(100 * mistaken["signs"]),
            found_unsure=round(100 * found["unsure"]),
            mistaken_unsure=round(100 * mistaken["unsure"]),
        ),
    )


def calibration(bins: Sequence[Mapping[str, float]]) -> Calibration:
    """Draws the reliability diagram.

    Args:
        bins: Groups of photos with similar ``predicted`` probability, with how many are cancer
            (``observed``); empty ones are left out.
    """
    groups = [group for group in bins if group["count"]]
    points = tuple(_point(group["predicted"], group["observed"]) for group in groups)
    pairs = "; ".join(
        _(
            "%(predicted)s said, %(observed)s true",
            predicted=round(100 * group["predicted"]),
            observed=round(100 * group["observed"]),
        )
        for group in groups
    )
    return Calibration(
        line=_line(points),
        points=points,
        description=_("Points along a diagonal line, in cancers of 100 photos: %(pairs)s.", pairs=pairs),
    )


def confusion(counts: Sequence[Sequence[int]], names: Sequence[str]) -> Confusion:
    """Draws the confusion matrix.

    Args:
        counts: One row (what was true) and one column (what the model said) for each of
            ``labels.CLASSES``.
        names: The classes in plain words, in the same order.
    """
    rates = [[round(100 * count / max(1, sum(row))) for count in row] for row in counts]
    cells = tuple(
        Cell(LEFT + 14 + CELL * column, TOP + CELL * row, rates[row][column])
        for row in range(len(names))
        for column in range(len(names))
    )
    sentences = []
    for row, name in enumerate(names):
        others = [column for column in range(len(names)) if column != row]
        worst = max(others, key=lambda column: rates[row][column])
        sentences.append(
            _(
                "%(name)s: %(right)s of 100 named rightly, %(wrong)s called %(other)s.",
                name=name,
                right=rates[row][row],
                wrong=rates[row][worst],
                other=names[worst],
            )
        )
    return Confusion(
        cells=cells,
        labels=tuple((dx, CELL * (index + 0.5)) for index, dx in enumerate(CLASSES)),
        side=CELL - 1,
        description=" ".join(sentences),
    )


def _point(x: float, y: float) -> Point:
    return Point(round(LEFT + (RIGHT - LEFT) * x, 1), round(BOTTOM - (BOTTOM - TOP) * y, 1))


def _line(points: Sequence[Point]) -> str:
    return " ".join(f"{point.x:g},{point.y:g}" for point in points)
