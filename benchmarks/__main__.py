"""``make bench``: this app, its twin and the origin's script, side by side on the machine it stands on.

Takes about 10 minutes on two quiet cores. Writes ``benchmarks/results.json``; ``benchmarks/render.py``
makes README and picture from it.
"""

import argparse
import json
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import machine
from benchmarks.pictures import picture_sets
from benchmarks.render import render
from benchmarks.serving import cpu_seconds, pss_megabytes, send, serving, wait_until_ready
from webapp.model.bundle import BUNDLE_FOLDER, load_bundle

ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = ROOT / "benchmarks" / "results.json"
CLIENTS: Final = (1, 4, 16)
FOLDERS: Final[Mapping[str, Path]] = {
    "app": ROOT,
    "twin": ROOT / "benchmarks" / "twin",
    "origin": ROOT / "benchmarks" / "origin",
}
ONE_THREAD: Final = {
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
EACH_CORE: Final = {"WEB_CONCURRENCY": str(os.cpu_count() or 1)}
SETTINGS: Final[Mapping[str, Mapping[str, Mapping[str, str]]]] = {
    "app": {"one worker": {}, "a worker for each core": EACH_CORE},
    "twin": {
        "TensorFlow as it comes": {},
        "one TensorFlow thread an operation": ONE_THREAD,
        "without oneDNN": {"TF_ENABLE_ONEDNN_OPTS": "0"},
        "a worker for each core, one TensorFlow thread an operation": EACH_CORE | ONE_THREAD,
    },
}
"""What is tried of each; the best is measured. The origin's script loads the model anew, whatever is set."""

ROUNDS: Final = 7
BY_TURNS: Final = {"jpeg-600x450": {"app": 200, "twin": 60}, "jpeg-12mp": {"app": 80, "twin": 24}}
"""Answers of each in a round: three to five seconds."""


def main() -> int:
    """Measures everything and renders the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=20, help="longest run a point (default: %(default)s)"
    )
    parser.add_argument(
        "--answers", type=int, default=200, help="most answers a point (default: %(default)s)"
    )
    arguments = parser.parse_args()
    environ = {
        "BENCHMARK_MODEL": str(BUNDLE_FOLDER / "model.keras"),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "SECRET_KEY": "only for the benchmark",
        "FLASK_RATELIMIT_ENABLED": "false",  # what is measured here is how many answers are possible
        "WEB_CONCURRENCY": "1",
    }
    load_average = os.getloadavg()[0]  # of others: the trials are load as well
    trials = {name: tried(name, environ, arguments.seconds) for name in SETTINGS}
    best = {name: max(rates, key=lambda setting: rates[setting]) for name, rates in trials.items()}
    environs = {name: {**environ, **(SETTINGS[name][best[name]] if name in best else {})} for name in FOLDERS}
    results = {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "model_version": load_bundle(BUNDLE_FOLDER).contract.version,
        "load_average_before": load_average,
        "settings": {name: {"answers_per_second": trials[name], "best": best[name]} for name in SETTINGS},
        "one_worker_megabytes": one_worker_megabytes(environ),
        "by_turns": by_turns(environs, arguments.seconds),
        "apps": {name: measure(name, environs[name], arguments) for name in FOLDERS},
        "stages_ms": stages(environ),
    }
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    render()
    print(f"the figures are in {RESULTS}")
    return 0


def tried(name: str, environ: Mapping[str, str], seconds: float) -> dict[str, float]:
    """Tries an app's settings at 4 clients. Returns the answers a second of each."""
    photos, trials = picture_sets()["jpeg-600x450"], {}
    for title, setting in SETTINGS[name].items():
        with running(name, {**environ, **setting}) as server:
            wait_until_ready(server)
            send(server, photos, clients=4, answers=12, seconds=60)  # every worker has answered, probably
            load = send(server, photos, clients=4, answers=100, seconds=seconds)
        trials[title] = load.answers_per_second
        print(f"{name}, {title}: {trials[title]} answers/s", file=sys.stderr)
    return trials


def by_turns(environs: Mapping[str, Mapping[str, str]], seconds: float) -> dict[str, list[dict[str, float]]]:
    """Has this app and the twin answer 4 clients by turns. Returns the answers a second of each round.

    One after the other, minutes apart, they met different machines: the same twin gave 12.7 to 16.8 answers a
    second in four runs of a day, whatever the load of this one was.
    """
    rounds: dict[str, list[dict[str, float]]] = {}
    with running("app", environs["app"]) as app, running("twin", environs["twin"]) as twin:
        servers = {"app": app, "twin": twin}
        for server in servers.values():
            wait_until_ready(server)
            send(server, picture_sets()["jpeg-600x450"], clients=4, answers=60, seconds=60)
        for picture_set, answers in BY_TURNS.items():
            photos = picture_sets()[picture_set]
            for _ in range(ROUNDS):
                each = {
                    name: send(server, photos, clients=4, answers=answers[name], seconds=seconds)
                    for name, server in servers.items()
                }
                rates = {name: load.answers_per_second for name, load in each.items()}
                rounds.setdefault(picture_set, []).append(rates)
                print("by turns", picture_set, rates, file=sys.stderr)
    return rounds


def one_worker_megabytes(environ: Mapping[str, str]) -> float:
    """Returns what one worker of this app has taken after 200 answers."""
    with running("app", environ) as server:
        wait_until_ready(server)
        send(server, picture_sets()["jpeg-600x450"], clients=4, answers=200, seconds=300)
        return round(pss_megabytes(server.process.pid), 1)


def running(name: str, environ: Mapping[str, str]) -> Any:
    """Starts one of the apps behind gunicorn."""
    gunicorn = [str(Path(sys.executable).parent / "gunicorn"), *options(name), "wsgi:app"]
    # Without a configuration file of its own gunicorn takes port and number of workers from the environment.
    return serving(gunicorn, FOLDERS[name], Path(tempfile.gettempdir()) / f"benchmark-{name}.log", environ)


def options(name: str) -> Sequence[str]:
    """Returns gunicorn's options: the app brings its own, the others get as many threads as it has."""
    if name == "app":
        return ()
    return ("--worker-class", "gthread", "--threads", str(app_threads()), "--timeout", "120")


def app_threads() -> int:
    """Returns how many threads the app's own configuration gives one worker."""
    return int(runpy.run_path(str(ROOT / "gunicorn.conf.py"))["threads"])


def measure(name: str, environ: Mapping[str, str], arguments: argparse.Namespace) -> dict[str, Any]:
    """Measures one app: start, memory after 200 requests, and every picture set at every load."""
    sets = picture_sets()
    small = sets["jpeg-600x450"]
    slow = name == "origin"
    with running(name, environ) as server:
        ready = wait_until_ready(server)
        # The first answer about a photo, not the first page: TensorFlow does much of its work only then.
        first = send(server, small, clients=1, answers=1, seconds=120)
        figures: dict[str, Any] = {
            "workers": int(environ["WEB_CONCURRENCY"]),
            "threads": app_threads(),
            "first_answer_seconds": round(ready + first.duration, 2),
        }
        answers = 20 if slow else 200
        send(server, small, clients=4, answers=answers, seconds=300)
        figures["pss_megabytes"] = round(pss_megabytes(server.process.pid), 1)
        figures["pss_after_answers"] = answers
        figures["loads"] = {}
        for picture_set, photos in sets.items():
            for clients in CLIENTS[:1] if slow and picture_set != "jpeg-600x450" else CLIENTS:
                answers = min(arguments.answers, 8) if slow else arguments.answers
                before = cpu_seconds(server.process.pid)
                load = send(server, photos, clients=clients, answers=answers, seconds=arguments.seconds)
                taken = cpu_seconds(server.process.pid) - before
                found = load.figures() | {
                    "cpu_ms_per_answer": load.each(taken),
                    "client_cpu_ms_per_answer": load.each(load.client_cpu),
                }
                figures["loads"].setdefault(picture_set, {})[str(clients)] = found
                print(name, picture_set, clients, found, file=sys.stderr)
    return figures


def stages(environ: Mapping[str, str]) -> dict[str, Any]:
    """Measures where the time goes, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.stages"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **environ}, capture_output=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    sys.exit(main())
