"""Makes ``benchmarks/README.md`` and its picture from the measured figures (``-m benchmarks.render``)."""

import json
import math
import re
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

FOLDER: Final = Path(__file__).parent
NAMES: Final = {"app": "this app", "twin": "twin (b)", "origin": "origin’s script (c)"}
LARGEST: Final = {"png": "PNG", "heic": "HEIC"}
DYNO_MEGABYTES: Final = 512  # the smallest one
SETS: Final = {"jpeg-600x450": "JPEG, 600 × 450", "jpeg-12mp": "JPEG, 12 MP", "heic-12mp": "HEIC, 12 MP"}

BEGIN: Final = "<!-- begin benchmarks: rendered by `make bench` and `make rehearse` -->"
END: Final = "<!-- end benchmarks -->"


def render() -> None:
    """Writes the report, README's part and the picture from whatever has been measured."""
    for file, text in documents().items():
        file.write_text(text, encoding="utf-8")


def documents() -> dict[Path, str]:
    """Returns what each file that shows figures should hold; of README, all but its part stays as it is."""
    figures, rehearsal = _read("results.json"), _read("rehearsal.json")
    page, readme = FOLDER / "README.md", FOLDER.parent / "README.md"
    # `make load` has a section of its own in this file, which stays as it is.
    load = re.search(r"<!-- load:begin -->.*<!-- load:end -->\n", page.read_text(encoding="utf-8"), re.S)
    part = _template("readme.md.jinja").render(
        app=figures["apps"]["app"],
        twin=figures["apps"]["twin"],
        rehearsal=rehearsal,
        machine=figures["machine"],
        turns=figures["by_turns"]["jpeg-600x450"],
    )
    begin, rest = readme.read_text(encoding="utf-8").split(BEGIN)
    _, end, after = rest.partition(END)
    return {
        page: report(figures, rehearsal, _read("instances.json")) + (f"\n{load[0]}" if load else ""),
        readme: f"{begin}{BEGIN}\n{part}{end}{after}",
        FOLDER / "results.svg": _template("results.svg.jinja").render(bars=bars(figures["apps"])),
    }


def report(
    figures: Mapping[str, Any], rehearsal: Mapping[str, Any] | None, instances: Mapping[str, Any] | None
) -> str:
    """Returns the report, with the parts of ``make rehearse`` and ``make instances`` where they were made."""
    return _template("report.md.jinja").render(
        figures=figures,
        apps=figures["apps"],
        names=NAMES,
        sets=SETS,
        largest=LARGEST,
        targets=targets(figures),
        costs=costs(figures),
        rehearsal=rehearsal,
        instances=instances,
        instances_targets=instances_targets(instances) if instances else [],
    )


def _read(name: str) -> Any:
    file = FOLDER / name
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def _template(name: str) -> Template:
    environment = Environment(
        loader=FileSystemLoader(FOLDER), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["median"] = statistics.median
    return environment.get_template(name)


def targets(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns what was aimed at, what was reached and whether that is enough."""
    app, twin, stages = figures["apps"]["app"], figures["apps"]["twin"], figures["stages_ms"]
    speed, large = (_by_turns(figures, name) for name in ("jpeg-600x450", "jpeg-12mp"))
    memory = app["pss_megabytes"] / twin["pss_megabytes"]
    rows = [
        (
            "answers/s at 4 clients, 600 × 450, against the twin, median of the rounds",
            "≥ 5 times",
            _said(speed),
            speed >= 5,
        ),
        (
            "answers/s at 4 clients, 12 MP, against the twin, median of the rounds",
            "≥ 4 times",
            _said(large),
            large >= 4,
        ),
        ("memory against the twin", "≤ 25 %", f"{memory:.0%}", memory <= 0.25),
        (
            "memory, one worker, after 200 answers",
            "≤ 170 MB",
            f"{figures['one_worker_megabytes']:.0f} MB",
            figures["one_worker_megabytes"] <= 170,
        ),
        (
            "first answer after the start",
            "≤ 1.5 s",
            f"{app['first_answer_seconds']:.2f} s",
            app["first_answer_seconds"] <= 1.5,
        ),
    ]
    model = stages["jpeg-600x450"]["model"]
    rows.append(("the model, all its views, on one thread", "≤ 10 ms", f"{model:.1f} ms", model <= 10))
    for name, limit in (("jpeg-600x450", 6), ("jpeg-12mp", 20)):
        rest = stages[name]["all but the model"]
        rows.append(
            (f"everything but the model, {SETS[name]}", f"≤ {limit} ms", f"{rest:.1f} ms", rest <= limit)
        )
    return _named(rows)


def instances_targets(instances: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the same of ``make instances``; nothing of two instances where there was one core."""
    rows = []
    if "instances" in instances:
        one, two = instances["instances"]["one"], instances["instances"]["two"]
        ratio = two["answers_per_second"] / one["answers_per_second"]
        failed = one["failures"] + two["failures"]
        rows = [
            ("answers/s of two instances against one", "2 times", f"{ratio:.1f} times", round(ratio, 1) >= 2),
            ("failed answers", "none", str(failed or "none"), failed == 0),
        ]
    for suffix, figures in instances["largest"].items():
        peak = figures["highest_megabytes"]
        kept = peak < DYNO_MEGABYTES and figures["failures"] == 0
        reached = f"{peak} MB" + (", no answer" if figures["failures"] else "")
        what = f"memory, one {LARGEST[suffix]} of {figures['megapixels']} MP"
        rows.append((what, f"< {DYNO_MEGABYTES} MB", reached, kept))
    return _named(rows)


def _named(rows: Sequence[tuple[str, str, str, bool]]) -> list[dict[str, Any]]:
    return [dict(zip(("what", "target", "reached", "kept"), row, strict=True)) for row in rows]


def _rate(app: Mapping[str, Any]) -> float:
    return float(app["loads"]["jpeg-600x450"]["4"]["answers_per_second"])


def _by_turns(figures: Mapping[str, Any], picture_set: str) -> float:
    ratios = [_times(each["app"], each["twin"]) for each in figures["by_turns"][picture_set]]
    return math.nan if any(map(math.isnan, ratios)) else statistics.median(ratios)


def _times(rate: float, other: float) -> float:
    return rate / other if other else math.nan  # nothing can be said of one that never answered


def _said(times: float) -> str:
    return "no answer" if math.isnan(times) else f"{times:.1f} times"


def costs(figures: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Returns what a million answers cost in core-hours, by kind of photo and app; nothing for older figures.

    From the processor time that all processes of an app took for each answer with 4 clients.
    """
    found: dict[str, dict[str, float]] = {}
    for picture_set in SETS:
        for name in ("app", "twin"):
            load = figures["apps"][name]["loads"][picture_set]["4"]
            if load.get("cpu_ms_per_answer") is not None:
                core_hours = load["cpu_ms_per_answer"] / 1000 * 1e6 / 3600
                found.setdefault(picture_set, {})[name] = core_hours
    return found


def bars(apps: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the picture's three groups of bars, each bar's length from 0 to 1."""
    groups = [
        (
            "Answers per second, 4 clients",
            "longer is better",
            {name: _rate(app) for name, app in apps.items()},
        ),
        ("Memory in MB", "shorter is better", {name: app["pss_megabytes"] for name, app in apps.items()}),
        (
            "Seconds from start to first answer",
            "shorter is better",
            {name: app["first_answer_seconds"] for name, app in apps.items()},
        ),
    ]
    return [
        {
            "title": title,
            "hint": hint,
            "rows": [
                {"name": NAMES[name], "value": f"{value:.3g}", "share": value / max(values.values())}
                for name, value in values.items()
            ],
        }
        for title, hint, values in groups
    ]


if __name__ == "__main__":
    render()
    sys.exit(0)
