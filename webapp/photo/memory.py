"""Decoding takes memory; together, photos take no more than there is for them."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

DECODING_BYTES: Final = 300_000_000
"""For all photos that one worker decodes at once: with the 190 MB of the worker itself, and what an allocator
keeps, that stays below the 512 MB of the smallest dyno."""


class Budget:
    """Lets in who fits, in the order in which they came: small ones never keep a large one waiting."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._free = most
        self._lock = threading.Lock()
        self._waiting: deque[tuple[int, threading.Event]] = deque()

    @contextmanager
    def holding(self, amount: int) -> Iterator[None]:
        """Waits until so much is free, and keeps it while the block runs.

        Raises:
            ValueError: There will never be so much.
        """
        if amount > self.most:
            raise ValueError(f"{amount} of {self.most} bytes")
        self._take(amount)
        try:
            yield
        finally:
            self._give(amount)

    def _take(self, amount: int) -> None:
        with self._lock:
            if not self._waiting and amount <= self._free:
                self._free -= amount
                return
            turn = threading.Event()
            self._waiting.append((amount, turn))
        turn.wait()

    def _give(self, amount: int) -> None:
        with self._lock:
            self._free += amount
            while self._waiting and self._waiting[0][0] <= self._free:
                next_amount, turn = self._waiting.popleft()
                self._free -= next_amount
                turn.set()
