"""What `make bench` makes of what it measured, and whether the documents show just that."""

import copy
import json
from pathlib import Path

import pytest

from benchmarks.__main__ import app_threads, options
from benchmarks.load import section
from benchmarks.render import SETS, documents, report, targets

ROOT = Path(__file__).parents[1]
FIGURES = json.loads((ROOT / "benchmarks" / "results.json").read_text())
LOAD = json.loads((ROOT / "benchmarks" / "load.json").read_text())
RENDERED = documents()


@pytest.mark.parametrize("document", RENDERED, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_document_shows_the_figures_beside_it(document: Path) -> None:
    assert document.read_text(encoding="utf-8") == RENDERED[document], (
        "`python -m benchmarks.render` mends it"
    )


def test_the_documents_are_those_that_show_figures() -> None:
    names = {str(file.relative_to(ROOT)) for file in RENDERED}
    assert names == {"README.md", "benchmarks/README.md", "benchmarks/results.svg"}


def test_the_section_on_load_shows_its_figures() -> None:
    page = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert f"<!-- load:begin -->\n{section(LOAD)}\n<!-- load:end -->" in page


def test_the_twin_gets_as_many_threads_as_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_QUEUE_SIZE", "10")
    few = app_threads()
    monkeypatch.setenv("FLASK_QUEUE_SIZE", "30")
    assert app_threads() == few + 20, "the app's own configuration says it"
    for name in ("twin", "origin"):
        assert options(name)[options(name).index("--threads") + 1] == str(few + 20)
    assert options("app") == ()


def test_the_report_says_with_how_many_threads_each_ran() -> None:
    figures = copy.deepcopy(FIGURES)
    for threads, name in enumerate(("app", "twin", "origin"), 41):
        figures["apps"][name]["threads"] = threads
    page = report(figures, None, None)
    assert "| threads of a worker | 41 | 42 | 43 |" in page
    assert "42 threads a worker" in page


def test_the_report_says_what_a_million_answers_cost() -> None:
    figures = copy.deepcopy(FIGURES)
    for name, milliseconds in {"app": 36.0, "twin": 72.0}.items():
        for picture_set in SETS:
            figures["apps"][name]["loads"][picture_set]["4"]["cpu_ms_per_answer"] = milliseconds
    stages = figures["stages_ms"]["jpeg-600x450"]
    stages["model"], stages["all but the model"] = 25.0, 6.0
    page = report(figures, None, None)
    assert "| JPEG, 12 MP | 10.0 | 20.0 |" in page  # 36 ms a million times are 10 hours
    assert "and 5.0 what lies around them" in page


@pytest.mark.parametrize(("milliseconds", "kept"), [(10.0, True), (10.3, False)])
def test_the_model_is_held_against_10_ms(milliseconds: float, kept: bool) -> None:
    figures = copy.deepcopy(FIGURES)
    figures["stages_ms"]["jpeg-600x450"]["model"] = milliseconds
    (row,) = [row for row in targets(figures) if row["what"].startswith("the model, all its views")]
    assert (row["target"], row["reached"], row["kept"]) == ("≤ 10 ms", f"{milliseconds} ms", kept)
