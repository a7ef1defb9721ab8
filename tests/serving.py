"""The app as it is deployed: gunicorn, started through the Procfile, for tests that talk to it."""

import http.client
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Server:
    """A running gunicorn, and what it says."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, str, str]:
        """Returns status, session cookie and text, over a connection of its own."""
        connection = http.client.HTTPConnection("localhost", self.port, timeout=30)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        cookie = (response.getheader("Set-Cookie") or "").partition(";")[0]
        text = response.read().decode()
        connection.close()
        return response.status, cookie, text


@contextmanager
def serving(log: Path, **environ: str) -> Iterator[Server]:
    """Starts the app with these environment variables, and stops it at the end."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    web = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())["web"]
    environ = {"FLASK_RATELIMIT_ENABLED": "false"} | environ
    clean = {name: value for name, value in os.environ.items() if name != "SECRET_KEY"}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            shlex.split(web),
            cwd=ROOT,
            env={**clean, "PATH": path, "PORT": str(port), **environ},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Server(process, port, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(30)


def wait_until_ready(server: Server) -> None:
    """Waits until the app answers."""
    deadline = time.monotonic() + 30
    while True:
        try:
            assert server.request("GET", "/")[0] == 200
            return
        except ConnectionError:
            assert server.process.poll() is None, server.log.read_text()
            assert time.monotonic() < deadline, server.log.read_text()
            time.sleep(0.1)
