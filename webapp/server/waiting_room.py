"""The bounded queue in front of the model."""

import random
import threading
from collections import deque
from typing import Final

from flask import Flask, g, request
from werkzeug.exceptions import ServiceUnavailable

from webapp.config import Settings
from webapp.model.predictor import INTERPRETERS

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

    def leave(self) -> None:
        """Hands the desk to whoever waits longest."""
        with self._lock:
            if self._queue:
                self._queue.popleft().set()
            else:
                self._desks += 1


def init_app(app: Flask, settings: Settings) -> None:
    """Puts every request that sends something to an address of the app through the waiting room."""
    room = WaitingRoom(settings.queue_size)

    @app.before_request
    def enter() -> None:
        if request.method == "POST" and request.endpoint is not None:
            room.enter()
            g.waiting_room = room

    @app.teardown_request
    def leave(error: BaseException | None) -> None:
        if (entered := g.pop("waiting_room", None)) is not None:
            entered.leave()
