"""``make instances``: two instances behind nginx against one, and the memory that the largest photos take.

The app keeps no state, so it grows by adding machines. One core is the stand-in for a machine: each
instance is pinned to one. Takes 3 minutes on two quiet cores. Writes ``benchmarks/instances.json``;
``benchmarks/render.py`` puts it into the report.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import machine
from benchmarks.pictures import LARGEST, largest_picture, picture_sets
from benchmarks.render import render
from benchmarks.serving import (
    Load,
    Server,
    balanced,
    cpu_seconds,
    find_nginx,
    peak_megabytes,
    pss_megabytes,
    rss_megabytes,
    send,
    serving,
    wait_until_ready,
)
from webapp.config import Settings
from webapp.model.bundle import BUNDLE_FOLDER, load_bundle

ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = ROOT / "benchmarks" / "instances.json"
API: Final = "/api/v1/predict"
CLIENTS: Final = 4
ENVIRON: Final = {
    "SECRET_KEY": "only for the benchmark",
    "FLASK_RATELIMIT_ENABLED": "false",
    "WEB_CONCURRENCY": "1",
}


@dataclass(frozen=True)
class Round:
    """What came of one round, and the CPU seconds that each part took meanwhile."""

    load: Load
    cpu: Mapping[str, float]


def main() -> int:
    """Measures both and renders the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instances", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="of one round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of each (default: %(default)s)")
    arguments = parser.parse_args()
    nginx, cores = find_nginx(), sorted(os.sched_getaffinity(0))
    if nginx is None:
        parser.error("needs nginx, for example from Debian's package")
    results: dict[str, Any] = {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "model_version": load_bundle(BUNDLE_FOLDER).contract.version,
        "load_average_before": os.getloadavg()[0],
        "cores": len(cores),
    }
    if len(cores) > 1:
        results["rounds"] = {"number": arguments.rounds, "seconds": arguments.seconds, "clients": CLIENTS}
        results["instances"] = compare(nginx, cores[:2], arguments.seconds, arguments.rounds)
    else:
        print("one core cannot stand in for two machines: only memory is measured", file=sys.stderr)
    results["largest"] = {suffix: largest(suffix) for suffix in LARGEST}
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    render()
    print(f"the figures are in {RESULTS}")
    return 0


@contextmanager
def running(*prefix: str) -> Iterator[Server]:
    """Starts the app as it is deployed, with one worker."""
    command = [*prefix, str(Path(sys.executable).parent / "gunicorn"), "wsgi:app"]
    with (
        tempfile.TemporaryDirectory(prefix="instance-") as folder,
        serving(command, ROOT, Path(folder) / "log", ENVIRON) as server,
    ):
        wait_until_ready(server)
        yield server


def compare(nginx: str, cores: Sequence[int], seconds: float, rounds: int) -> dict[str, Any]:
    """Sends the same photos to one instance and to all, each time through nginx, in turns.

    Args:
        nginx: Where nginx is.
        cores: One for each instance. Clients and nginx run wherever there is room.
        seconds: Length of a round.
        rounds: How many of each: whatever else the machine does in between then meets both alike.
    """
    photos = picture_sets()["jpeg-600x450"]
    with ExitStack() as stack:
        apps = [stack.enter_context(running("taskset", "-c", str(core))) for core in cores]
        groups = {"one": apps[:1], "two": apps}
        fronts = {}
        for name, group in groups.items():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nginx-")))
            fronts[name] = stack.enter_context(balanced(nginx, group, folder))
            wait_until_ready(fronts[name])
            send(fronts[name], photos, clients=CLIENTS, answers=20, seconds=60, path=API)
        done: dict[str, list[Round]] = {name: [] for name in groups}
        for _ in range(rounds):
            for name, group in groups.items():
                done[name].append(one_round(fronts[name], group, photos, seconds))
                print(name, done[name][-1].load.figures(), done[name][-1].cpu, file=sys.stderr)
    return {name: summary(each) for name, each in done.items()}


def one_round(front: Server, apps: Sequence[Server], photos: Sequence[bytes], seconds: float) -> Round:
    """Keeps the clients busy for some seconds."""

    def cpu() -> dict[str, float]:
        return {
            "app": sum(cpu_seconds(app.process.pid) for app in apps),
            "nginx": cpu_seconds(front.process.pid),
            "clients": time.process_time(),  # they are threads of this process
        }

    before = cpu()
    load = send(front, photos, clients=CLIENTS, answers=sys.maxsize, seconds=seconds, path=API)
    return Round(load, {part: after - before[part] for part, after in cpu().items()})


def summary(rounds: Sequence[Round]) -> dict[str, Any]:
    """Returns the figures of all rounds together; CPU time as the number of cores that were kept busy."""
    whole = Load(
        times=tuple(time for each in rounds for time in each.load.times),
        duration=sum(each.load.duration for each in rounds),
        failures=sum(each.load.failures for each in rounds),
    )
    cpu = {part: sum(each.cpu[part] for each in rounds) for part in rounds[0].cpu}
    return whole.figures() | {
        "cores_busy": {part: round(seconds / whole.duration, 3) for part, seconds in cpu.items()},
        "answers_per_app_cpu_second": round(len(whole.times) / cpu["app"], 2),
    }


def largest(suffix: str) -> dict[str, float]:
    """Sends one photo of as many pixels and bytes as the app takes to an app that has just started."""
    photo = largest_picture(suffix)
    photo += random.Random(0).randbytes(Settings().max_upload_bytes - len(photo))  # decoders ignore these
    with running() as server:
        pid = server.process.pid
        send(server, picture_sets()["jpeg-600x450"], clients=2, answers=8, seconds=60, path=API)
        before, held = pss_megabytes(pid), rss_megabytes(pid)
        load = send(server, [photo], clients=1, answers=1, seconds=300, path=API)
        figures = {
            "megapixels": round(LARGEST[suffix] / 1e6),
            "failures": load.failures,
            "seconds": round(load.duration, 1),
            "before_megabytes": round(before),
            # The kernel keeps the highest, so that none is missed; what has grown is nobody else's.
            "highest_megabytes": round(before + peak_megabytes(pid) - held),
            "after_megabytes": round(pss_megabytes(pid)),
        }
    print(suffix, figures, file=sys.stderr)
    return figures


if __name__ == "__main__":
    sys.exit(main())
