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
PIECE: Final = 262_144  # bytes that are read at once
NO_HEADERS: Final[Mapping[str, str]] = {}


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
    """What came of sending photos: times in seconds, one for each answer, the whole run's length, and the
    processor time that the clients themselves took."""

    times: tuple[float, ...]
    duration: float
    failures: int
    client_cpu: float = 0.0

    def percentile(self, share: float) -> float:
        """Returns the time that this share of the answers did not exceed."""
        return sorted(self.times)[min(len(self.times) - 1, int(share * len(self.times)))]

    def figures(self) -> dict[str, float | None]:
        """Returns the figures for ``results.json``: milliseconds, ``None`` where nobody got an answer, and
        answers a second."""
        percentiles = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}
        return {
            "answers": len(self.times),
            "failures": self.failures,
            **{name: self._milliseconds(share) for name, share in percentiles.items()},
            "answers_per_second": self.answers_per_second,
        }

    def each(self, seconds: float) -> float | None:
        """Returns the milliseconds of an answer, of seconds that all of them took; ``None`` without any."""
        return round(1000 * seconds / len(self.times), 2) if self.times else None

    @property
    def answers_per_second(self) -> float:
        """How many got their answer in a second."""
        return round(len(self.times) / self.duration, 2)

    def _milliseconds(self, share: float) -> float | None:
        if not self.times:
            return None
        # The middle of an even number of times is between two of them.
        seconds = statistics.median(self.times) if share == 0.5 else self.percentile(share)
        return round(1000 * seconds, 1)


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
    """Makes a form's body and its content type, with a boundary as browsers choose it.

    After a short one Werkzeug looks much longer in a photo, in which it seems to begin every now and then.
    """
    boundary = "----WebKitFormBoundary7MA4YWxkTrZu0gWn"
    part = f"--{boundary}\r\nContent-Disposition: form-data; name="
    before = "".join(f'{part}"{name}"\r\n\r\n{value}\r\n' for name, value in fields.items())
    before += f'{part}"photo"; filename="spot.jpg"\r\n\r\n'
    return (
        before.encode() + photo + f"\r\n--{boundary}--\r\n".encode(),
        f"multipart/form-data; boundary={boundary}",
    )


def form_of(server: Server) -> tuple[dict[str, str], dict[str, str]]:
    """Opens the start page as a browser does. Returns the form's hidden fields and the cookie's header."""
    _, cookie, page = server.get("/")
    token = page.partition('name="csrf_token" type="hidden" value="')[2].partition('"')[0]
    return ({"csrf_token": token} if token else {}), ({"Cookie": cookie} if cookie else {})


class Visitor:
    """One connection that sends requests made beforehand, and reads of each answer its status and its end.

    It stands on the same cores as the server: of a page of 100 kB ``http.client`` takes 0.5 ms from them,
    which would count as the server's, and this 0.2.
    """

    def __init__(self, port: int, timeout: float) -> None:
        self._port, self._timeout = port, timeout
        self._socket: socket.socket | None = None
        self._buffer = bytearray(PIECE)

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """Sends a request. Returns the answer's status and its head, in lower case.

        Raises:
            OSError: There is no whole answer. The next request goes over a new connection.
        """
        try:
            if self._socket is None:
                self._socket = socket.create_connection(("127.0.0.1", self._port), self._timeout)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.sendall(request)
            status, head = self._read(self._socket)
        except (OSError, ValueError) as error:
            self.close()
            raise OSError("no whole answer") from error
        if b"\r\nconnection: close" in head:
            self.close()
        return status, head

    def _read(self, connection: socket.socket) -> tuple[int, bytes]:
        begin = b""
        while (end := begin.find(b"\r\n\r\n")) < 0:
            begin += self._piece(connection)
        head = begin[:end].lower()
        length = re.search(rb"\r\ncontent-length: *(\d+)", head)
        if length is None:
            raise ValueError("an answer that does not say how long it is")
        left = int(length[1]) - (len(begin) - end - 4)
        while left > 0:
            left -= connection.recv_into(self._buffer) or self._no_more()
        return int(head[9:12]), head

    def _piece(self, connection: socket.socket) -> bytes:
        return bytes(self._buffer[: connection.recv_into(self._buffer) or self._no_more()])

    def _no_more(self) -> int:
        raise ConnectionResetError("hung up in the middle of an answer")

    def close(self) -> None:
        """Hangs up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def post(path: str, body: bytes, content_type: str, headers: Mapping[str, str] = NO_HEADERS) -> bytes:
    """Makes a whole request, for a :class:`Visitor`."""
    fields = {"Host": "127.0.0.1", "Content-Type": content_type, "Content-Length": str(len(body)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


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
    requests = [post(path, *multipart(photo, **fields), headers) for photo in photos]
    numbers = iter(range(answers))
    lock = threading.Lock()
    times: list[float] = []
    failures = 0
    begin, begin_cpu = time.perf_counter(), time.process_time()

    def client() -> None:
        nonlocal failures
        visitor = Visitor(server.port, timeout=120)
        while time.perf_counter() - begin < seconds:
            with lock:
                number = next(numbers, None)
            if number is None:
                break
            sent = time.perf_counter()
            try:
                good = visitor.ask(requests[number % len(requests)])[0] == 200
            except OSError:
                good = False
            took = time.perf_counter() - sent
            with lock:
                if good:
                    times.append(took)
                else:
                    failures += 1
        visitor.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Load(tuple(times), time.perf_counter() - begin, failures, time.process_time() - begin_cpu)


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
