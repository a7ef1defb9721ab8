"""For whoever runs the app: is it alive, and does its model answer as it did when it was made?"""

import logging
import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, Flask, current_app
from flask.typing import ResponseReturnValue

from webapp.model.golden import agrees, golden_picture
from webapp.model.predictor import Predictor, current_predictor

bp = Blueprint("health", __name__)
_log = logging.getLogger(__name__)

REMEMBERED: Final = 5.0  # seconds: so that asking often costs no more than one prediction


class Readiness:
    """Asks the model for the golden picture's answer, at most once in ``REMEMBERED`` seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._checked = -REMEMBERED
        self._state = ""

    def state(self, predictor: Predictor) -> str:
        """Returns ``ok``, ``not recorded`` (the model came without an answer to compare with),
        ``differs`` or ``fails``."""
        with self._lock:
            if time.monotonic() - self._checked > REMEMBERED:
                self._state = _ask(predictor)
                self._checked = time.monotonic()
            return self._state


def init_app(app: Flask) -> None:
    """Gives the app its memory of the last check."""
    app.extensions["readiness"] = Readiness()


@bp.get("/healthz")
def alive() -> ResponseReturnValue:
    """Says that the process answers."""
    return {"status": "alive"}


@bp.get("/readyz")
def ready() -> ResponseReturnValue:
    """Says whether the model gives the answer that was recorded with it."""
    predictor = current_predictor()
    golden = current_app.extensions["readiness"].state(predictor)
    ready = golden in ("ok", "not recorded")
    body = {"status": "ready" if ready else "unready", "model": _describe(predictor), "golden": golden}
    return body, HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE


def _ask(predictor: Predictor) -> str:
    try:
        prediction = predictor.predict(golden_picture())
    except Exception:
        _log.exception("the model failed on the golden picture")
        return "fails"
    recorded = predictor.bundle.contract.golden
    if recorded is None:
        return "not recorded"
    return "ok" if agrees(prediction, recorded) else "differs"


def _describe(predictor: Predictor) -> Mapping[str, Any]:
    contract = predictor.bundle.contract
    hashes = {name: file.sha256 for name, file in contract.files.items()}  # checked when it was opened
    return {"name": contract.name, "version": contract.version, "sha256": hashes}
