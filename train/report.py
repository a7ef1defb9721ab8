"""Renders README's results and the model card from a bundle's contract and metrics, and nothing else."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from train.metrics import METRICS
from webapp.labels import CLASSES

TEMPLATES: Final = Path(__file__).parent / "report_templates"
MODEL_CARD: Final = "MODEL_CARD.md"
PART: Final = re.compile(
    r"(<!-- begin (\w+): rendered by `make report` -->\n).*?(<!-- end \2 -->)", re.DOTALL
)


class ReportError(Exception):
    """A document that cannot be rendered; the message says why."""


def report(bundle: Path, readme: Path | None = None) -> None:
    """Writes the model card into the bundle and renders the marked parts of a README.

    Args:
        bundle: A bundle with its contract and metrics.
        readme: A Markdown file with ``<!-- begin NAME: … -->`` marks, one template each.

    Raises:
        ReportError: The file has no such mark.
    """
    (bundle / MODEL_CARD).write_text(render("model_card.md", bundle), encoding="utf-8")
    if readme:
        readme.write_text(render_marked(readme.read_text(encoding="utf-8"), bundle), encoding="utf-8")


def render(template: str, bundle: Path) -> str:
    """Renders one of ``report_templates`` from a bundle's two JSON files."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown from our own JSON
    )
    environment.filters |= {"percent": percent, "figure": figure}
    contract, metrics = (
        json.loads((bundle / name).read_text(encoding="utf-8")) for name in ("contract.json", METRICS)
    )
    return environment.get_template(template).render(contract=contract, metrics=metrics, classes=CLASSES)


def render_marked(text: str, bundle: Path) -> str:
    """Returns a document with each marked part rendered anew from the template of that name.

    Raises:
        ReportError: There is no mark.
    """
    if not PART.search(text):
        raise ReportError("no `<!-- begin NAME: rendered by `make report` -->` mark in the document")
    return PART.sub(lambda m: f"{m[1]}{render(f'{m[2]}.md', bundle)}{m[3]}", text)


def percent(found: Mapping[str, Any] | None) -> str:
    """Formats a share as ``70.8 % (68.1–73.2)``."""
    return _format(found, 100, 1, " %")


def figure(found: Mapping[str, Any] | None) -> str:
    """Formats a figure as ``.925 (.905–.942)``."""
    return _format(found, 1, 3, "")


def _format(found: Mapping[str, Any] | None, scale: int, digits: int, unit: str) -> str:
    if found is None or found["value"] is None:
        return "too few photos"
    number = f"{found['value'] * scale:.{digits}f}{unit}"
    if "low" not in found:
        return number
    return f"{number} ({found['low'] * scale:.{digits}f}–{found['high'] * scale:.{digits}f})"
