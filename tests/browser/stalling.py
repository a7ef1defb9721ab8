"""A stretch of bad network between Chromium and the app: it holds or answers what a form sends."""

import http.client
import http.server
import socket
import threading
from typing import Any, Final, Literal
from urllib.parse import urlsplit

Way = Literal["through", "never answered", "hardly read"] | int
"""What becomes of a form: it is let through; it is read, and nobody answers; hardly any of it is
read; or it gets an answer of this status."""

OWN_HEADERS: Final = {"connection", "transfer-encoding", "content-length", "date", "server"}
SOCKET_BUFFER: Final = 4096  # bytes that are taken in before anybody reads them: less than any photo
HARDLY: Final = 1000  # bytes
LONGEST: Final = 20  # seconds for which a form is held; no test takes so long


class StallingProxy(http.server.ThreadingHTTPServer):
    """Passes everything on to an app but the start page's form, of which becomes what ``way`` says."""

    daemon_threads = False  # so that closing it waits until the last connection is closed
    request_queue_size = 16

    def __init__(self, app: str) -> None:
        super().__init__(("localhost", 0), _Connection)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER)
        self.app = app
        self.url = f"http://localhost:{self.server_port}"
        self.way: Way = "through"
        self.came = threading.Event()
        """Set as soon as a form has arrived that is not let through."""
        self.passed = threading.Event()
        """Set as soon as a form is let through."""
        self.let_go = threading.Event()
        """Set by whoever wants the forms that are held to be dropped."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: Chromium breaks connections off, which is what these tests are about."""


class _Connection(http.server.BaseHTTPRequestHandler):
    """One request: HTTP/1.0 ends a connection with its answer."""

    server: StallingProxy

    def log_message(self, format: str, *values: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        if self.path == "/" and self.server.way != "through":
            self._stall(self.server.way)
        else:
            if self.path == "/":
                self.server.passed.set()
            self._pass_on()

    @property
    def _length(self) -> int:
        return int(self.headers.get("Content-Length", 0))

    def _stall(self, way: Way) -> None:
        self.rfile.read(HARDLY if way == "hardly read" else self._length)
        self.server.came.set()
        if isinstance(way, int):
            self._answer(way, [("Content-Type", "text/html")], b"" if way == 204 else b"<h1>Later</h1>")
        else:
            self.server.let_go.wait(LONGEST)

    def _pass_on(self) -> None:
        app = http.client.HTTPConnection(urlsplit(self.server.app).netloc, timeout=LONGEST)
        try:
            app.request(self.command, self.path, self.rfile.read(self._length), dict(self.headers))
            answer = app.getresponse()
            self._answer(answer.status, answer.getheaders(), answer.read())
        finally:
            app.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in OWN_HEADERS:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
