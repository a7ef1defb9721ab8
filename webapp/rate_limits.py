"""How many photos one address may send: counted in memory, or in Redis by several machines together."""

import math
import time
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address
from typing import Any

from flask import Flask, Response, request
from flask_limiter import Limiter

from webapp.config import Settings


def init_app(app: Flask, settings: Settings) -> None:
    """Limits every request that sends something. Reading a page is not limited."""
    limiter = Limiter(
        _counter,
        app=app,
        application_limits=[settings.ratelimit],
        application_limits_exempt_when=lambda: request.method != "POST",
        enabled=settings.ratelimit_enabled,
        storage_uri=settings.redis_url or "memory://",
        storage_options=_redis_options(settings.redis_url or ""),
        in_memory_fallback_enabled=True,  # without Redis each process counts alone, and the log says so
    )

    @app.after_request
    def say_when(response: Response) -> Response:
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS and limiter.current_limit is not None:
            left = limiter.current_limit.reset_at - time.time()
            response.headers["Retry-After"] = str(max(1, math.ceil(left)))
        return response


def client_network() -> str:
    """Returns whom to count: an IPv4 address, or the 64 bits of an IPv6 one that a household has."""
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:
        return "unknown"
    return str(IPv6Address(int(address) >> 64 << 64)) if address.version == 6 else str(address)


def _counter() -> str:
    # A page asks where the spot is, then for the answer: counted together, each photo would count twice.
    return f"{client_network()} crop" if request.endpoint == "views.crop" else client_network()


def _redis_options(url: str) -> dict[str, Any]:
    if not url:
        return {}
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    # A Redis that is gone may cost a visitor half a second once, not the minutes of TCP's own patience.
    options: dict[str, Any] = {
        "socket_connect_timeout": 0.5,
        "socket_timeout": 0.5,
        "retry": Retry(NoBackoff(), 0),
    }
    if url.startswith("rediss://"):
        options["ssl_cert_reqs"] = "none"  # Heroku's certificates are signed by themselves
    return options
