"""Rehearses a deploy to Heroku as far as it can be done without Heroku: ``make rehearse``.

A clean export of the commit, ``pip install -r requirements.txt`` into an empty environment, the slug's
size, the release phase, and then for each size of dyno: the start through the Procfile with ``PORT`` and
``DYNO``, real uploads with memory watched against the dyno's, and SIGTERM in the middle of an answer.
Takes about 4 minutes on two quiet cores.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import machine
from benchmarks.pictures import picture_sets
from benchmarks.serving import Load, send, serving, wait_until_ready, watching_memory
from webapp.model.bundle import load_bundle

ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = ROOT / "benchmarks" / "rehearsal.json"
SLUG_LIMIT: Final = 500  # MB, compressed
BOOT_LIMIT: Final = 60  # seconds until a dyno must listen (R10)
STOP_LIMIT: Final = 30  # seconds from SIGTERM to SIGKILL
CLIENTS: Final = 2  # for each worker, which looks at two photos at once


@dataclass(frozen=True)
class Dyno:
    """A size of Heroku's dynos, and the ``WEB_CONCURRENCY`` that its Python buildpack sets there.

    That is the lower of memory / 256 MB and 2 × cores + 1, see ``vendor/WEB_CONCURRENCY.sh`` of
    heroku/heroku-buildpack-python: the third size has 2 cores.
    """

    names: str
    megabytes: int
    workers: int


DYNOS: Final = (
    Dyno("eco, basic, standard-1x", 512, 2),
    Dyno("standard-2x", 1024, 4),
    Dyno("performance-m", 2560, 5),
)


class RehearsalError(Exception):
    """A step that failed; the message says which."""


def main() -> int:
    """Rehearses, writes the figures and returns 0 if every limit was kept."""
    parser = argparse.ArgumentParser(prog="python -m scripts.rehearse_deploy", description=__doc__)
    parser.add_argument("--commit", default="HEAD", help="what to export (default: %(default)s)")
    parser.add_argument("--bundle", type=Path, help="a model to lay in where the commit has none")
    parser.add_argument(
        "--dynos",
        type=int,
        nargs="+",
        metavar="MB",
        choices=[dyno.megabytes for dyno in DYNOS],
        default=[dyno.megabytes for dyno in DYNOS],
        help="which sizes (default: %(default)s)",
    )
    parser.add_argument(
        "--answers", type=int, default=200, help="most uploads of each kind (default: %(default)s)"
    )
    parser.add_argument(
        "--seconds", type=float, default=20, help="longest run of each kind (default: %(default)s)"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures go")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
        try:
            figures = rehearse(Path(folder), arguments)
        except RehearsalError as error:
            print(f"rehearsal: {error}", file=sys.stderr)
            return 1
    arguments.results.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2))
    return 0


def rehearse(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Goes through every step.

    Raises:
        RehearsalError: A step failed or a limit was not kept.
    """
    app, environment = folder / "app", folder / "venv"
    export(arguments.commit, app, arguments.bundle)
    figures: dict[str, Any] = {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "load_average_before": os.getloadavg()[0],
    }
    _timed([sys.executable, "-m", "venv", str(environment)])
    pip = [str(environment / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    seconds, _ = _timed([*pip, "-r", str(app / "requirements.txt")])
    figures |= {"install_seconds": round(seconds, 1)} | slug(folder, app, environment)
    commands = dict(line.split(": ", 1) for line in (app / "Procfile").read_text().splitlines())
    environ = {
        "PATH": f"{environment / 'bin'}:/usr/bin:/bin",
        "DYNO": "web.1",
        "SECRET_KEY": "only-for-the-rehearsal-0123456789",
        "PYTHONUNBUFFERED": "1",
        "FLASK_RATELIMIT_ENABLED": "false",  # what is measured here is how many answers are possible
    }
    seconds, said = _timed(["/bin/bash", "-c", commands["release"]], cwd=app, env=environ)
    figures["release"] = {"seconds": round(seconds, 1), "said": said.strip().splitlines()[-1]}
    figures["model_version"] = load_bundle(app / "webapp" / "bundle").contract.version
    figures["dynos"] = [
        run_on(dyno, app, commands["web"], environ, arguments.answers, arguments.seconds)
        for dyno in DYNOS
        if dyno.megabytes in arguments.dynos
    ]
    check_limits(figures)
    return figures


def run_on(
    dyno: Dyno, app: Path, web: str, environ: Mapping[str, str], answers: int, seconds: float
) -> dict[str, Any]:
    """Starts the app as on a dyno, sends it photos of each kind, and stops it in the middle of an answer."""
    sets, clients = picture_sets(), CLIENTS * dyno.workers
    environ = {**environ, "WEB_CONCURRENCY": str(dyno.workers)}
    with memory_limit(dyno.megabytes) as (prefix, counters):
        command = ["/bin/bash", "-c", f"{prefix}exec {web}"]
        with serving(command, app, app.parent / "log", environ, clean=True) as server:
            first = round(wait_until_ready(server), 2)
            with watching_memory(server.process.pid) as memory:
                print(f"uploads, {dyno.megabytes} MB", file=sys.stderr)
                # Each worker is slow with its first photos: 4 a client reach them all.
                send(server, sets["jpeg-600x450"], clients=clients, answers=4 * clients, seconds=60)
                uploads = {
                    name: send(server, photos, clients=clients, answers=answers, seconds=seconds).figures()
                    for name, photos in sets.items()
                }
            highest = {
                "pss_at_first_megabytes": round(memory[0]),
                "pss_peak_megabytes": round(max(memory)),
                **counters(),
            }
            stop = stop_in_the_middle(server, sets["jpeg-12mp"][0])
    return {
        "names": dyno.names,
        "megabytes": dyno.megabytes,
        "workers": dyno.workers,
        "clients": clients,
        "first_answer_seconds": first,
        "uploads": uploads,
        "memory": highest,
        "stop": stop,
    }


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
    """Measures what Heroku would store: the app and its packages, in MB, without Python and pip."""
    parts = {"app": app, "packages": environment / "lib"}
    files = {part: [file for file in path.rglob("*") if _is_shipped(file)] for part, path in parts.items()}
    archive = folder / "slug.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=6) as slug:
        for part, path in parts.items():
            for file in files[part]:
                slug.add(file, f"{part}/{file.relative_to(path)}")
    sizes = {part: round(sum(file.stat().st_size for file in files[part]) / 1e6, 1) for part in parts}
    return {"installed_megabytes": sizes, "slug_megabytes": round(archive.stat().st_size / 1e6, 1)}


def _is_shipped(file: Path) -> bool:
    is_pip = re.search(r"/site-packages/pip(-[^/]+)?/", file.as_posix())
    return file.is_file() and not file.is_symlink() and not is_pip


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


def check_limits(figures: Mapping[str, Any]) -> None:
    """Holds the figures against the limits.

    Raises:
        RehearsalError: Some were not kept; the message names each of them.
    """
    broken = list(_broken(figures))
    if broken:
        raise RehearsalError(f"{'; '.join(broken)}:\n{json.dumps(figures, indent=2)}")


def _broken(figures: Mapping[str, Any]) -> Iterator[str]:
    if figures["slug_megabytes"] > SLUG_LIMIT:
        yield f"the slug may have {SLUG_LIMIT} MB"
    for dyno in figures["dynos"]:
        failures = [name for name, load in dyno["uploads"].items() if load["failures"]]
        memory, limit = dyno["memory"], dyno["megabytes"]
        kept = {
            f"the first answer may take {BOOT_LIMIT} s": dyno["first_answer_seconds"] <= BOOT_LIMIT,
            f"every upload must be answered (not so: {failures})": not failures,
            "the memory must do": memory["pss_peak_megabytes"] * 1e6 <= limit * 1024 * 1024
            and not memory.get("killed_for_memory"),
            f"SIGTERM must end it within {STOP_LIMIT} s": dyno["stop"]["seconds"] <= STOP_LIMIT,
            "what was being answered must be finished": dyno["stop"]["lost"] == 0,
        }
        yield from (f"{limit} MB: {what}" for what, is_kept in kept.items() if not is_kept)


if __name__ == "__main__":
    sys.exit(main())
