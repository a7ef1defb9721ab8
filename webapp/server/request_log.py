"""The log: one JSON object a line, one line a request, and nothing in it about the person or the photo."""

import json
import logging
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, TextIO, cast

from blinker import Signal
from flask import Flask, Response, current_app, g, has_request_context, request
from flask.logging import wsgi_errors_stream

from webapp.config import Settings

_log = logging.getLogger(__name__)
noted: Final = Signal("With its fields: something was noted about the current request.")
stage_done: Final = Signal("With stage and seconds: a stage of the current request is done.")
_ID: Final = re.compile(r"[0-9A-Za-z-]{8,64}")


class JsonFormatter(logging.Formatter):
    """Writes a record as one line; what ``extra={"fields": …}`` holds becomes fields of its own."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def init_app(app: Flask, settings: Settings) -> None:
    """Logs every request, and brings what the app and its limiter say into the same form."""
    # What the limiter says below a warning names the address that asked too often.
    for name, level in (("webapp", logging.INFO), ("flask-limiter", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.setLevel(level)
        if not any(isinstance(handler.formatter, JsonFormatter) for handler in logger.handlers):
            handler = logging.StreamHandler(cast(TextIO, wsgi_errors_stream))
            handler.setFormatter(JsonFormatter())
            logger.addHandler(handler)
    believed = settings.trusted_hops > 0  # a proxy's id joins our line with its own

    @app.before_request
    def start() -> None:
        g.started = time.perf_counter()
        sent = request.headers.get("X-Request-ID", "") if believed else ""
        g.noted = {"id": sent if _ID.fullmatch(sent) else uuid.uuid4().hex}

    app.after_request(_log_request)


def note(**fields: Any) -> None:
    """Adds fields to the line of the current request; outside of one (command line) it does nothing.

    Of several photos the line keeps what was noted last; whoever listens to ``noted`` hears of each.
    """
    if has_request_context():
        g.setdefault("noted", {}).update(fields)
        noted.send(current_app._get_current_object(), **fields)  # type: ignore[attr-defined]


@contextmanager
def timed(stage: str) -> Iterator[None]:
    """Says how long a stage of the current request took; outside of one it does nothing."""
    begin = time.perf_counter()
    try:
        yield
    finally:
        if has_request_context():
            app = current_app._get_current_object()  # type: ignore[attr-defined]
            stage_done.send(app, stage=stage, seconds=time.perf_counter() - begin)


def _log_request(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.noted["id"]
    fields = {
        **g.noted,
        "method": request.method,
        # The rule, not the address: what a stranger types into an address may be personal.
        "route": request.url_rule.rule if request.url_rule else None,
        "status": response.status_code,
        "duration_ms": round((time.perf_counter() - g.started) * 1000, 1),
    }
    _log.info("request", extra={"fields": fields})
    return response
