"""What `make load` makes of what it measured."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import load
from benchmarks.load import section, targets, write_section


def crowd(clients: int, **figures: Any) -> dict[str, Any]:
    return {
        "clients": clients,
        "seconds": 60.2,
        "statuses": {"200": 2400},
        "accepted_a_second": 40.0,
        "accepted_p50": 0.1,
        "accepted_p99": 0.15,
        "accepted_max": 0.16,
        "refused_p50": None,
        "refused_p99": None,
        "memory_mb": [189.0, 190.0, 191.0, 190.5],
    } | figures


FEW = crowd(4)
MANY = crowd(64, accepted_a_second=35.0, accepted_p99=2.5)
TOO_MANY = crowd(96, statuses={"200": 2100, "503": 900}, refused_p50=0.004, refused_p99=0.08)
FIGURES = {
    "measured": "2026-11-26",
    "machine": "3 cores (made), Python 3.11.7",
    "model_version": "9.9.9",
    "few": FEW,
    "many": MANY,
    "too_many": TOO_MANY,
    "impatient": TOO_MANY | {"refused_p99": 0.25},
}


def test_the_section_says_when_and_with_what_it_was_measured() -> None:
    text = section(FIGURES)
    assert "measured on 2026-11-26, 3 cores (made), Python 3.11.7, model 9.9.9:" in text


def test_the_section_shows_the_crowds_beside_each_other() -> None:
    text = section(FIGURES)
    assert "| | few | many | more than the queue holds | the same, impatient |" in text
    assert "| clients | 4 | 64 | 96 | 96 |" in text
    assert "| answers | 2400 × 200 | 2400 × 200 | 2100 × 200, 900 × 503 | 2100 × 200, 900 × 503 |" in text
    assert "| 503: median, p99 | none | none | 4 ms, 80 ms | 4 ms, 250 ms |" in text
    assert "| memory at the begin, most, at the end | 189 MB, 191 MB, 190 MB |" in text
    assert "| rate of 200s, of that with 4 clients | at least 80 % | 88% | met |" in text
    assert "| p99 of refusals (503), more than the queue holds | at most 100 ms | 80 ms | met |" in text


@pytest.mark.parametrize(
    ("few", "many", "too_many", "missed"),
    [
        ({}, {"accepted_a_second": 31.9}, {}, "rate of 200s"),
        ({}, {"accepted_p99": 3.01}, {}, "p99 of accepted"),
        ({}, {}, {"statuses": {"0": 1, "200": 9, "503": 9}}, "answers"),
        ({}, {}, {"refused_p99": 0.101}, "p99 of refusals"),
        ({}, {}, {"refused_p50": None, "refused_p99": None}, "p99 of refusals"),
        ({}, {"memory_mb": [189.0, 190.0, 195.0, 201.0]}, {}, "memory"),
    ],
)
def test_a_target_that_is_missed_says_so(
    few: dict[str, Any], many: dict[str, Any], too_many: dict[str, Any], missed: str
) -> None:
    rows = targets(FEW | few, MANY | many, TOO_MANY | too_many, TOO_MANY)
    assert [what.startswith(missed) for what, _, _, met in rows if not met] == [True]


def test_the_section_takes_the_place_of_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "FOLDER", tmp_path)
    readme = tmp_path / "README.md"
    readme.write_text("# Benchmarks\n")
    write_section("first")
    readme.write_text(readme.read_text() + "\nAfter it.\n")
    write_section("second")
    assert readme.read_text() == (
        "# Benchmarks\n\n<!-- load:begin -->\nsecond\n<!-- load:end -->\n\nAfter it.\n"
    )
