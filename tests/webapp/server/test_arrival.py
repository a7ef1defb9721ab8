"""When a request is complete: a thread that gets one too early would read the end of it from nowhere."""

import pytest
from gunicorn.http.body import ChunkedReader
from gunicorn.http.unreader import IterUnreader

from webapp.server.arrival import Arrival, MalformedChunks

CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


def arrived(data: bytes, piece: int = 65_536) -> Arrival:
    """Lets a request come in pieces; but for the last one it must not be complete."""
    arrival = Arrival(0, 0)
    for start in range(0, len(data), piece):
        assert not arrival.is_complete()
        arrival.data += data[start : start + piece]
        if not arrival.head:
            arrival.read_head()
        if arrival.length is None:
            arrival.walk_chunks()
    return arrival


BODIES = {
    b"0\r\n\r\n": b"",
    b"5\r\nphoto\r\n0\r\n\r\n": b"photo",
    b"5\r\n0\r\n\r\n\r\n0\r\n\r\n": b"0\r\n\r\n",
    b"1\r\na\r\n0002;name=a.b;c\r\nbc\r\n000\r\n\r\n": b"abc",
    b"A\r\n0123456789\r\n0\r\nX-Sum: 1\r\nX-Other:\r\n\r\n": b"0123456789",
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("piece", [1, 3, 65_536])
def test_chunks_are_complete_with_their_last_byte_and_gunicorn_finds_the_same(
    body: bytes, piece: int
) -> None:
    arrival = arrived(CHUNKED + body, piece)
    assert arrival.is_complete() and arrival.received == len(BODIES[body])
    assert arrival.trailers is not None
    del arrival.data[arrival.trailers]
    unreader = IterUnreader(iter([bytes(arrival.data[arrival.head :])]))
    reader = ChunkedReader(None, unreader)
    assert reader.read(1000) == BODIES[body] and reader.read(1) == b""
    assert unreader.take_buffered() == b"", "nothing is left for the next request"


def test_the_next_request_may_come_along() -> None:
    arrival = arrived(CHUNKED + b"1\r\na\r\n0\r\nX-Sum: 1\r\n\r\nGET / HTTP/1.1\r\n")
    assert arrival.is_complete() and arrival.trailers is not None
    del arrival.data[arrival.trailers]
    assert arrival.data.endswith(b"a\r\n0\r\n\r\nGET / HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "body",
    [
        b"photo\r\n",
        b"-1\r\n",
        b"0x5\r\nphoto",
        b" 5\r\nphoto",
        b"5\nphoto\n",
        b"5\r\nphotograph\r\n0\r\n\r\n",
        b"11111111111111111\r\n",
        b"1;" + b"a" * 300,
        b"1;a=\r\n",
        b"0\r\nno field\r\n\r\n",
        b"0\r\nX-Sum: 1\n\r\n\r\n",
        b"0\r\nX-Sum: " + b"1" * 40_000,
        b"1\r\na\r\n" * 210_000,
    ],
)
def test_what_are_no_chunks_are_noticed(body: bytes) -> None:
    with pytest.raises(MalformedChunks):
        arrived(CHUNKED + body)


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (b"5", 5),
        (b"0", 0),
        (b"000", 0),
        (b"0" * 17 + b"25", 25),
        (b"0" * 30_000 + b"7", 7),
        (b"9" * 30_000, int("9" * 18)),
    ],
)
def test_the_length_of_a_body_is_read_however_it_is_written(length: bytes, expected: int) -> None:
    arrival = Arrival(0, 0, bytearray(b"POST / HTTP/1.1\r\nContent-Length: " + length + b" \r\n\r\n"))
    arrival.read_head()
    assert arrival.length == expected
    assert arrival.is_complete() is (expected == 0)
