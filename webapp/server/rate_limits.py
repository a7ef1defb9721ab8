"""How many photos one address may send: counted in memory, or in Redis by several machines together."""

import math
import time
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

from flask import Flask, Response, current_app, g, request
from flask_limiter import ApplicationLimit, Limiter

from webapp.config import Settings

SCOPE: Final = "photos"  # under one name, so that a request's further photos are added to the first ones


def init_app(app: Flask, settings: Settings) -> None:
    """Limits every request that sends something. Reading a page is not limited.

    At the door a request counts as one photo. How many it brings is known once its form has been read,
    which only those get who may come in: :func:`count_photos` adds the others.
    """
    limiter = Limiter(
        _counter,
        app=app,
        application_limits=[
            ApplicationLimit(
                limit_provider=settings.ratelimit, scope=SCOPE, exempt_when=lambda: request.method != "POST"
            )
        ],
        enabled=settings.ratelimit_enabled,
        storage_uri=settings.redis_url or "memory://",
        storage_options=_redis_options(settings.redis_url or ""),
        in_memory_fallback_enabled=True,  # without Redis each process counts alone, and the log says so
    )
    app.extensions["further_photos"] = limiter.shared_limit(
        settings.ratelimit, SCOPE, cost=lambda: int(g.further_photos)
    )

    @app.after_request
    def say_when(response: Response) -> Response:
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS and limiter.current_limit is not None:
            left = limiter.current_limit.reset_at - time.time()
            response.headers["Retry-After"] = str(max(1, math.ceil(left)))
        return response


def count_photos(number: int) -> None:
    """Counts the photos of the current request, of which the first was counted at the door.

    Raises:
        RateLimitExceeded: The address may not send so many now; those of a refused request count, too.
    """
    if number > 1:
        g.further_photos = number - 1
        with current_app.extensions["further_photos"]:
            pass


def client_network() -> str:
    """Returns whom to count: an IPv4 address, or the 64 bits of an IPv6 one that a household has."""
    sent = request.remote_addr or ""
    if sent.count(":") == 1:  # some proxies add the port
        sent = sent.partition(":")[0]
    elif sent.startswith("["):
        sent = sent[1:].partition("]")[0]
    try:
        address = ip_address(sent)
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):  # also IPv4 as it comes to a socket of both kinds: ::ffff:192.0.2.1
        return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))
    return str(address)


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
