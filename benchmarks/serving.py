"""Starts servers, sends photos and watches what that takes: for benchmarks, tests and the rehearsal."""

import http.client
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
START_LIMIT: Final = 120  # seconds; TensorFlow on a busy machine


@dataclass(frozen=True)
class Server:
    """A running server; ``started`` is the clock (``time.perf_counter``) when its process was made."""

    process: subprocess.Popen[bytes]
    port: int
    started: float
    log: Path

    def get(self, path: str) -> tuple[int, str, str]:
        """Returns status, session cookie and text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", path)
        response = connection.getresponse()
        cookie = (response.getheader("Set-Cookie") or "").partition(";")[0]
        text = response.read().decode()
        connection.close()
        return response.status, cookie, text


@dataclass(frozen=True)
class Load:
    """What came of sending photos: times in seconds, one for each answer, and the whole run's length."""

    times: tuple[float, ...]
    duration: float
    failures: int

    def percentile(self, share: float) -> float:
        """Returns the time that this share of the answers did not exceed."""
        return sorted(self.times)[min(len(self.times) - 1, int(share * len(self.times)))]

    def figures(self) -> dict[str, float]:
        """Returns the figures for ``results.json``: milliseconds and answers a second."""
        return {
            "answers": len(self.times),
            "failures": self.failures,
            "p50_ms": round(1000 * statistics.median(self.times), 1),
            "p95_ms": round(1000 * self.percentile(0.95), 1),
            "p99_ms": round(1000 * self.percentile(0.99), 1),
            "answers_per_second": round(len(self.times) / self.duration, 2),
        }


@contextmanager
def serving(
    command: Sequence[str], folder: Path, log: Path, environ: Mapping[str, str], *, clean: bool = False
) -> Iterator[Server]:
    """Runs a command that serves on ``PORT`` and stops it with SIGTERM.

    Args:
        command: What to run.
        folder: Where.
        log: Where its output goes.
        environ: Variables on top of this process's own; in place of them where ``clean``.
    """
    port = free_port()
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**({} if clean else os.environ), "PORT": str(port), **environ},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Server(process, port, started, log)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def free_port() -> int:
    """Returns a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def find_nginx() -> str | None:
    """Returns where nginx is, for example from Debian's package; ``None`` where there is none."""
    return shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")


@contextmanager
def balanced(nginx: str, servers: Sequence[Server], folder: Path) -> Iterator[Server]:
    """Runs nginx in front of one or two servers, with the configuration that the compose file uses."""
    port = free_port()
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    text = nginx_on_loopback(text, port, [server.port for server in servers], folder)
    (folder / "nginx.conf").write_text(text)
    with serving(
        [nginx, "-c", str(folder / "nginx.conf"), "-g", "daemon off;"], folder, folder / "log", {}
    ) as server:
        yield replace(server, port=port)


def nginx_on_loopback(text: str, port: int, apps: Sequence[int], folder: Path) -> str:
    """Returns nginx's configuration with these ports on loopback, and with its files in a folder."""

    def upstream(line: re.Match[str]) -> str:
        number = int(line[2])
        return f"{line[1]}127.0.0.1:{apps[number - 1]}{line[3]}" if number <= len(apps) else ""

    text = re.sub(r"( *server )app-(\d+):8000(.*\n)", upstream, text)
    return text.replace("listen 8000", f"listen 127.0.0.1:{port}").replace("/tmp/nginx", f"{folder}/nginx")


def wait_until_ready(server: Server, path: str = "/") -> float:
    """Returns the seconds from the process's start to the first answer."""
    while True:
        try:
            status, _, _ = server.get(path)
            if status == 200:
                return time.perf_counter() - server.started
        except OSError:
            pass
        if server.process.poll() is not None or time.perf_counter() - server.started > START_LIMIT:
            raise RuntimeError(f"the server did not start:\n{server.log.read_text()}")
        time.sleep(0.01)


def multipart(photo: bytes, **fields: str) -> tuple[bytes, str]:
    """Makes a form's body and its content type."""
    part = "--b\r\nContent-Disposition: form-data; name="
    before = "".join(f'{part}"{name}"\r\n\r\n{value}\r\n' for name, value in fields.items())
    before += f'{part}"photo"; filename="spot.jpg"\r\n\r\n'
    return before.encode() + photo + b"\r\n--b--\r\n", "multipart/form-data; boundary=b"


def form_of(server: Server) -> tuple[dict[str, str], dict[str, str]]:
    """Opens the start page as a browser does. Returns the form's hidden fields and the cookie's header."""
    _, cookie, page = server.get("/")
    token = page.partition('name="csrf_token" type="hidden" value="')[2].partition('"')[0]
    return ({"csrf_token": token} if token else {}), ({"Cookie": cookie} if cookie else {})


def send(
    server: Server, photos: Sequence[bytes], *, clients: int, answers: int, seconds: float, path: str = "/"
) -> Load:
    """Posts photos as a form from several clients at once, each over one connection.

    Args:
        server: Where to.
        photos: Sent one after the other.
        clients: How many wait for an answer at the same time.
        answers: Stop after so many, all clients together.
        seconds: Or after so long.
        path: The form's address.
    """
    fields, headers = form_of(server)
    bodies = [multipart(photo, **fields) for photo in photos]
    numbers = iter(range(answers))
    lock = threading.Lock()
    times: list[float] = []
    failures = 0
    begin = time.perf_counter()

    def client() -> None:
        nonlocal failures
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        while time.perf_counter() - begin < seconds:
            with lock:
                number = next(numbers, None)
            if number is None:
                break
            body, content_type = bodies[number % len(bodies)]
            sent = time.perf_counter()
            try:
                connection.request("POST", path, body, {"Content-Type": content_type, **headers})
                response = connection.getresponse()
                response.read()
                good = response.status == 200
            except (OSError, http.client.HTTPException):
                connection.close()
                good = False
            with lock:
                if good:
                    times.append(time.perf_counter() - sent)
                else:
                    failures += 1
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Load(tuple(times), time.perf_counter() - begin, failures)


def process_tree(pid: int) -> list[int]:
    """Returns a process and all that it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(inner for child in children for inner in process_tree(int(child)))]


def pss_megabytes(pid: int) -> float:
    """Returns the memory of a process and all that it started in MB, shared pages counted once."""
    total = 0
    for each in process_tree(pid):
        try:
            lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
        except OSError:  # gone in between
            continue
        total += next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return total * 1024 / 1e6


def rss_megabytes(pid: int) -> float:
    """Returns the memory that each process holds now, summed: pages that they share are counted twice."""
    return _status_megabytes(pid, "VmRSS")


def peak_megabytes(pid: int) -> float:
    """Returns the highest memory that each process ever had, summed: shared pages are counted twice."""
    return _status_megabytes(pid, "VmHWM")


def _status_megabytes(pid: int, name: str) -> float:
    status = [Path(f"/proc/{each}/status").read_text() for each in process_tree(pid)]
    kilobytes = (re.search(rf"{name}:\s+(\d+)", text) for text in status)
    return sum(int(found[1]) for found in kilobytes if found) * 1024 / 1e6


def cpu_seconds(pid: int) -> float:
    """Returns the CPU time that a process and all that it started have taken."""
    # The name, which may hold spaces, ends with the last bracket; user and system time are fields 14 and 15.
    stats = [Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split() for each in process_tree(pid)]
    return sum(int(ticks) for fields in stats for ticks in fields[11:13]) / os.sysconf("SC_CLK_TCK")


@contextmanager
def watching_memory(pid: int) -> Iterator[list[float]]:
    """Collects :func:`pss_megabytes` every 0.1 s."""
    seen, done = [pss_megabytes(pid)], threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            try:
                seen.append(pss_megabytes(pid))
            except OSError:
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()
