"""What `make bench` makes of what it measured, and whether the documents show just that."""

import copy
import json
import socketserver
import threading
import time
from pathlib import Path

import pytest

from benchmarks.__main__ import app_threads, options
from benchmarks.load import section
from benchmarks.render import SETS, documents, report, targets
from benchmarks.serving import Load, Visitor, post

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
    figures["apps"]["app"]["loads"]["jpeg-600x450"]["4"]["client_cpu_ms_per_answer"] = 0.17
    page = report(figures, None, None)
    assert "belong to no app: 0.17 ms for each of these answers." in page
    assert "| JPEG, 12 MP | 10.0 | 20.0 |" in page  # 36 ms a million times are 10 hours
    assert "and 5.0 what lies around them" in page


@pytest.mark.parametrize(("milliseconds", "kept"), [(10.0, True), (10.3, False)])
def test_the_model_is_held_against_10_ms(milliseconds: float, kept: bool) -> None:
    figures = copy.deepcopy(FIGURES)
    figures["stages_ms"]["jpeg-600x450"]["model"] = milliseconds
    (row,) = [row for row in targets(figures) if row["what"].startswith("the model, all its views")]
    assert (row["target"], row["reached"], row["kept"]) == ("≤ 10 ms", f"{milliseconds} ms", kept)


def test_a_point_without_an_answer_is_said_and_the_rest_is_told() -> None:
    figures = copy.deepcopy(FIGURES)
    none = Load(times=(), duration=20.0, failures=7).figures() | {"cpu_ms_per_answer": None}
    assert none["answers"] == 0 and none["p50_ms"] is None
    figures["apps"]["twin"]["loads"]["jpeg-12mp"]["4"] = none
    figures["apps"]["app"]["loads"]["heic-12mp"]["4"] = none
    figures["apps"]["app"]["loads"]["jpeg-600x450"]["4"] = none
    figures["by_turns"]["jpeg-12mp"][2]["twin"] = 0.0
    page = report(figures, None, None)
    assert "| JPEG, 12 MP | 4 | twin (b) | no answer | | | 0 (7 failed) |  |" in page
    assert "| JPEG, 600 × 450 | 4 | this app | no answer | | | 0 (7 failed) |  |" in page
    rounds = "against the twin, median of the rounds"
    assert f"| answers/s at 4 clients, 12 MP, {rounds} | ≥ 4 times | no answer | **missed** |" in page
    (cost,) = [line for line in page.splitlines() if line.startswith("| HEIC, 12 MP | no answer | ")]
    assert cost.count("|") == 4
    assert "None" not in page and "nan" not in page


def test_the_median_of_the_rounds_by_turns_is_held_against_five_times() -> None:
    figures = copy.deepcopy(FIGURES)
    for rates, reached in (
        ([(50, 10), (90, 10), (40, 10)], ("5.0 times", True)),
        ([(49, 10), (90, 10), (40, 10)], ("4.9 times", False)),
    ):
        figures["by_turns"]["jpeg-600x450"] = [{"app": app, "twin": twin} for app, twin in rates]
        row = targets(figures)[0]
        assert (row["reached"], row["kept"]) == reached


class Hanging(socketserver.BaseRequestHandler):
    """Answers in pieces, or stops in the middle and hangs up."""

    def handle(self) -> None:
        while request := self.request.recv(1_000_000):
            if b"POST /whole" in request:
                for piece in (b"HTTP/1.1 200 OK\r\nContent-", b"Length: 6\r\n\r", b"\nabc", b"def"):
                    self.request.sendall(piece)
                    time.sleep(0.01)
            elif b"POST /busy" in request:
                self.request.sendall(b"HTTP/1.1 503 X\r\nContent-Length: 0\r\nRetry-After: 3\r\n\r\n")
            else:
                self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
                return


def test_a_visitor_waits_for_the_whole_answer_and_counts_no_other() -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Hanging) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        visitor = Visitor(server.server_address[1], timeout=5)
        whole, busy, broken = (post(path, b"photo", "image/jpeg") for path in ("/whole", "/busy", "/broken"))
        begin = time.perf_counter()
        assert visitor.ask(whole)[0] == 200
        assert time.perf_counter() - begin > 0.03
        status, head = visitor.ask(busy)
        assert status == 503 and b"retry-after: 3" in head
        with pytest.raises(OSError, match="no whole answer"):
            visitor.ask(broken)
        assert visitor.ask(whole)[0] == 200, "over a new connection"
        visitor.close()
        server.shutdown()
