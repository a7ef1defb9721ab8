"""What `make instances` makes of what it measured."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.instances import Round, summary
from benchmarks.render import instances_targets, report
from benchmarks.serving import Load, cpu_seconds, nginx_on_loopback

ROOT = Path(__file__).parents[1]
FIGURES = json.loads((ROOT / "benchmarks" / "results.json").read_text())
ONE = Round(Load((0.1,) * 30, 10.0, 0), {"app": 9.5, "nginx": 0.1, "clients": 0.4})
TWO = Round(Load((0.1,) * 57, 10.0, 0), {"app": 19.0, "nginx": 0.2, "clients": 0.8})
LARGEST = {
    "megapixels": 64,
    "failures": 0,
    "seconds": 2.0,
    "before_megabytes": 140,
    "highest_megabytes": 420,
    "after_megabytes": 145,
}


def measured(two: Round = TWO, **largest: float) -> dict[str, Any]:
    return {
        "measured": "2026-11-25",
        "machine": "2 cores",
        "model_version": "1",
        "load_average_before": 0.1,
        "cores": 2,
        "rounds": {"number": 3, "seconds": 20.0, "clients": 4},
        "instances": {"one": summary([ONE]), "two": summary([two])},
        "largest": {"png": LARGEST | largest},
    }


@pytest.mark.parametrize("apps", [[5001], [5001, 5002]])
def test_nginx_stands_in_front_of_as_many_instances_as_there_are(apps: list[int], tmp_path: Path) -> None:
    shipped = (ROOT / "deploy" / "nginx.conf").read_text()
    text = nginx_on_loopback(shipped, 5000, apps, tmp_path)
    servers = [
        line.split()[1] for line in text.splitlines() if line.split()[:1] == ["server"] and ":" in line
    ]
    assert servers == [f"127.0.0.1:{port}" for port in apps]
    assert "listen 127.0.0.1:5000;" in text and ":8000" not in text and "/tmp/nginx" not in text


def test_rounds_are_counted_together() -> None:
    slow = Round(Load((0.3,) * 10, 10.0, 2), {"app": 10.5, "nginx": 0.1, "clients": 0.4})
    figures = summary([ONE, slow])
    assert (figures["answers"], figures["failures"], figures["answers_per_second"]) == (40, 2, 2.0)
    assert figures["cores_busy"] == {"app": 1.0, "nginx": 0.01, "clients": 0.04}
    assert figures["answers_per_app_cpu_second"] == 2.0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_cpu_time_of_a_process_is_found() -> None:
    mine = time.process_time()
    assert cpu_seconds(os.getpid()) >= mine - 0.1, "the kernel counts in ticks"


@pytest.mark.parametrize(("answers", "reached", "kept"), [(57, "1.9 times", False), (59, "2.0 times", True)])
def test_two_instances_are_held_against_twice_of_one(answers: int, reached: str, kept: bool) -> None:
    row = instances_targets(measured(Round(Load((0.1,) * answers, 10.0, 0), TWO.cpu)))[0]
    assert (row["reached"], row["kept"]) == (reached, kept)


def test_a_failed_answer_is_told() -> None:
    figures = measured(Round(Load((0.1,) * 60, 10.0, 1), TWO.cpu), failures=1)
    ratio, failed, memory = instances_targets(figures)
    assert (ratio["kept"], failed["kept"], failed["reached"]) == (True, False, "1")
    assert (memory["kept"], memory["reached"]) == (False, "420 MB, no answer")


@pytest.mark.parametrize(("peak", "kept"), [(511, True), (512, False)])
def test_the_largest_photos_are_held_against_the_smallest_dyno(peak: int, kept: bool) -> None:
    row = instances_targets(measured(highest_megabytes=peak))[-1]
    assert (row["reached"], row["kept"]) == (f"{peak} MB", kept)


def test_the_report_says_where_the_cores_went() -> None:
    page = report(FIGURES, None, measured())
    assert "| cores kept busy by the app | 0.95 | 1.90 |" in page
    assert "| cores kept busy by the clients | 0.04 | 0.08 |" in page
    assert "no third core" in page and "Deploy rehearsal" not in page


def test_a_machine_with_one_core_says_so() -> None:
    figures = measured() | {"cores": 1}
    del figures["instances"], figures["rounds"]
    page = report(FIGURES, None, figures)
    assert "fewer than 2 cores" in page and "two instances against one" not in page
    assert "memory, one PNG of 64 MP" in page
