"""Rehearses a deploy to Heroku as far as it can be done without Heroku: ``make rehearse``.

A clean export of the commit, ``pip install -r requirements.txt`` into an empty environment, the slug's
size, the release phase, the start through the Procfile with ``PORT`` and ``DYNO``, real uploads with
memory watched against a dyno's 512 MB, and SIGTERM in the middle of an answer.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.pictures import picture_sets
from benchmarks.serving import Load, send, serving, wait_until_ready, watching_memory

ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = ROOT / "benchmarks" / "rehearsal.json"
DYNO_MEGABYTES: Final = 512
SLUG_LIMIT: Final = 500  # MB, compressed
BOOT_LIMIT: Final = 60  # seconds until a dyno must listen (R10)
STOP_LIMIT: Final = 30  # seconds from SIGTERM to SIGKILL


class RehearsalError(Exception):
    """A step that failed; the message says which."""


def main() -> int:
    """Rehearses, writes the figures and returns 0 if every limit was kept."""
    parser = argparse.ArgumentParser(prog="python -m scripts.rehearse_deploy", description=__doc__)
    parser.add_argument("--commit", default="HEAD", help="what to export (default: %(default)s)")
    parser.add_argument("--bundle", type=Path, help="a model to lay in where the commit has none")
    parser.add_argument("--answers", type=int, default=60, help="uploads of each kind (default: %(default)s)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures go")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
        try:
            figures = rehearse(Path(folder), arguments.commit, arguments.bundle, arguments.answers)
        except RehearsalError as error:
            print(f"rehearsal: {error}", file=sys.stderr)
            return 1
    arguments.results.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2))
    return 0


def rehearse(folder: Path, commit: str, bundle: Path | None, answers: int) -> dict[str, Any]:
    """Goes through every step.

    Raises:
        RehearsalError: A step failed or a limit was not kept.
    """
    app, environment = folder / "app", folder / "venv"
    export(commit, app, bundle)
    _timed([sys.executable, "-m", "venv", str(environment)])
    pip = [str(environment / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    seconds, _ = _timed([*pip, "-r", str(app / "requirements.txt")])
    figures: dict[str, Any] = {"install_seconds": round(seconds, 1)} | slug(folder, app, environment)
    commands = dict(line.split(": ", 1) for line in (app / "Procfile").read_text().splitlines())
    environ = {
        "PATH": f"{environment / 'bin'}:/usr/bin:/bin",
        "DYNO": "web.1",
        "SECRET_KEY": "only-for-the-rehearsal-0123456789",
        # What Heroku's Python buildpack sets on a dyno of 512 MB.
        "WEB_CONCURRENCY": "2",
        "PYTHONUNBUFFERED": "1",
    }
    seconds, said = _timed(["/bin/bash", "-c", commands["release"]], cwd=app, env=environ)
    figures["release"] = {"seconds": round(seconds, 1), "said": said.strip().splitlines()[-1]}
    with memory_limit(DYNO_MEGABYTES) as (prefix, counters):
        command = ["/bin/bash", "-c", f"{prefix}exec {commands['web']}"]
        with serving(command, app, folder / "log", environ, clean=True) as server:
            figures["first_answer_seconds"] = round(wait_until_ready(server), 2)
            with watching_memory(server.process.pid) as memory:
                print("uploads", file=sys.stderr)
                figures["uploads"] = {
                    name: send(server, photos, clients=4, answers=answers, seconds=120).figures()
                    for name, photos in picture_sets().items()
                }
            figures["memory"] = {
                "dyno_megabytes": DYNO_MEGABYTES,
                "pss_at_first_megabytes": round(memory[0]),
                "pss_peak_megabytes": round(max(memory)),
                **counters(),
            }
            figures["stop"] = stop_in_the_middle(server, picture_sets()["jpeg-12mp"][0])
    _check(figures)
    return figures


def export(commit: str, app: Path, bundle: Path | None) -> None:
    """Writes the commit's files, less what ``.slugignore`` names."""
    app.mkdir()
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(app)], input=archive, check=True)
    ignored = app / ".slugignore"
    for line in ignored.read_text().splitlines() if ignored.is_file() else []:
        shutil.rmtree(app / line.strip("/"), ignore_errors=True)
    if bundle and not (app / "webapp" / "bundle" / "contract.json").is_file():
        shutil.copytree(bundle, app / "webapp" / "bundle", dirs_exist_ok=True)


def slug(folder: Path, app: Path, environment: Path) -> dict[str, Any]:
    """Measures what Heroku would store: the app and its packages, in MB, without Python itself."""
    archive = folder / "slug.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=6) as slug:
        slug.add(app, "app")
        slug.add(environment / "lib", "lib", filter=lambda member: None if "/pip" in member.name else member)
    sizes = {
        part: _folder_megabytes(path) for part, path in (("app", app), ("packages", environment / "lib"))
    }
    return {"installed_megabytes": sizes, "slug_megabytes": round(archive.stat().st_size / 1e6, 1)}


def _folder_megabytes(folder: Path) -> float:
    files = (file for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
    return round(sum(file.stat().st_size for file in files) / 1e6, 1)


def _timed(command: list[str], **options: Any) -> tuple[float, str]:
    print("$", *command, file=sys.stderr)
    begin = time.perf_counter()
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options
    )
    if done.returncode != 0:
        raise RehearsalError(f"{' '.join(command)} failed:\n{done.stdout}")
    return time.perf_counter() - begin, done.stdout


@contextmanager
def memory_limit(megabytes: int) -> Iterator[tuple[str, Any]]:
    """Makes a control group that kills what needs more memory, where this machine allows one.

    Yields:
        What a shell runs first to join it, and a function that returns its counters.
    """
    for parent, limit in (
        (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
        (Path("/sys/fs/cgroup"), "memory.max"),
    ):
        group = parent / f"rehearsal-{os.getpid()}"
        try:
            group.mkdir()
            (group / limit).write_text(str(megabytes * 1024 * 1024))
        except OSError:
            if group.is_dir():
                group.rmdir()
            continue
        try:
            yield f"echo $$ > {group / 'cgroup.procs'} && ", lambda group=group: _counters(group)
        finally:
            time.sleep(0.5)  # the kernel lets go of the last process a moment after it ended
            group.rmdir()
        return
    yield "", lambda: {"limited_by": "nothing: this machine allows no control group; PSS was watched"}


def _counters(group: Path) -> dict[str, Any]:
    events = "memory.oom_control" if (group / "memory.oom_control").is_file() else "memory.events"
    lines = dict(line.split() for line in (group / events).read_text().splitlines())
    return {"limited_by": "a control group", "killed_for_memory": int(lines.get("oom_kill", 0))}


def stop_in_the_middle(server: Any, photo: bytes) -> dict[str, Any]:
    """Sends SIGTERM while photos are being answered; they must still get their answers."""
    loads: list[Load] = []
    client = threading.Thread(
        target=lambda: loads.append(send(server, [photo], clients=2, answers=2, seconds=30))
    )
    client.start()
    time.sleep(0.15)
    begin = time.perf_counter()
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(STOP_LIMIT + 10)
    seconds = time.perf_counter() - begin
    client.join()
    return {"seconds": round(seconds, 2), "answered": len(loads[0].times), "lost": loads[0].failures}


def _check(figures: dict[str, Any]) -> None:
    failures = [name for name, load in figures["uploads"].items() if load["failures"]]
    kept = {
        f"the slug may have {SLUG_LIMIT} MB": figures["slug_megabytes"] <= SLUG_LIMIT,
        f"the first answer may take {BOOT_LIMIT} s": figures["first_answer_seconds"] <= BOOT_LIMIT,
        f"every upload must be answered (not so: {failures})": not failures,
        f"{DYNO_MEGABYTES} MB must do": figures["memory"]["pss_peak_megabytes"] * 1e6
        <= DYNO_MEGABYTES * 1024 * 1024
        and not figures["memory"].get("killed_for_memory"),
        f"SIGTERM must end it within {STOP_LIMIT} s": figures["stop"]["seconds"] <= STOP_LIMIT,
        "what was being answered must be finished": figures["stop"]["lost"] == 0,
    }
    broken = [limit for limit, is_kept in kept.items() if not is_kept]
    if broken:
        raise RehearsalError(f"{'; '.join(broken)}:\n{json.dumps(figures, indent=2)}")


if __name__ == "__main__":
    sys.exit(main())
