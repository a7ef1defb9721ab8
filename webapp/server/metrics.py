"""``/metrics`` for Prometheus, where a setting asks for it: counts and times, nothing about a person.

Several gunicorn workers each write into a file of one folder, which gunicorn's configuration makes, and
whoever is asked adds all of them up.
"""

import os
import resource
import sys
import time
from pathlib import Path
from typing import Any, Final, cast

from flask import Blueprint, Flask, Response, current_app, g, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from webapp.config import Settings, current_settings
from webapp.server.keys import sent_one_of
from webapp.server.request_log import noted, stage_done
from webapp.server.waiting_room import current_waiting_room

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus_client's own environment variable: where the workers of one gunicorn put their counts."""
SECONDS: Final = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2, 4, 8, 16, 30)
"""Upper edges: from a page without a photo to what Heroku's router waits for."""

bp = Blueprint("metrics", __name__)


class Metrics:
    """What is counted and timed. Every label has few values, and none of them is a visitor's own text."""

    def __init__(self) -> None:
        # For those alone who set it.
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

        disable_created_metrics()  # type: ignore[no-untyped-call]  # several workers together have none either
        self.registry = CollectorRegistry()
        common: dict[str, Any] = {"namespace": "skin_cancer_detector", "registry": self.registry}
        self.requests = Counter("requests", "Answered requests.", ["route", "status"], **common)
        self.photos = Counter("photos", "Photos that could be read.", ["route", "format"], **common)
        self.refused = Counter("refused_photos", "Photos that could not be read.", ["code"], **common)
        self.answers = Counter("answers", "Answers about a photo.", ["outcome"], **common)
        self.seconds = Histogram(
            "request_seconds", "From the whole request to its answer.", ["route"], buckets=SECONDS, **common
        )
        self.stages = Histogram(
            "stage_seconds",
            "Of a request with a photo: wait (for its turn), decode, predict, and the rest.",
            ["stage"],
            buckets=SECONDS,
            **common,
        )
        self.waiting = Gauge(
            "waiting_photos", "Requests that wait for their turn.", multiprocess_mode="livesum", **common
        )
        self.memory = Gauge(
            "memory_bytes", "Resident memory of all workers.", multiprocess_mode="livesum", **common
        )

    def on_note(self, app: Flask, **fields: Any) -> None:
        """Counts what is told about a photo."""
        if photo_format := fields.get("format"):
            self.photos.labels(_route(), photo_format).inc()
        if outcome := fields.get("outcome"):
            self.answers.labels(str(outcome)).inc()
        if code := fields.get("error"):
            self.refused.labels(code).inc()

    def on_stage(self, app: Flask, stage: str, seconds: float) -> None:
        """Times one stage of a request."""
        self.stages.labels(stage).observe(seconds)
        g.timed_seconds = g.get("timed_seconds", 0.0) + seconds

    def on_response(self, response: Response) -> Response:
        """Counts and times a request."""
        seconds = time.perf_counter() - g.started
        self.requests.labels(_route(), response.status_code).inc()
        self.seconds.labels(_route()).observe(seconds)
        if (timed := g.get("timed_seconds")) is not None:
            self.stages.labels("rest").observe(max(0.0, seconds - timed))
        self.refresh()
        return response

    def refresh(self) -> None:
        """Brings what goes up and down to what it is in this process now."""
        self.waiting.set(current_waiting_room().waiting)
        self.memory.set(resident_bytes())


def init_app(app: Flask, settings: Settings) -> None:
    """Counts every request and serves the counts; where the setting is off there is no such address."""
    if not settings.metrics:
        return
    metrics = app.extensions["metrics"] = Metrics()
    noted.connect(metrics.on_note, app)
    stage_done.connect(metrics.on_stage, app)
    app.after_request(metrics.on_response)
    app.register_blueprint(bp)


@bp.get("/metrics")
def show() -> ResponseReturnValue:
    """Returns the counts of all workers as Prometheus reads them.

    Raises:
        Unauthorized: The settings hold a key, and the request does not.
    """
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    key = current_settings().metrics_key
    if key is not None and not sent_one_of([key]):
        raise Unauthorized(www_authenticate=WWWAuthenticate("bearer"))
    metrics = cast(Metrics, current_app.extensions["metrics"])
    metrics.refresh()
    registry = metrics.registry
    if FOLDER in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def resident_bytes() -> int:
    """Returns the memory that this process holds; where that cannot be told, the most that it ever held."""
    if sys.platform == "linux":
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _route() -> str:
    # The rule, not the address: what a stranger types into an address may be personal.
    return request.url_rule.rule if request.url_rule else "none"
