"""The form as the app reads it, against Werkzeug's own parser."""

import io
import random
from typing import IO, cast

import pytest
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header
from werkzeug.test import EnvironBuilder

from webapp.server.form_parser import PhotoFormParser

PIECE = 64 * 1024  # what Werkzeug reads at once


class _Pieces(io.BytesIO):
    """Hands out fewer bytes than it is asked for, as a socket may."""

    def __init__(self, data: bytes, seed: int) -> None:
        super().__init__(data)
        self._rng = random.Random(seed)

    def read(self, size: int | None = -1) -> bytes:
        return super().read(self._rng.randrange(1, size or PIECE) if size and size > 1 else size)


@pytest.mark.parametrize("seed", range(40))
def test_reads_what_werkzeug_reads_wherever_the_pieces_end(seed: int) -> None:
    rng = random.Random(seed)
    photo = rng.randbytes(rng.choice([0, 1, 300, PIECE - 200, PIECE, rng.randrange(3 * PIECE)]))
    photo += rng.choice([b"", b"\r\n", b"\r\n--", b"\r\n--no-boundary\r\n\r\n", b"\r" * 5])
    fields = {"csrf_token": "x" * rng.randrange(200), "told": "\r\n--\r\n"}
    environ = EnvironBuilder(
        method="POST", data={**fields, "photo": (io.BytesIO(photo), "spot.jpg")}
    ).get_environ()
    body, (mimetype, options) = environ["wsgi.input"].read(), parse_options_header(environ["CONTENT_TYPE"])

    read = []
    for parser in (FormDataParser(), PhotoFormParser()):
        stream = cast(IO[bytes], _Pieces(body, seed))
        _, form, files = parser.parse(stream, mimetype, len(body), options)
        with files["photo"].stream as sent:
            read.append((form.to_dict(), files["photo"].filename, sent.read()))

    assert read[1] == read[0]
    assert read[0][2] == photo
