"""gunicorn's threaded worker, except that no thread ever waits for a visitor.

gunicorn's own hands a connection to a thread as soon as it is open, and the thread then waits for
the rest of the request: as many connections as there are threads, each stopping in the middle of a
photo, block it for good. Here the worker's event loop collects the request, and a thread gets it
once it is complete. A connection that stalls costs a little memory until it is cut off.

Why not gunicorn's gevent worker, which its documentation advises against slow clients? Tried with gevent
26.9, twelve stalled connections and a queue of two: those that stop in the headers are cut off after the
keep-alive time, but nothing cuts off one that stops in its body, whose request has begun and has a place in
front of the model. Four such hold all places, and every other visitor's photo is answered 503 for as long
as they like; still so after 40 s, with stall_seconds at 3. Whoever does not read an answer has no end
either (its sockets have no timeout), and decoders and the network, which yield to no event loop, would need
a pool of threads of their own: the threads that are here already.
"""

import io
import logging
import random
import resource
import socket
import threading
import time
import traceback
from functools import partial
from http import HTTPStatus
from selectors import EVENT_READ
from typing import Any, Final

from gunicorn.http import errors
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, ThreadWorker

from webapp.config import Settings
from webapp.server.arrival import HEAD_LIMIT, Arrival, MalformedChunks
from webapp.server.refusals import refusal
from webapp.server.security import body_limit
from webapp.server.waiting_room import RETRY_AFTER

PIECE: Final = 262_144  # bytes taken from a socket at once
DISCARD_LIMIT: Final = 100_000_000  # bytes; above the largest raw photos that phones take today
HELD_PHOTOS: Final = 8  # of the largest size; 120 MB as delivered, beside 512 MB of the smallest machine
# With 1 ms six visitors all came to one worker of a busy machine in 15 of 40 tries, with 2 in none.
POLITENESS: Final = 0.002  # seconds that a worker waits for each connection it has before it takes another
MOST_POLITE: Final = 4  # times as long at most: with more connections each, all workers are busy
FIRST_MINUTE: Final = 60  # seconds in which a connection may be as slow as it is
SPARE_FILES: Final = 160  # two for each of 72 threads: one to Redis and a style sheet, for example

_log = logging.getLogger(__name__)

_REFUSALS: Final = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
}
"""How to answer what gunicorn does not take for a request; any other reason is a 400."""


class Delivered(SocketUnreader):  # type: ignore[misc]  # gunicorn has no types
    """Reads what has been collected and never from the socket: no thread waits for a visitor.

    Behind that comes the end of the file, which makes a request that is not complete a 400.
    """

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.collected = io.BytesIO()

    def chunk(self, size_hint: int | None = None) -> bytes:
        # Never the rest at once: gunicorn copies all that it holds ahead with every 64 kB that the app reads.
        piece = self.collected.read(self.mxchunk)
        if len(piece) < self.mxchunk:
            self.collected = io.BytesIO()  # that was the last piece: what is read through need not stay
        return piece


class CollectingWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A threaded worker whose event loop collects the requests."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        settings = Settings.from_environ()
        self.body_limit = body_limit(settings)
        self.upload_seconds, self.stall_seconds = settings.upload_seconds, settings.stall_seconds
        self.upload_rate = settings.upload_rate
        self.answering = threading.local()  # what a thread knows of the request that it answers
        self.arrivals: dict[Any, Arrival] = {}  # by connection, the oldest first
        self.held = 0  # bytes in the arrivals, and in requests that threads are answering
        self.accept_at: float | None = None  # until then another worker may take who stands at the door
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if files != resource.RLIM_INFINITY:
            self.worker_connections: int = min(self.worker_connections, max(1, files - SPARE_FILES))

    def enqueue_req(self, conn: Any) -> None:
        """Collects the next request of a connection; gunicorn gives it to a thread here."""
        conn.init()
        if not isinstance(conn.parser.unreader, Delivered):
            conn.parser.unreader = Delivered(conn.sock)
        conn.sock.setblocking(False)
        now = time.monotonic()
        arrival = self.arrivals[conn] = Arrival(now, now)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_data, conn))
        if ahead := conn.parser.unreader.take_buffered():
            self.take(conn, arrival, ahead)

    def accept(self, listener: Any) -> None:
        """Takes a new connection, at once where this is the only worker or has no other.

        All workers listen at one door, and a connection that is kept open stays with whoever took it: of four
        visitors all came to the same worker in five of sixteen tries, and a core stood still. So a worker
        waits the longer the more connections it has, and those with fewer come first.
        """
        if self.cfg.workers > 1 and self.nr_conns:
            self.accept_at = time.monotonic() + POLITENESS * min(self.nr_conns, MOST_POLITE)
            self.set_accept_enabled(False)
        else:
            self.welcome(listener)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Opens or closes the door; gunicorn's loop would open it again at once."""
        super().set_accept_enabled(enabled and self.accept_at is None)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Waits for events, and for the end of its own politeness."""
        if self.accept_at is not None:
            timeout = min(timeout, max(0.0, self.accept_at - time.monotonic()))
        super().wait_for_and_dispatch_events(timeout)
        if self.accept_at is not None and time.monotonic() >= self.accept_at:
            self.accept_at = None
            if self.alive:  # in a crowd several at a time: nobody waits at the door for long
                for listener in self.sockets * max(1, self.nr_conns // MOST_POLITE):
                    self.welcome(listener)

    def welcome(self, listener: Any) -> None:
        """Takes a new connection if one is there; where there are all that may be, the oldest goes for it."""
        try:
            super().accept(listener)
            full = self.nr_conns >= self.worker_connections
        except OSError:  # no file is left for it; gunicorn's loop would end with the worker
            full = True
        if full and self.arrivals:
            oldest, arrival = next(iter(self.arrivals.items()))
            if arrival.data:
                _log.warning("cut off", extra={"fields": {"status": None}})
            self.drop(oldest)

    def on_data(self, conn: Any, sock: socket.socket) -> None:
        """Takes what a connection has sent."""
        try:
            piece = sock.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        arrival = self.arrivals.get(conn)
        if arrival is None:  # cut off by an event of the same round
            return
        if not piece:
            self.drop(conn)
        elif not arrival.finished:
            self.take(conn, arrival, piece)

    def take(self, conn: Any, arrival: Arrival, piece: bytes) -> None:
        """Adds a piece to a request, and gives the request to a thread when that was its last."""
        arrival.latest = time.monotonic()
        if not arrival.data:  # on a connection that was kept open, the wait for a request is no part of it
            arrival.started = arrival.latest
        keep = len(piece)
        if arrival.head and arrival.length is not None and arrival.length > self.body_limit:
            keep = 0
        arrival.data += piece[:keep]
        arrival.discarded += len(piece) - keep
        self.held += keep
        if not arrival.head:
            arrival.read_head()
            if len(arrival.data) > HEAD_LIMIT and not 0 < arrival.head <= HEAD_LIMIT:
                return self.refuse(conn, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            if arrival.head and arrival.waits_for_leave:
                try:
                    conn.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
                except OSError:  # hung up, or not reading; gunicorn's loop would end with the worker
                    return self.drop(conn)
        if arrival.length is None:
            try:
                arrival.walk_chunks()
            except MalformedChunks:
                return self.refuse(conn, HTTPStatus.BAD_REQUEST)
        too_long = arrival.length is not None and arrival.length > max(DISCARD_LIMIT, self.body_limit)
        endless = arrival.length is None and arrival.received > self.body_limit
        if arrival.is_complete() or too_long or endless:
            self.deliver(conn, arrival)
        elif self.held > HELD_PHOTOS * self.body_limit:
            # Whoever takes longest goes: an honest photo is through in seconds.
            slowest = next(each for each, arrival in self.arrivals.items() if arrival.data)
            self.refuse(slowest, HTTPStatus.SERVICE_UNAVAILABLE)

    def deliver(self, conn: Any, arrival: Arrival) -> None:
        """Gives a request to a thread."""
        del self.arrivals[conn]
        self.poller.unregister(conn.sock)
        conn.held = len(arrival.data)
        # What was discarded will never come: the answer to its headers alone ends the connection.
        conn.incomplete = arrival.discarded > 0 or not arrival.is_complete()
        conn.data_ready = True
        if arrival.trailers:
            del arrival.data[arrival.trailers]  # nobody here reads them
        conn.parser.unreader.collected = io.BytesIO(arrival.data)
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """Reads a request and answers it; runs in a thread."""
        self.answering.head = bytes(conn.parser.unreader.collected.getbuffer()[:HEAD_LIMIT])
        return super().handle(conn)

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Answers a request; runs in a thread."""
        conn.sock.settimeout(self.stall_seconds)  # also for a visitor who does not read the answer
        if conn.incomplete:
            req.force_close()
        return bool(super().handle_request(req, conn)) and not conn.incomplete

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answers what is no request, or what the app did not catch, and logs which error it was.

        gunicorn also logs the visitor's address, and what they sent.
        """
        ours = isinstance(exc, (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName))
        fields: dict[str, Any] = {"error": type(exc).__name__}
        if ours or not isinstance(exc, errors.ParseException):
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            fields["exception"] = "".join(traceback.format_tb(exc.__traceback__))  # lines of code, no values
            _log.error("request failed", extra={"fields": fields})
        else:
            status = _REFUSALS.get(type(exc), HTTPStatus.BAD_REQUEST)
            _log.warning("no request", extra={"fields": fields})
        try:
            client.sendall(refusal(self.wsgi, status, getattr(self.answering, "head", b"")))
        except OSError:
            pass  # gone

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Takes a connection back from its thread, for its next request."""
        self.held -= conn.held
        conn.parser.unreader.buf.write(conn.parser.unreader.collected.read())  # the next may have come along
        conn.parser.unreader.collected = io.BytesIO()
        if not fs.cancelled() and fs.exception() is None and fs.result():
            super().finish_request(conn, fs)
        else:
            self.linger(conn)

    def linger(self, conn: Any) -> None:
        """Says that nothing more will be sent, and waits until the visitor has read it all.

        gunicorn does so in the event loop and blocks it, for 2 seconds with each visitor who does not
        hang up; and a connection closed at once may take the answer with it.
        """
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:  # hung up
            self.nr_conns -= 1
            conn.close()
            return
        conn.sock.setblocking(False)
        now = time.monotonic()
        self.arrivals[conn] = Arrival(now, now, finished=True)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_data, conn))

    def murder_pending(self) -> None:
        """Cuts off whoever takes too long; gunicorn's loop calls this once a second or more often."""
        now = time.monotonic()
        for conn, arrival in list(self.arrivals.items()):
            waits = not arrival.finished and (arrival.data or self.alive)
            patience = self.stall_seconds if waits else STOP_KEEPALIVE_LINGER
            if now - arrival.latest > patience or self.is_slow(arrival, now - arrival.started):
                if arrival.data:
                    self.refuse(conn, HTTPStatus.REQUEST_TIMEOUT)
                else:
                    self.drop(conn)

    def is_slow(self, arrival: Arrival, seconds: float) -> bool:
        """Whether a request has taken too long: who keeps sending at a village's pace has not."""
        if seconds > self.upload_seconds:
            return True
        return arrival.came < self.upload_rate * (seconds - FIRST_MINUTE)

    def refuse(self, conn: Any, status: HTTPStatus) -> None:
        """Cuts a request off, with the status that says why and with words that say what to do."""
        came, later = bytes(self.arrivals[conn].data[:HEAD_LIMIT]), {}
        if status is HTTPStatus.SERVICE_UNAVAILABLE:
            later["Retry_After"] = f"{random.choice(RETRY_AFTER)}"
        _log.warning("cut off", extra={"fields": {"status": int(status)}})
        try:
            conn.sock.send(refusal(self.wsgi, status, came, **later))
        except OSError:
            pass  # gone, or not reading
        self.forget(conn)
        self.linger(conn)

    def drop(self, conn: Any) -> None:
        """Closes a connection whose request is not complete."""
        self.forget(conn)
        self.nr_conns -= 1
        conn.close()

    def forget(self, conn: Any) -> None:
        """Takes a connection and what came of its request off the event loop."""
        self.held -= len(self.arrivals.pop(conn).data)
        self.poller.unregister(conn.sock)
