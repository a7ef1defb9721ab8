"""What visitors notice of the worker: others that stall, crash, send too much or come while it stops."""

import http.client
import io
import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import psutil
import pytest
from gunicorn.http.body import LengthReader

from tests.conftest import multipart
from tests.rendered import render_lesion, to_bytes
from tests.serving import Server, serving, wait_until_ready
from webapp.worker import Delivered

STALL, TOTAL = 3, 10  # seconds; the smallest that leave a busy test machine time to answer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    limits = {
        "FLASK_STALL_SECONDS": str(STALL),
        "FLASK_UPLOAD_SECONDS": str(TOTAL),
        "FLASK_QUEUE_SIZE": "2",  # ten threads: fewer than the connections that stall
        "FLASK_MAX_UPLOAD_BYTES": "2000000",
    }
    with serving(tmp_path_factory.mktemp("worker") / "log", **limits) as server:
        wait_until_ready(server)
        yield server


def head(content_type: str, length: int, path: str = "/api/v1/predict", extra: str = "") -> bytes:
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Content-Type: {content_type}",
        f"Content-Length: {length}",
    )
    return ("\r\n".join(lines) + f"\r\n{extra}\r\n").encode()


def read_all(connection: socket.socket) -> bytes:
    received = b""
    try:
        while piece := connection.recv(65_536):
            received += piece
    except ConnectionError:
        pass
    return received


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("localhost", server.port), timeout=30)


def test_visitors_are_answered_while_others_stall(server: Server, photo: bytes) -> None:
    body, content_type = multipart(photo)
    with ExitStack() as stack:
        stalled = [stack.enter_context(closing(connect(server))) for _ in range(40)]
        for number, connection in enumerate(stalled):  # in the body, the headers, before the first byte
            request = head(content_type, len(body)) + body
            connection.sendall(request[: (len(request) // 2, 30, 0)[number % 3]])
        time.sleep(0.5)
        started = time.monotonic()
        assert server.request("GET", "/")[0] == 200
        assert server.request("POST", "/api/v1/predict", body, **{"Content-Type": content_type})[0] == 200
        assert time.monotonic() - started < 2
        answers = [read_all(connection) for connection in stalled]
        assert time.monotonic() - started < STALL + 4, "they are cut off"
    assert all(answer == b"" or answer.startswith(b"HTTP/1.1 408") for answer in answers)


def test_a_body_that_trickles_in_is_cut_off_in_the_end(server: Server, photo: bytes) -> None:
    body, content_type = multipart(photo)
    started = time.monotonic()
    with closing(connect(server)) as connection:
        connection.sendall(head(content_type, len(body)))
        with pytest.raises(ConnectionError):
            for position in range(100):
                connection.sendall(body[position : position + 1])
                time.sleep(0.5)
    assert TOTAL - 1 < time.monotonic() - started < TOTAL + 5


def test_a_visitor_who_does_not_read_loses_the_thread(server: Server) -> None:
    with ExitStack() as stack:
        for _ in range(12):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            stack.enter_context(closing(connection))
            connection.connect(("localhost", server.port))
            connection.sendall(b"GET /static/app.css HTTP/1.1\r\nHost: localhost\r\n\r\n" * 400)
        time.sleep(6)  # until 4 MB of the system's own buffer are full, on each connection
        started = time.monotonic()
        assert server.request("GET", "/healthz")[0] == 200
        assert time.monotonic() - started < STALL + 2


def test_visitors_who_do_not_hang_up_hold_nobody_up(server: Server) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(closing(connect(server))).sendall(request)
        time.sleep(0.5)
        started = time.monotonic()
        assert server.request("GET", "/healthz")[0] == 200
        assert time.monotonic() - started < 2


def test_a_body_in_chunks_is_read(server: Server, photo: bytes) -> None:
    body, content_type = multipart(photo)
    connection = http.client.HTTPConnection("localhost", server.port, timeout=30)
    pieces = (body[start : start + 10_000] for start in range(0, len(body), 10_000))
    connection.request("POST", "/api/v1/predict", pieces, {"Content-Type": content_type}, encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()


def test_one_connection_serves_many_requests(server: Server, photo: bytes) -> None:
    body, content_type = multipart(photo)
    connection = http.client.HTTPConnection("localhost", server.port, timeout=30)
    for _ in range(3):
        connection.request("POST", "/api/v1/predict", body, {"Content-Type": content_type})
        response = connection.getresponse()
        assert (response.status, response.read()[:9]) == (200, b'{"path":"')
    connection.close()


def test_a_large_photo_is_read_without_copying_the_rest_of_it_each_time() -> None:
    with closing(socket.socket()) as unused:
        delivered = Delivered(unused)
        delivered.collected = io.BytesIO(bytes(1_000_000))
        reader, ahead = LengthReader(delivered, 1_000_000), []
        while reader.read(65_536):
            ahead.append(len(delivered.buf.getvalue()))
    assert len(ahead) == 16 and max(ahead) <= 8_192
    assert not delivered.collected.getvalue(), "what is read through is let go"


def test_requests_that_come_in_one_piece_are_all_answered(server: Server) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
    with closing(connect(server)) as connection:
        connection.sendall((request + b"\r\n") * 2 + request + b"Connection: close\r\n\r\n")
        assert read_all(connection).count(b"HTTP/1.1 200 OK") == 3


def test_a_client_that_waits_for_leave_to_send_gets_it(server: Server, photo: bytes) -> None:
    body, content_type = multipart(photo)
    with closing(connect(server)) as connection:
        connection.sendall(
            head(content_type, len(body), extra="Expect: 100-continue\r\nConnection: close\r\n")
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue")
        connection.sendall(body)
        assert b"HTTP/1.1 200 OK" in read_all(connection)


def test_headers_without_end_are_refused(server: Server) -> None:
    with closing(connect(server)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Large: " + b"x" * 40_000)
        assert read_all(connection).startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize(
    "headers", [{"X-Large": "x" * 9_000}, {f"X-{number}": "x" for number in range(80)}], ids=["long", "many"]
)
def test_headers_above_the_limits_are_refused(server: Server, headers: dict[str, str]) -> None:
    assert server.request("GET", "/", **headers)[0] == 431


def test_held_uploads_have_a_limit_and_the_slowest_goes(server: Server, photo: bytes) -> None:
    """Twelve connections hold back the end of 2 MB each; eight such photos are what one worker holds."""
    body, content_type = multipart(bytes(1_990_000))
    request = head(content_type, len(body)) + body
    with ExitStack() as stack:
        held = [stack.enter_context(closing(connect(server))) for _ in range(12)]
        for connection in held:
            connection.sendall(request[:-10])
        time.sleep(0.5)
        started = time.monotonic()
        body, content_type = multipart(photo)
        assert server.request("POST", "/api/v1/predict", body, **{"Content-Type": content_type})[0] == 200
        answers = [read_all(connection) for connection in held]
        assert time.monotonic() - started < STALL + 4
    refused = [answer.startswith(b"HTTP/1.1 503") and b"Retry-After: 2" in answer for answer in answers]
    assert refused == [True] * 4 + [False] * 8


def test_a_forged_proxy_header_is_not_believed(server: Server) -> None:
    for name, value in (("X-Forwarded-Proto", "https"), ("X-Forwarded-Ssl", "on")):
        connection = http.client.HTTPConnection("localhost", server.port, timeout=30)
        connection.request("GET", "/", headers={name: value})
        response = connection.getresponse()
        assert response.status == 200
        assert response.getheader("Strict-Transport-Security") is None
        assert "Secure" not in (response.getheader("Set-Cookie") or "")
        connection.close()


def test_a_worker_that_dies_is_replaced_and_the_other_goes_on(tmp_path: Path, photo: bytes) -> None:
    body, content_type = multipart(photo)
    with serving(tmp_path / "log", WEB_CONCURRENCY="2") as server, ThreadPoolExecutor(8) as threads:
        wait_until_ready(server)

        def send(_: object) -> int:
            try:
                return server.request("POST", "/api/v1/predict", body, **{"Content-Type": content_type})[0]
            except (ConnectionError, http.client.BadStatusLine):
                return 0  # was at the worker that died

        answers = threads.map(send, range(48))
        victim = psutil.Process(server.process.pid).children()[0]
        os.kill(victim.pid, signal.SIGKILL)
        statuses = list(answers)
        assert set(statuses) <= {0, 200}
        assert statuses.count(0) <= 8, "only what the dead worker was answering is lost"
        assert server.request("GET", "/healthz")[0] == 200
        deadline = time.monotonic() + 20
        while len(psutil.Process(server.process.pid).children()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_stopping_finishes_what_is_being_answered(tmp_path: Path) -> None:
    large = render_lesion(1).resize((3000, 2250))
    body, content_type = multipart(to_bytes(large, "JPEG"))
    with serving(tmp_path / "log") as server, closing(socket.socket()) as slow:
        wait_until_ready(server)
        slow.settimeout(30)
        slow.connect(("localhost", server.port))
        request = head(content_type, len(body)) + body
        slow.sendall(request[:-1000])
        with ThreadPoolExecutor(4) as threads:
            send = ("POST", "/api/v1/predict", body)
            answers = [
                threads.submit(server.request, *send, **{"Content-Type": content_type}) for _ in range(4)
            ]
            time.sleep(0.3)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            slow.sendall(request[-1000:])
            assert read_all(slow).startswith(b"HTTP/1.1 200 OK"), "an upload that has begun is answered"
            assert [answer.result()[0] for answer in answers] == [200] * 4
        assert server.process.wait(25) == 0
