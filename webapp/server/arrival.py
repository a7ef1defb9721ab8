"""One request while it comes in: how much of it is there, and whether that is all."""

import re
from dataclasses import dataclass, field
from typing import Final

HEAD_LIMIT: Final = 32_768  # bytes of request line and headers; browsers send about 1,000
CHUNK_LINE: Final = 256  # bytes; a chunk's length and what a client may say about it take about 8
FRAMING_LIMIT: Final = 1_000_000  # bytes around the chunks; enough for 15 MB in pieces of 100 bytes

_LENGTH: Final = re.compile(rb"^content-length:[ \t]*(\d+)[ \t]*\r$", re.I | re.M)
_CHUNKED: Final = re.compile(rb"^transfer-encoding:.*chunked", re.I | re.M)
_EXPECT: Final = re.compile(rb"^expect:[ \t]*100-continue", re.I | re.M)
# What these two let through, gunicorn reads in the same way: it never misses the end that was found here.
_CHUNK: Final = re.compile(rb"\r\n([0-9a-f]{1,16})(?:;[\w.-]+(?:=[\w.-]+)?)*\r\n", re.I)
_TRAILERS: Final = re.compile(rb"(?:[\w!#$%&'*+.^`|~-]+:[^\r\n]*\r\n)*\r\n")


class MalformedChunks(ValueError):
    """A body that claims to come in chunks and does not."""


@dataclass
class Arrival:
    """What came of one request so far.

    ``head`` is its length in bytes with the empty line, 0 until that has come; ``length`` is that of
    the body, ``None`` where it comes in chunks; ``discarded`` counts what was too much and forgotten.
    Of chunks, ``announced`` adds up their lengths, ``walked`` is where the latest ends, and ``trailers``
    is what stands behind them once all are there. After the last answer nothing that comes counts any
    more: ``finished``.
    """

    started: float
    latest: float
    data: bytearray = field(default_factory=bytearray)
    head: int = 0
    length: int | None = 0
    discarded: int = 0
    announced: int = 0
    walked: int = 0
    trailers: slice | None = None
    finished: bool = False

    def read_head(self) -> None:
        """Finds the end of the headers, and in them how long the body will be."""
        end = self.data.find(b"\r\n\r\n")
        if end < 0:
            return
        self.head, self.walked = end + 4, end + 2
        head = bytes(self.data[: self.head])
        if length := _LENGTH.search(head):
            # 18 digits are more than anybody sends; Python refuses to read more than 4,300.
            self.length = int(length[1].lstrip(b"0")[:18] or b"0")
        elif _CHUNKED.search(head):
            self.length = None

    @property
    def waits_for_leave(self) -> bool:
        """Whether the body will only come once the headers have been found good."""
        return _EXPECT.search(bytes(self.data[: self.head])) is not None

    @property
    def came(self) -> int:
        """How many bytes have come, of whatever."""
        return len(self.data) + self.discarded

    @property
    def received(self) -> int:
        """How many bytes of the chunks' own content are there."""
        return self.announced - max(0, self.walked - len(self.data))

    def walk_chunks(self) -> None:
        """Goes over the chunks that have come, over each of them once.

        Raises:
            MalformedChunks: These are none, or they hold next to nothing each.
        """
        while self.trailers is None and self.walked < len(self.data):
            limit = self.walked + CHUNK_LINE
            chunk = _CHUNK.match(self.data, self.walked, limit)
            if chunk is None:
                if len(self.data) >= limit or b"\n" in self.data[self.walked + 2 : limit]:
                    raise MalformedChunks("no length of a chunk")
                return
            if (size := int(chunk[1], 16)) == 0:
                return self._find_end(chunk.end())
            self.announced += size
            self.walked = chunk.end() + size
            if self.walked - self.head - self.announced > FRAMING_LIMIT:
                raise MalformedChunks("far more chunks than a photo needs")

    def _find_end(self, start: int) -> None:
        end = self.data.find(b"\r\n\r\n", start - 2)
        if end < 0 and len(self.data) - start < HEAD_LIMIT:
            return
        if end < 0 or not _TRAILERS.fullmatch(self.data, start, end + 4):
            raise MalformedChunks("no trailers")
        self.trailers = slice(start, end + 2)

    def is_complete(self) -> bool:
        """Whether a thread would find all that it needs."""
        if not self.head:
            return False
        if self.length is None:
            return self.trailers is not None
        return len(self.data) - self.head + self.discarded >= self.length
