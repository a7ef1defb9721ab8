"""Renders README's results, the model card and its pictures from a bundle's contract and metrics alone.

What the metrics do not hold is left out: an older bundle gives a shorter report, never a wrong one.
"""

import json
import re
from collections.abc import Mapping
from html import unescape
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from train.evaluation.metrics import METRICS, wilson
from train.report.pictures import FACTORS, pictures
from webapp.model.labels import CLASSES

TEMPLATES: Final = Path(__file__).parent / "templates"
MODEL_CARD: Final = "MODEL_CARD.md"
PICTURES: Final = "report"
PART: Final = re.compile(
    r"(<!-- begin (\w+): rendered by `make report` -->\n).*?(<!-- end \2 -->)", re.DOTALL
)


class ReportError(Exception):
    """A document that cannot be rendered; the message says why."""


def report(bundle: Path, readme: Path | None = None, leak: Path | None = None) -> None:
    """Writes the model card and its pictures into the bundle and renders the marked parts of a README.

    Args:
        bundle: A bundle with its contract and metrics.
        readme: A Markdown file with ``<!-- begin NAME: … -->`` marks, one template each.
        leak: What :mod:`train.steps.leak` wrote; left out if the file is not there.

    Raises:
        ReportError: The file has no such mark.
    """
    metrics = _read(bundle / METRICS)
    drawn = pictures(metrics)
    write_pictures(bundle / PICTURES, drawn)
    values = {
        "contract": _read(bundle / "contract.json"),
        "metrics": metrics,
        "price": next((row for row in metrics.get("prices", ()) if row["chosen"]), None),
        "leak": _read(leak) if leak and leak.is_file() else None,
        "pictures": {name: _title(svg) for name, svg in drawn.items()},
    }
    card = re.sub(r"\n{3,}", "\n\n", render("model_card.md", values))  # left by parts without figures
    (bundle / MODEL_CARD).write_text(card, encoding="utf-8")
    if readme:
        readme.write_text(render_marked(readme.read_text(encoding="utf-8"), values), encoding="utf-8")


def write_pictures(folder: Path, drawn: Mapping[str, str]) -> None:
    """Writes SVG files into a folder and removes those of an earlier report that are no longer drawn."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.svg"):
        if old.stem not in drawn:
            old.unlink()
    for name, svg in drawn.items():
        (folder / f"{name}.svg").write_text(svg, encoding="utf-8")


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _title(svg: str) -> str:
    """Returns a picture's title: its alternative text in the documents."""
    return unescape(svg.partition("<title>")[2].partition("</title>")[0])


def render(template: str, values: Mapping[str, Any]) -> str:
    """Renders one of ``report_templates`` from the contract and the metrics."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown from our own JSON
    )
    environment.filters |= {"percent": percent, "figure": figure, "of": share_of}
    return environment.get_template(template).render(**values, classes=CLASSES, factors=FACTORS)


def render_marked(text: str, values: Mapping[str, Any]) -> str:
    """Returns a document with each marked part rendered anew from the template of that name.

    Raises:
        ReportError: There is no mark.
    """
    if not PART.search(text):
        raise ReportError("no `<!-- begin NAME: rendered by `make report` -->` mark in the document")
    return PART.sub(lambda m: f"{m[1]}{render(f'{m[2]}.md', values)}{m[3]}", text)


def percent(found: Mapping[str, Any] | None, interval: bool = True) -> str:
    """Formats a share as ``70.8 % (68.1–73.2)``."""
    return _format(found, 100, 1, " %", interval)


def share_of(share: float | None, count: int) -> str:
    """Formats a share of single photos with its interval, as :func:`percent` does."""
    return "–" if share is None else percent(wilson(share * count, count))


def figure(found: Mapping[str, Any] | None) -> str:
    """Formats a figure as ``0.925 (0.905–0.942)``, one that can be negative as ``−0.01 (−0.02 to 0.01)``."""
    return _format(found, 1, 3, "", True)


def _format(found: Mapping[str, Any] | None, scale: int, digits: int, unit: str, interval: bool) -> str:
    if found is None or found["value"] is None:
        return "too few photos"
    value, low, high = (
        f"{found.get(part, 0) * scale:.{digits}f}".replace("-", "−") for part in ("value", "low", "high")
    )
    if not interval or "low" not in found:
        return f"{value}{unit}"
    return f"{value}{unit} ({low}{' to ' if '−' in low else '–'}{high})"
