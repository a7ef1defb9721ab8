"""What the rehearsal of a deploy does without starting anything."""

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks.render import report
from scripts import rehearse_deploy
from scripts.rehearse_deploy import DYNOS, RehearsalError, _counters, check_limits, export, slug

ROOT = Path(__file__).parents[1]
FIGURES = json.loads((ROOT / "benchmarks" / "results.json").read_text())
LOAD = {"failures": 0, "p95_ms": 391.2, "answers_per_second": 24.95}


def on_dyno(names: str, megabytes: int, workers: int, peak: int) -> dict[str, Any]:
    return {
        "names": names,
        "megabytes": megabytes,
        "workers": workers,
        "clients": 2 * workers,
        "first_answer_seconds": 0.58,
        "uploads": {name: dict(LOAD) for name in ("jpeg-600x450", "jpeg-12mp", "heic-12mp")},
        "memory": {
            "pss_at_first_megabytes": 106,
            "pss_peak_megabytes": peak,
            "limited_by": "a control group",
            "killed_for_memory": 0,
        },
        "stop": {"seconds": 0.67, "answered": 2, "lost": 0},
    }


MEASURED: dict[str, Any] = {
    "measured": "2026-11-26",
    "machine": "3 cores (made)",
    "load_average_before": 0.1,
    "install_seconds": 9.9,
    "installed_megabytes": {"app": 29.3, "packages": 237.5},
    "slug_megabytes": 100.4,
    "release": {"seconds": 0.5, "said": "The model is complete and answers."},
    "model_version": "9.9.9",
    "dynos": [on_dyno("eco, basic, standard-1x", 512, 2, 498), on_dyno("standard-2x", 1024, 4, 871)],
}


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit of an app without a model, and a file that is not in the commit."""
    folder = tmp_path / "repository"
    for name, text in {
        "wsgi.py": "app = None",
        "tests/test_app.py": "",
        "webapp/tests/kept.py": "",
        ".slugignore": "/tests\n/docs\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "One")
    (folder / "later.py").write_text("")
    monkeypatch.setattr(rehearse_deploy, "ROOT", folder)
    return folder


def names(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def test_only_what_heroku_would_keep_of_the_commit_is_exported(repository: Path, tmp_path: Path) -> None:
    export("HEAD", tmp_path / "app", None)
    assert names(tmp_path / "app") == [".slugignore", "webapp/tests/kept.py", "wsgi.py"]


def test_a_model_is_laid_in_where_the_commit_has_none(repository: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "contract.json").write_text("first")
    export("HEAD", tmp_path / "app", bundle)
    laid_in = tmp_path / "app" / "webapp" / "bundle" / "contract.json"
    assert laid_in.read_text() == "first"
    (repository / "webapp" / "bundle").mkdir()
    (repository / "webapp" / "bundle" / "contract.json").write_text("committed")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", "Two")
    export("HEAD", tmp_path / "other", bundle)
    assert (tmp_path / "other" / "webapp" / "bundle" / "contract.json").read_text() == "committed"


def test_the_slug_holds_app_and_packages_without_pip(tmp_path: Path) -> None:
    packages = "lib/python3.11/site-packages"
    for name, size in {
        "app/wsgi.py": 200_000,
        f"venv/{packages}/flask/app.py": 300_000,
        f"venv/{packages}/pipeline/core.py": 400_000,
        f"venv/{packages}/pip/core.py": 5_000_000,
        f"venv/{packages}/pip-26.0.dist-info/RECORD": 5_000_000,
        "venv/bin/python": 5_000_000,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(bytes(size))
    sizes = slug(tmp_path, tmp_path / "app", tmp_path / "venv")
    assert sizes["installed_megabytes"] == {"app": 0.2, "packages": 0.7}
    assert sizes["slug_megabytes"] < 0.1, "zeros compress well"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"),
        ("memory.events", "low 0\nhigh 0\nmax 12\noom 3\noom_kill 3\n"),
    ],
)
def test_both_kinds_of_control_groups_tell_what_they_killed(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text)
    assert _counters(tmp_path)["killed_for_memory"] == 3


def test_workers_are_those_of_herokus_buildpack() -> None:
    cores = {512: 8, 1024: 8, 2560: 2}
    for dyno in DYNOS:
        assert dyno.workers == min(dyno.megabytes // 256, 2 * cores[dyno.megabytes] + 1)


def test_figures_within_the_limits_pass() -> None:
    check_limits(MEASURED)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("slug_megabytes",), 501, "the slug may have 500 MB"),
        (("dynos", 0, "first_answer_seconds"), 61, "512 MB: the first answer may take 60 s"),
        (("dynos", 1, "uploads", "heic-12mp", "failures"), 1, r"1024 MB: every upload .*\['heic-12mp'\]\)"),
        (("dynos", 0, "memory", "pss_peak_megabytes"), 537, "512 MB: the memory must do"),
        (("dynos", 1, "memory", "killed_for_memory"), 1, "1024 MB: the memory must do"),
        (("dynos", 1, "stop", "seconds"), 31, "1024 MB: SIGTERM must end it within 30 s"),
        (("dynos", 0, "stop", "lost"), 1, "512 MB: what was being answered must be finished"),
    ],
)
def test_a_limit_that_is_not_kept_is_named(path: tuple[str | int, ...], value: float, said: str) -> None:
    figures = copy.deepcopy(MEASURED)
    part: Any = figures
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    with pytest.raises(RehearsalError, match=f"^{said}:\n"):
        check_limits(figures)


def test_the_report_shows_each_size_beside_the_others() -> None:
    page = report(FIGURES, MEASURED, None)
    assert "Measured on 2026-11-26, 3 cores (made),\nmodel 9.9.9, load average before 0.1.\n" in page
    assert "| | eco, basic, standard-1x | standard-2x |\n|---|---|---|\n" in page
    assert "| workers, clients | 2, 4 | 4, 8 |" in page
    assert "| memory at the start, at its highest | 106 MB, 498 MB | 106 MB, 871 MB |" in page
    assert "| HEIC, 12 MP | 24.95 answers/s, p95 391.2 ms | 24.95 answers/s, p95 391.2 ms |" in page


def test_the_report_says_when_the_machine_was_not_quiet() -> None:
    page = report(FIGURES, MEASURED | {"load_average_before": 2.04}, None)
    assert "load average before 2.0 (**the machine was not quiet" in page
