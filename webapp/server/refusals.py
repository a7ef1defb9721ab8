"""What a visitor reads whose request never reaches the app: cut off, too long, or no request at all.

The server knows a few words of such a request at best. They are enough to answer in the form and in the
language that were asked for: with the app's own page, or with a problem for programs.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from flask import Flask, Response

from webapp.server.security import HEADERS

EXTENSION: Final = "refusal"
"""Under this name the app keeps a function that makes the answer for a status and an :class:`Asked`."""

_PATHS: Final = (b"/crop", b"/several")  # what each page sends to an address of its own
_LINE: Final = re.compile(rb"^[A-Z]{1,20} (\S*)(?: HTTP/|$)")
_LANGUAGE: Final = re.compile(rb"[?&]lang=([a-z]{2})(?:&|$)")
_HEADER: Final = r"^%s:[ \t]*([\x20-\x7e]{0,200})"


@dataclass(frozen=True)
class Asked:
    """What is known of a request.

    ``path`` is one of four: ``/api/``, ``/crop``, ``/several`` and ``/``; ``chosen`` the language that its
    address names; ``languages`` and ``accept`` are the headers Accept-Language and Accept.
    """

    path: str = "/"
    chosen: str = ""
    languages: str = ""
    accept: str = ""


def asked(head: bytes) -> Asked:
    """Reads what there is of a request's line and headers."""
    line, _, headers = head.partition(b"\r\n")
    found = _LINE.match(line)
    address = found[1] if found else b""
    bare = address.partition(b"?")[0]
    path = "/api/" if bare.startswith(b"/api/") else bare.decode() if bare in _PATHS else "/"
    found = _LANGUAGE.search(address)
    chosen = found[1].decode() if found else ""
    return Asked(path, chosen, _header(headers, "accept-language"), _header(headers, "accept"))


def _header(headers: bytes, name: str) -> str:
    found = re.search((_HEADER % name).encode(), headers, re.I | re.M)
    return found[1].decode("ascii").strip() if found else ""


def refusal(app: Flask | None, status: HTTPStatus, head: bytes = b"", **headers: str) -> bytes:
    """Makes a whole response, after which the connection ends.

    Args:
        app: The app whose words are used; bare ones if ``None``.
        status: Why the request is refused.
        head: What came of the request.
        headers: Further ones, with ``_`` for ``-``.
    """
    content_type, body = _body(app, status, asked(head)) if app else ("text/plain", status.phrase.encode())
    lines = [f"HTTP/1.1 {status} {status.phrase}", "Connection: close", f"Content-Type: {content_type}"]
    lines += [f"Content-Length: {len(body)}", "Cache-Control: no-store"]
    lines += [f"{name}: {value}" for name, value in HEADERS.items()]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@lru_cache(maxsize=256)  # a page takes 10 ms to render, and a flood of such requests must not take that each
def _body(app: Flask, status: HTTPStatus, request: Asked) -> tuple[str, bytes]:
    make: Callable[[HTTPStatus, Asked], Response] = app.extensions[EXTENSION]
    response = make(status, request)
    return response.content_type or "text/plain", response.get_data()
