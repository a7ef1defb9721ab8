"""``python -m benchmarks.load``: 4 clients, then 64, then 96, against one worker on this machine's loopback.

Each client keeps its connection and sends its next photo as soon as it has its answer. After a 503 it waits
as Retry-After says, but for the last crowd of 96, which does not. Writes ``load.json`` and the section of
``README.md`` with it.

Why this client: wrk counts accepted and refused answers in one latency histogram. locust 2.47 would replace
``visit`` alone, 20 lines, for 38 packages, and takes more of the two cores that the server shares with it: of
a stand-in that answers after 0.2 s, 96 of these threads got 2,100 answers in 6 s on a busy machine (0.2 ms of
processor time an answer, median 0.21 s), locust's FastHttpUser 610 (0.5 ms, 0.55 s) and its HttpUser 360
(1.2 ms, 1.0 s). That wait would have been counted as the server's.
"""

import argparse
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks.machine import machine
from benchmarks.serving import Visitor, multipart, post
from tests.rendered import render_lesion_jpeg
from webapp.model.bundle import BUNDLE_FOLDER, load_bundle

FOLDER = Path(__file__).parent
FEW, MANY, TOO_MANY = 4, 64, 96  # clients; of the last, more than the queue in front of the model holds
CROWDS = {"few": FEW, "many": MANY, "too_many": TOO_MANY, "impatient": TOO_MANY}
BEGIN, END = "<!-- load:begin -->", "<!-- load:end -->"


@dataclass(frozen=True)
class Load:
    """What one crowd of clients got. Latencies in seconds, of accepted answers (200) and refusals (503)."""

    clients: int
    seconds: float
    statuses: dict[str, int]
    accepted_a_second: float
    accepted_p50: float
    accepted_p99: float
    accepted_max: float
    refused_p50: float | None
    refused_p99: float | None
    memory_mb: list[float]


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


@contextmanager
def serving() -> Iterator[tuple[int, psutil.Process]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {**os.environ, "PORT": str(port), "FLASK_RATELIMIT_ENABLED": "false", "WEB_CONCURRENCY": "1"}
    command = [str(Path(sys.executable).with_name("gunicorn")), "wsgi:app"]
    with subprocess.Popen(command, cwd=FOLDER.parent, env=environ, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 30
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except ConnectionError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.1)
            yield port, psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)


def memory(process: psutil.Process) -> float:
    """Proportional set size of the master and its workers, in MB."""
    return sum(each.memory_full_info().pss for each in (process, *process.children(recursive=True))) / 1e6


def load(port: int, process: psutil.Process, clients: int, seconds: float, patient: bool = True) -> Load:
    request = post("/api/v1/predict", *multipart(render_lesion_jpeg(1)))
    answers: list[tuple[int, float]] = []
    end = time.perf_counter() + seconds

    def visit() -> None:
        visitor = Visitor(port, timeout=30)
        while time.perf_counter() < end:
            started = time.perf_counter()
            try:
                status, head = visitor.ask(request)
            except OSError:
                status, head = 0, b""
            answers.append((status, time.perf_counter() - started))
            if patient and (wait := re.search(rb"\r\nretry-after: *(\d+)", head)):
                time.sleep(int(wait[1]))
        visitor.close()

    threads = [threading.Thread(target=visit) for _ in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    memories = []
    while any(thread.is_alive() for thread in threads):
        memories.append(memory(process))
        time.sleep(seconds / 12)
    took = time.perf_counter() - started
    accepted = [latency for status, latency in answers if status == 200]
    refused = [latency for status, latency in answers if status == 503]
    return Load(
        clients=clients,
        seconds=round(took, 1),
        statuses={str(status): count for status, count in sorted(Counter(s for s, _ in answers).items())},
        accepted_a_second=round(len(accepted) / took, 2),
        accepted_p50=round(statistics.median(accepted), 4),
        accepted_p99=round(percentile(accepted, 0.99), 4),
        accepted_max=round(max(accepted), 4),
        refused_p50=round(statistics.median(refused), 4) if refused else None,
        refused_p99=round(percentile(refused, 0.99), 4) if refused else None,
        memory_mb=[round(value, 1) for value in memories],
    )


def section(figures: dict) -> str:
    """Renders the section of the README; every number comes from the JSON."""
    crowds = [figures[name] for name in CROWDS]
    rows = [
        ("clients", "{clients}"),
        ("seconds", "{seconds}"),
        ("answers", "{answers}"),
        ("200 a second", "{accepted_a_second}"),
        ("200: median, p99, longest", "{accepted_p50:.2f} s, {accepted_p99:.2f} s, {accepted_max:.2f} s"),
        ("503: median, p99", "{refused}"),
        ("memory at the begin, most, at the end", "{memory}"),
    ]
    lines = [
        "## Load",
        "",
        f"`make load`, measured on {figures['measured']}, {figures['machine']}, model "
        f"{figures['model_version']}: one worker, photos of 600 × 450 pixels to the API over loopback. "
        "Each client sends its next photo as soon as it has its answer; after a 503 it waits as Retry-After "
        "says, the impatient ones do not.",
        "",
        "| | few | many | more than the queue holds | the same, impatient |",
        "|---|---|---|---|---|",
    ]
    for name, form in rows:
        cells = []
        for run in crowds:
            memories = run["memory_mb"]
            shown = {
                **run,
                "answers": ", ".join(f"{count} × {status}" for status, count in run["statuses"].items()),
                "refused": "none"
                if run["refused_p50"] is None
                else f"{run['refused_p50'] * 1000:.0f} ms, {run['refused_p99'] * 1000:.0f} ms",
                "memory": f"{memories[0]:.0f} MB, {max(memories):.0f} MB, {memories[-1]:.0f} MB",
            }
            cells.append(form.format(**shown))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    verdicts = [
        f"| {what} | {wanted} | {measured} | {'met' if met else 'not met'} |"
        for what, wanted, measured, met in targets(*crowds)
    ]
    return "\n".join([*lines, "", "| target | wanted | measured | |", "|---|---|---|---|", *verdicts])


def targets(few: dict, many: dict, too_many: dict, impatient: dict) -> list[tuple[str, str, str, bool]]:
    """Returns what is wanted of the crowds, what was measured, and whether that is enough."""
    kept = many["accepted_a_second"] / few["accepted_a_second"]
    statuses = {*many["statuses"], *too_many["statuses"], *impatient["statuses"]}
    refusals = too_many["refused_p99"]
    growth = many["memory_mb"][-1] - many["memory_mb"][len(many["memory_mb"]) // 4]
    return [
        (f"rate of 200s, of that with {FEW} clients", "at least 80 %", f"{kept:.0%}", kept >= 0.8),
        (
            "p99 of accepted answers",
            "at most 3 s",
            f"{many['accepted_p99']:.2f} s",
            many["accepted_p99"] <= 3,
        ),
        ("answers", "200 and 503 only", ", ".join(sorted(statuses)), statuses <= {"200", "503"}),
        (
            "p99 of refusals (503), more than the queue holds",
            "at most 100 ms",
            "none came" if refusals is None else f"{refusals * 1000:.0f} ms",
            refusals is not None and refusals <= 0.1,
        ),
        ("memory, last three quarters", "grows at most 10 MB", f"{growth:+.0f} MB", growth <= 10),
    ]


def write_section(text: str) -> None:
    """Puts the section between its markers, at the end where there are none yet."""
    readme = FOLDER / "README.md"
    content = readme.read_text() if readme.exists() else "# Benchmarks\n"
    block = f"{BEGIN}\n{text}\n{END}"
    marked = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.S)
    if marked.search(content):
        content = marked.sub(lambda _: block, content)
    else:
        content = f"{content.rstrip()}\n\n{block}\n"
    readme.write_text(content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="of each crowd; %(default)s")
    parser.add_argument("--render", action="store_true", help="only write the section from load.json again")
    arguments = parser.parse_args()
    file = FOLDER / "load.json"
    if not arguments.render:
        with serving() as (port, process):
            load(port, process, FEW, min(5, arguments.seconds))  # warms up
            runs = {
                name: asdict(load(port, process, clients, arguments.seconds, patient=name != "impatient"))
                for name, clients in CROWDS.items()
            }
        figures = {
            "measured": datetime.now(UTC).strftime("%Y-%m-%d"),
            "machine": machine(),
            "model_version": load_bundle(BUNDLE_FOLDER).contract.version,
            **runs,
        }
        file.write_text(json.dumps(figures, indent=1) + "\n")
    figures = json.loads(file.read_text())
    write_section(section(figures))
    for what, wanted, measured, met in targets(*(figures[name] for name in CROWDS)):
        print(f"{'met' if met else 'NOT met':8} {what}: {measured} ({wanted})")


if __name__ == "__main__":
    main()
