"""Reading a form: only its files may be large, and a photo that came without its file name is told so."""

import re
from typing import IO, Any, Final

from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from webapp.photo.imaging import PhotoError

PHOTO_FIELDS: Final = frozenset({b"photo", b"camera"})
PART_HEAD: Final = 1_000  # bytes in which the headers of a part are looked for; browsers send 150

_NAME: Final = re.compile(rb"""[;\s]name="?([^";\r\n]*)""", re.I)
_FILENAME: Final = re.compile(rb";\s*filename\*?=", re.I)


class UnnamedPhoto(PhotoError):
    """A photo that came as a text, and not as a file: ``curl -F "photo=<spot.jpg"`` sends one so."""

    code = "missing_field"


class LongForm(PhotoError):
    """Far more text, or parts, than a form of ours has."""

    code = "form_too_long"


class _Remembering:
    """Hands a stream on, and remembers how the latest part of the form began.

    A piece ends before a line that may be a boundary: Werkzeug looks for it in such a piece with a regular
    expression, which took .4 ms for a photo of 100 kB.
    """

    def __init__(self, stream: IO[bytes], boundary: bytes) -> None:
        self._stream, self._boundary, self._end = stream, boundary, b""
        self._line, self._rest = b"\r\n" + boundary.removesuffix(b"\r\n"), b""
        self.part, self.exceeded = b"", False

    def read(self, size: int = -1) -> bytes:
        try:
            data = self._rest or self._stream.read(size)
        except RequestEntityTooLarge:
            self.exceeded = True
            raise
        cut = data.find(self._line)
        cut = cut if cut > 0 else len(data)
        data, self._rest = data[:cut], data[cut:]
        seen = self._end + data  # a boundary may begin in one piece and end in the next
        start = seen.rfind(self._boundary)
        if start >= 0:
            self.part = seen[start : start + PART_HEAD]
        elif len(self.part) < PART_HEAD:
            self.part += data[: PART_HEAD - len(self.part)]
        self._end = seen[-len(self._boundary) :]
        return data

    def is_unnamed_photo(self) -> bool:
        head = re.split(rb"\r?\n\r?\n", self.part, maxsplit=1)[0]
        name = _NAME.search(head)
        return name is not None and name[1] in PHOTO_FIELDS and not _FILENAME.search(head)


class PhotoFormParser(FormDataParser):
    """Werkzeug's parser, which calls every text above the limit a request that is too large."""

    def _parse_multipart(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str]
    ) -> tuple[IO[bytes], MultiDict[str, str], MultiDict[str, FileStorage]]:
        boundary = b"--%b\r\n" % options.get("boundary", "").encode("ascii", "replace")
        watched: Any = _Remembering(stream, boundary)
        try:
            _, form, files = super()._parse_multipart(watched, mimetype, content_length, options)
        except RequestEntityTooLarge as error:
            if watched.is_unnamed_photo():
                raise UnnamedPhoto from error
            if watched.exceeded:
                raise
            raise LongForm from error
        return stream, form, files

    def _parse_urlencoded(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str]
    ) -> tuple[IO[bytes], MultiDict[str, str], MultiDict[str, FileStorage]]:
        # Such a form has no files. Werkzeug reads it whole: 15 MB of "a&a&a&…" become a gigabyte of fields.
        limit = self.max_form_memory_size
        if limit is not None:
            if content_length is None or content_length > limit:
                raise UnnamedPhoto
        return super()._parse_urlencoded(stream, mimetype, content_length, options)
