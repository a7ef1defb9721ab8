"""What visitors notice of the worker: others that stall, crash, send too much or come while it stops."""

import http.client
import io
import json
import os
import re
import resource
import signal
import socket
import struct
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, closing
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import psutil
import pytest
from flask import Flask
from gunicorn.http.body import LengthReader

from tests.conftest import multipart
from tests.hazards import png_of
from tests.rendered import render_lesion, to_bytes
from tests.serving import ROOT, Server, serving, wait_until_ready
from webapp.config import Settings
from webapp.server.arrival import Arrival
from webapp.server.request_log import JsonFormatter
from webapp.server.worker import CollectingWorker, Delivered

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


def head(content_type: str, length: int | str, path: str = "/api/v1/predict", extra: str = "") -> bytes:
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Content-Type: {content_type}",
        "Transfer-Encoding: chunked" if length == "chunked" else f"Content-Length: {length}",
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
    assert '"message": "cut off", "status": 408' in server.log.read_text(), "whoever runs it can see that"
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


@pytest.mark.parametrize(
    ("rate", "seconds", "slow"),
    [
        (40_000, 75, False),  # 3 MB through a poor phone connection
        (4_000, 750, False),  # and through a village's uplink
        (4_000, 899, False),
        (4_000, 901, True),  # nothing may take for ever
        (500, 59, False),
        (500, 80, True),
    ],
)
def test_who_keeps_sending_is_let_go_on(rate: int, seconds: int, slow: bool) -> None:
    settings = Settings()
    worker = object.__new__(CollectingWorker)
    worker.upload_seconds, worker.upload_rate = settings.upload_seconds, settings.upload_rate
    arrival = Arrival(0, seconds, bytearray(rate * seconds))
    assert worker.is_slow(arrival, seconds) is slow


@pytest.mark.parametrize(
    ("path", "words"),
    [("/api/v1/predict", '"detail": "The photo took too long'), ("/?lang=de", '<html lang="de">')],
)
def test_whoever_is_cut_off_reads_what_to_do(server: Server, photo: bytes, path: str, words: str) -> None:
    body, content_type = multipart(photo)
    with closing(connect(server)) as connection:
        connection.sendall(head(content_type, len(body), path) + body[:1000])
        answer = read_all(connection).decode()
    assert answer.startswith("HTTP/1.1 408 Request Timeout\r\n") and words in answer


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="needs IPv6")
def test_ipv6_is_answered_beside_ipv4(server: Server) -> None:
    request = b"GET / HTTP/1.1\r\nHost: [::1]:8000\r\nConnection: close\r\n\r\n"
    for address in ("127.0.0.1", "::1"):
        with closing(socket.create_connection((address, server.port), timeout=30)) as connection:
            connection.sendall(request)
            assert read_all(connection).startswith(b"HTTP/1.1 200 OK")


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


@pytest.mark.parametrize("kind", ["chunks", "length"])
def test_a_body_that_looks_complete_too_early_holds_no_thread(
    server: Server, photo: bytes, kind: str
) -> None:
    """Two photos are looked at and two wait: three that hold a thread each hold up everybody."""
    body, content_type = multipart(photo)
    if kind == "chunks":  # up to here, the data end like those of a body that is complete
        body = multipart(photo + b"0\r\n\r\n")[0]
        pause = body.index(b"0\r\n\r\n") + 5
        length, sent = "chunked", b"%x\r\n" % len(body) + body[:pause]
        rest = body[pause:] + b"\r\n0\r\nX-Checksum: none\r\n\r\n"
    else:
        length, sent, rest = f"{len(body):020}", body[:100], body[100:]
    with ExitStack() as stack:
        trickling = [stack.enter_context(closing(connect(server))) for _ in range(3)]
        for connection in trickling:
            connection.sendall(head(content_type, length, extra="Connection: close\r\n") + sent)
        time.sleep(0.3)
        for connection in trickling:
            connection.sendall(rest[:1])
        whole, started = multipart(photo)[0], time.monotonic()
        assert server.request("POST", "/api/v1/predict", whole, **{"Content-Type": content_type})[0] == 200
        assert time.monotonic() - started < 2
        for connection in trickling:
            connection.sendall(rest[1:])
            assert read_all(connection).startswith(b"HTTP/1.1 200 OK")


def test_a_thread_never_reads_from_a_visitor() -> None:
    ours, visitor = socket.socketpair()
    with closing(ours), closing(visitor):
        visitor.sendall(b"later")
        delivered = Delivered(ours)
        delivered.collected = io.BytesIO(b"in time")
        assert [delivered.read(), delivered.read()] == [b"in time", b""]


def test_a_body_in_chunks_with_trailers_is_read_and_the_connection_goes_on(
    server: Server, photo: bytes
) -> None:
    body, content_type = multipart(photo)
    chunks = b"%x\r\n%b\r\n0\r\nX-Checksum: none\r\nHost: forbidden here\r\n\r\n" % (len(body), body)
    last = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with closing(connect(server)) as connection:
        connection.sendall((head(content_type, "chunked") + chunks) * 2 + last)
        assert read_all(connection).count(b"HTTP/1.1 200 OK") == 3


def test_a_body_in_chunks_that_is_too_large_is_told_so(server: Server) -> None:
    body, content_type = multipart(bytes(3_000_000))
    connection = http.client.HTTPConnection("localhost", server.port, timeout=30)
    pieces = (body[start : start + 10_000] for start in range(0, len(body), 10_000))
    connection.request("POST", "/api/v1/predict", pieces, {"Content-Type": content_type}, encode_chunked=True)
    response = connection.getresponse()
    assert (response.status, json.load(response)["code"]) == (413, "too_large")
    connection.close()


def test_a_body_that_is_no_chunks_is_refused(server: Server) -> None:
    with closing(connect(server)) as connection:
        connection.sendall(head("text/plain", "chunked") + b"Mrs Example\r\n")
        assert read_all(connection).startswith(b"HTTP/1.1 400")


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


def test_more_photos_than_may_wait_are_refused_while_pages_are_answered(server: Server) -> None:
    """Two photos are looked at and two wait, each with a thread; there are threads beside those."""
    large = png_of(8_000, 7_500, 0, 8, bytes(7_500 * 8_001))  # takes a second each, one after the other
    body, content_type = multipart(large)
    with ThreadPoolExecutor(6) as threads:
        send = ("POST", "/api/v1/predict", body)
        answers = [threads.submit(server.request, *send, **{"Content-Type": content_type}) for _ in range(6)]
        refused = [answer.result()[0] for answer in islice(as_completed(answers), 2)]
        assert refused == [503, 503], "before any other is answered"
        assert server.request("GET", "/about")[0] == 200
        assert sum(answer.done() for answer in answers) < 4, "nor does the page wait for those in the queue"
        assert sorted(answer.result()[0] for answer in answers) == [200] * 4 + [503] * 2


def test_clients_that_hang_up_while_they_are_given_leave_harm_nobody(server: Server) -> None:
    """What they sent is still there to be read, but nothing can be sent any more."""
    (worker,) = psutil.Process(server.process.pid).children()
    worker.suspend()  # so that it finds them all after they have hung up
    for _ in range(20):
        connection = connect(server)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(head("text/plain", 10, extra="Expect: 100-continue\r\n"))
        connection.close()
    worker.resume()
    assert server.request("GET", "/healthz")[0] == 200
    assert psutil.Process(server.process.pid).children() == [worker]


def test_headers_without_end_are_refused(server: Server) -> None:
    with closing(connect(server)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Large: " + b"x" * 40_000)
        assert read_all(connection).startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize(
    "headers", [{"X-Large": "x" * 9_000}, {f"X-{number}": "x" for number in range(80)}], ids=["long", "many"]
)
def test_headers_above_the_limits_are_refused(server: Server, headers: dict[str, str]) -> None:
    assert server.request("GET", "/", **headers)[0] == 431


def test_an_address_above_the_limit_is_refused(server: Server) -> None:
    assert server.request("GET", "/?" + "x" * 4_000)[0] == 200
    assert server.request("GET", "/?" + "x" * 5_000)[0] == 414


@pytest.mark.parametrize(
    ("sent", "status", "error"),
    [
        ("GET /mrs-example HTTP/1.1\r\nHidden Lane: 12\r\n\r\n", 400, "InvalidHeaderName"),
        ("GET /mrs-example HTTP/1.1\r\nHost: localhost\r\nHost: hidden\r\n\r\n", 400, "InvalidHeader"),
        ("GET /mrs-example hidden\r\n\r\n", 400, "InvalidHTTPVersion"),
        ("mrs-example hidden lane\r\n\r\n", 400, "InvalidRequestMethod"),
        ("GET /mrs-example HTTP/1.1\r\nExpect: hidden\r\n\r\n", 417, "ExpectationFailed"),
        ("GET /mrs-example HTTP/1.1\r\nTransfer-Encoding: hidden\r\n\r\n", 501, "UnsupportedTransferCoding"),
    ],
)
def test_what_is_no_request_is_logged_by_its_kind_alone(
    server: Server, sent: str, status: int, error: str
) -> None:
    before = len(server.log.read_text())
    with closing(connect(server)) as connection:
        connection.sendall(sent.encode())
        answer = read_all(connection).decode()
    log = server.log.read_text()[before:]
    assert answer.startswith(f"HTTP/1.1 {status} ")
    line = json.loads(log)
    assert (line["level"], line["error"]) == ("warning", error)
    told = re.sub("(visually|aria)-hidden", "", answer.lower())  # names in our own page
    for word in ("example", "hidden", "127.0.0.1"):
        assert word not in log.lower() and word not in told


def test_what_fails_outside_of_the_app_is_logged_without_what_was_sent(
    app: Flask,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ours, visitor = socket.socketpair()
    with closing(visitor):
        with closing(ours):
            request = SimpleNamespace(method="GET", uri="/mrs-example")
            try:
                raise ValueError(request.uri)
            except ValueError as error:
                worker = object.__new__(CollectingWorker)
                worker.wsgi, worker.answering = app, SimpleNamespace(head=b"GET /mrs-example HTTP/1.1\r\n")
                worker.handle_error(request, ours, ("192.0.2.1", 1), error)
        answer = read_all(visitor)
        assert answer.startswith(b"HTTP/1.1 500") and b"Something went wrong on our side" in answer
    (line,) = (json.loads(JsonFormatter().format(record)) for record in caplog.records)
    assert line["error"] == "ValueError" and "test_worker.py" in line["exception"]
    assert "mrs-example" not in json.dumps(line) and "192.0.2.1" not in json.dumps(line)


@pytest.fixture
def few_files() -> Iterator[None]:
    """What is started may open 200 files, of which the worker keeps 160 for itself."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def hold_connections(stack: ExitStack, server: Server, number: int) -> None:
    for index in range(number):
        holding = stack.enter_context(closing(connect(server)))
        holding.sendall(head("text/plain", 1000) if index % 2 else b"")


@pytest.mark.parametrize("limit", ["connections", "files"])
def test_new_visitors_are_let_in_while_somebody_holds_all_connections(
    tmp_path: Path, photo: bytes, limit: str, request: pytest.FixtureRequest
) -> None:
    settings = {"FLASK_QUEUE_SIZE": "2", "FLASK_STALL_SECONDS": "60"}  # nobody is let in for being late
    if limit == "connections":
        settings["GUNICORN_CMD_ARGS"] = "--worker-connections 40"
    else:
        request.getfixturevalue("few_files")
    with serving(tmp_path / "log", **settings) as server, ExitStack() as stack:
        wait_until_ready(server)
        (worker,) = psutil.Process(server.process.pid).children()
        hold_connections(stack, server, 120)
        assert server.request("GET", "/about")[0] == 200
        body, content_type = multipart(photo)
        assert server.request("POST", "/api/v1/predict", body, **{"Content-Type": content_type})[0] == 200
        assert len(worker.net_connections("tcp")) <= 42, "with the one that listens"


@pytest.mark.skipif(sys.platform != "linux", reason="sets the limit of another process")
def test_a_worker_that_can_open_no_more_files_goes_on(tmp_path: Path) -> None:
    with serving(tmp_path / "log") as server, ExitStack() as stack:
        wait_until_ready(server)
        (worker,) = psutil.Process(server.process.pid).children()
        worker.rlimit(psutil.RLIMIT_NOFILE, (50, 50))
        hold_connections(stack, server, 60)
        assert server.request("GET", "/healthz")[0] == 200
        assert psutil.Process(server.process.pid).children() == [worker]


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
    refused = [bool(re.match(rb"HTTP/1.1 503.*Retry-After: [234]\r", answer, re.S)) for answer in answers]
    assert refused == [True] * 4 + [False] * 8


def test_whoever_is_cut_off_together_does_not_come_back_together(app: Flask) -> None:
    worker, said = object.__new__(CollectingWorker), list[bytes]()
    worker.wsgi, worker.arrivals = app, {}
    worker.forget = worker.linger = lambda conn: None
    for _ in range(30):
        worker.arrivals = defaultdict(lambda: Arrival(0, 0))
        sock = Mock(send=said.append)
        worker.refuse(Mock(sock=sock), HTTPStatus.SERVICE_UNAVAILABLE)
    assert len(set(said)) == 3  # fewer by chance: once in 60,000


def test_a_forged_proxy_header_is_not_believed(tmp_path: Path) -> None:
    """Not even where the environment tells gunicorn to believe everybody, as some platforms' images do."""
    with serving(tmp_path / "log", FORWARDED_ALLOW_IPS="*") as server:
        wait_until_ready(server)
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


def with_worker(folder: Path, change: str) -> dict[str, str]:
    """Returns settings that start the app with a constant of its worker changed."""
    config = folder / "changed.conf.py"
    ours = (ROOT / "gunicorn.conf.py").read_text()
    config.write_text(f"{ours}\nfrom webapp.server import worker\nworker.{change}\n")
    return {"GUNICORN_CMD_ARGS": f"--config {config}"}


def test_what_may_be_sent_is_read_however_little_else_would_be(tmp_path: Path, photo: bytes) -> None:
    """Above 100 MB nobody waits for the rest of a request, unless whoever runs the app allows that much."""
    with serving(tmp_path / "log", **with_worker(tmp_path, "DISCARD_LIMIT = 1_000")) as server:
        wait_until_ready(server)
        body, content_type = multipart(photo)
        with closing(connect(server)) as connection:
            connection.sendall(head(content_type, len(body)))
            time.sleep(0.2)
            connection.sendall(body)
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200")


def test_visitors_who_stay_are_shared_among_the_workers(tmp_path: Path) -> None:
    """By chance four are shared evenly three times in eight: nine times of ten once in 1,000 runs.

    The workers are 150 times as polite as they are (.3 s), so that politeness shares the visitors and not the
    moment at which a busy machine lets a worker run: with .1 s that shared one of ten.
    """
    patient, even = with_worker(tmp_path, "POLITENESS *= 150"), 0
    with serving(tmp_path / "log", WEB_CONCURRENCY="2", **patient) as server:
        wait_until_ready(server)
        workers = psutil.Process(server.process.pid).children()
        for _ in range(10):
            with ExitStack() as visitors:
                for visitor in [visitors.enter_context(closing(connect(server))) for _ in range(4)]:
                    visitor.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    assert visitor.recv(65_536).startswith(b"HTTP/1.1 200")
                even += [visitors_of(worker) for worker in workers] == [2, 2]
            deadline = time.monotonic() + 10
            while any(map(visitors_of, workers)):
                assert time.monotonic() < deadline
                time.sleep(0.01)
    assert even >= 9


def visitors_of(worker: psutil.Process) -> int:
    return sum(each.status == psutil.CONN_ESTABLISHED for each in worker.net_connections())


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
