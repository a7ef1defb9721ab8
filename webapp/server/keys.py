"""Keys that programs send as ``Authorization: Bearer …``."""

import hmac
from collections.abc import Iterable

from flask import request


def sent_one_of(keys: Iterable[str]) -> bool:
    """Whether the current request brings one of these keys."""
    # Not request.authorization: Werkzeug fails on a header "Basic" with letters outside of ASCII.
    scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
    sent = sent.strip() if scheme.lower() == "bearer" else ""
    # Every key is compared in full, so that the time of the answer tells nothing about them.
    return any([hmac.compare_digest(key.encode(), sent.encode()) for key in keys])
