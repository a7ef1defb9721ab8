"""The bounded queue in front of the model."""

import random
import threading
from collections import deque
from typing import Final, cast

from flask import Flask, current_app, g, request
from werkzeug.exceptions import ServiceUnavailable

from webapp.config import Settings
from webapp.model.predictor import INTERPRETERS
from webapp.server.request_log import timed

RETRY_AFTER: Final = (2, 3, 4)
"""Seconds, one of them by chance: about what a full queue takes, and whoever is sent away in one moment does
not come back in one moment."""


class WaitingRoom:
    """Lets a few photos in at a time, and a few more wait; whoever comes then is sent away at once.

    From reading the form to rendering the page everything counts, not the model alone: a decoded
    photo takes three bytes a pixel, and more at once than the model can look at would only take memory.
    """

    def __init__(self, waiting: int, working: int = INTERPRETERS) -> None:
        self._lock = threading.Lock()
        self._places, self._desks = waiting, working
        # First come, first served: with a semaphore, whoever just arrives may overtake all that wait,
        # and of 64 the unluckiest waited three times as long as the middle one.
        self._queue: deque[threading.Event] = deque()

    def enter(self) -> None:
        """Waits for its turn.

        Raises:
            ServiceUnavailable: The queue is full.
        """
        with self._lock:
            if self._desks > 0:
                self._desks -= 1
                return
            if len(self._queue) >= self._places:
                raise ServiceUnavailable(retry_after=random.choice(RETRY_AFTER))
            turn = threading.Event()
            self._queue.append(turn)
        turn.wait()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._queue)

    def leave(self) -> None:
        """Hands the desk to whoever waits longest."""
        with self._lock:
            if self._queue:
                self._queue.popleft().set()
            else:
                self._desks += 1


def current_waiting_room() -> WaitingRoom:
    """Returns the waiting room of the app that answers the current request."""
    return cast(WaitingRoom, current_app.extensions["waiting_room"])


def init_app(app: Flask, settings: Settings) -> None:
    """Puts every request that sends something to an address of the app through the waiting room."""
    room = app.extensions["waiting_room"] = WaitingRoom(settings.queue_size)

    @app.before_request
    def enter() -> None:
        if request.method == "POST" and request.endpoint is not None:
            with timed("wait"):
                room.enter()
            g.waiting_room = room

    @app.teardown_request
    def leave(error: BaseException | None) -> None:
        if (entered := g.pop("waiting_room", None)) is not None:
            entered.leave()
