"""The settings: each declared once, with its environment variable, its default and what it does."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, cast

import click
from flask import current_app
from limits import parse_many

from webapp.photo.limits import MAX_PIXELS

_HOST: Final = re.compile(r"(\.?[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[0-9]+)?")


class ConfigError(click.ClickException):
    """A setting that does not parse. As a click exception so that ``flask`` prints its sentence alone."""


def _runtime(text: str) -> str:
    if text not in ("litert", "keras"):
        raise ValueError("must be litert or keras")
    return text


def _model_path(text: str) -> Path:
    if not text.endswith((".keras", ".h5")):
        raise ValueError("must name a .keras or .h5 file")
    return Path(text)


def _whole_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError("must be a whole number above 0")
    return int(text)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise ValueError("must be a whole number from 1 to 65535")
    return int(text)


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 3600):
        raise ValueError("must be a whole number of seconds from 1 to 3600")
    return int(text)


def _switch(text: str) -> bool:
    # Never "False" or "0": Flask's own reader of such variables takes them for a text that is true.
    if text not in ("true", "false"):
        raise ValueError("must be true or false")
    return text == "true"


def _hops(text: str) -> int:
    if text not in ("0", "1"):
        raise ValueError("must be 0 or 1")
    return int(text)


def _hosts(text: str) -> tuple[str, ...]:
    hosts = tuple(host.strip() for host in text.split(","))
    if not all(_HOST.fullmatch(host) for host in hosts):
        raise ValueError("must be host names with commas between them, such as example.org,.example.com")
    return hosts


def _rate(text: str) -> str:
    try:
        parse_many(text)
    except ValueError as error:
        raise ValueError("must be limits such as 64 per minute; 300 per hour") from error
    return text


def _redis_url(text: str) -> str:
    if not text.startswith(("redis://", "rediss://")):
        raise ValueError("must begin with redis:// or rediss://")
    from redis import ConnectionPool, RedisError  # 0.3 seconds, for those alone who set one

    try:
        ConnectionPool.from_url(text).make_connection()  # reads every part, and opens nothing
    except (ValueError, TypeError, RedisError):
        # Not "from error": what the parser stumbled over may be a part of the password.
        raise ValueError("must be an address such as redis://localhost:6379/0") from None
    return text


def _secret(text: str) -> str:
    # Flask's documentation makes keys of 64 characters; a short one is a typing error or guessable.
    if len(text) < 16:
        raise ValueError("must have at least 16 characters")
    if text.isdigit():
        raise ValueError("must not be a number")
    return text


def _api_keys(text: str) -> tuple[str, ...]:
    keys = tuple(key.strip() for key in text.split(","))
    if not all(len(key) >= 16 and key.isascii() and key.isprintable() and " " not in key for key in keys):
        raise ValueError("must be keys of at least 16 letters, digits and signs each, separated by commas")
    return keys


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(origin.strip() for origin in text.split(","))
    if not all(re.fullmatch(r"https?://[a-z0-9.-]+(:\d+)?", origin) for origin in origins):
        raise ValueError("must be origins like https://example.org, separated by commas")
    return origins


def _setting(name: str, default: Any, parse: Callable[[str], Any], purpose: str) -> Any:
    return field(default=default, metadata={"name": name, "parse": parse, "purpose": purpose})


@dataclass(frozen=True)
class Settings:
    """What can be set from outside, already parsed and checked."""

    runtime: str = _setting(
        "FLASK_RUNTIME", "litert", _runtime, "litert, or keras to serve model.keras through TensorFlow"
    )
    model_path: Path | None = _setting(
        "FLASK_MODEL_PATH", None, _model_path, "your own .keras or .h5 file, served instead of the bundle"
    )
    max_upload_bytes: int = _setting(
        "FLASK_MAX_UPLOAD_BYTES", 15_000_000, _whole_number, "largest photo in bytes"
    )
    max_pixels: int = _setting(
        "FLASK_MAX_PIXELS", MAX_PIXELS, _whole_number, "largest photo in pixels, width times height"
    )
    queue_size: int = _setting(
        "FLASK_QUEUE_SIZE",
        64,  # at 30 photos a second the last one waits 2 seconds; refusing costs nearly as much as answering
        _whole_number,
        "photos of one worker that may wait for the model; one more is answered 503 at once",
    )
    upload_seconds: int = _setting(
        "FLASK_UPLOAD_SECONDS",
        900,  # what the page sends, 3 MB at most, comes through a village's 4 kB/s in 750
        _seconds,
        "a request that is not complete by then is cut off",
    )
    upload_rate: int = _setting(
        "FLASK_UPLOAD_RATE",
        3_000,
        _whole_number,
        "so is one that brings fewer bytes a second than this, on average after its first minute",
    )
    stall_seconds: int = _setting(
        "FLASK_STALL_SECONDS",
        20,  # a phone that changes from one cell to the next sends nothing for 10
        _seconds,
        "so is one of which nothing came for so long",
    )
    ratelimit_enabled: bool = _setting(
        "FLASK_RATELIMIT_ENABLED", True, _switch, "false switches the limit on photos off"
    )
    ratelimit: str = _setting(
        "FLASK_RATELIMIT",
        "64 per minute; 300 per hour",  # four full forms of /several, and one a second of dozens
        _rate,
        "photos that one address may send",
    )
    proxy_hops: int = _setting(
        "FLASK_PROXY_HOPS",
        0,
        _hops,
        "1 behind a proxy that sets X-Forwarded-For and X-Forwarded-Proto; otherwise they are ignored",
    )
    trusted_hosts: tuple[str, ...] = _setting(
        "FLASK_TRUSTED_HOSTS",
        (),
        _hosts,
        "names that the app answers to, with commas; a leading dot allows subdomains; any when not set",
    )
    api_keys: tuple[str, ...] = _setting(
        "FLASK_API_KEYS", (), _api_keys, "keys, one of which the API then asks for; open to all when not set"
    )
    cors_origins: tuple[str, ...] = _setting(
        "FLASK_CORS_ORIGINS",
        (),
        _origins,
        "origins whose scripts may use the API from a browser; none when not set",
    )
    metrics: bool = _setting(
        "FLASK_METRICS", False, _switch, "true counts and times what the app does, at /metrics for Prometheus"
    )
    metrics_key: str | None = _setting(
        "FLASK_METRICS_KEY", None, _secret, "key that /metrics then asks for; open to all when not set"
    )
    secret_key: str | None = _setting(
        "SECRET_KEY", None, _secret, "signs the form's session; made at random at each start when not set"
    )
    port: int = _setting("PORT", 8000, _port, "where gunicorn listens")
    web_concurrency: int = _setting(
        "WEB_CONCURRENCY", 1, _whole_number, "gunicorn's worker processes, each with a model of its own"
    )
    redis_url: str | None = _setting(
        "REDIS_URL", None, _redis_url, "where several machines count together; in memory when not set"
    )
    dyno: str | None = _setting("DYNO", None, str, "set by Heroku, whose router is then trusted as one proxy")

    @property
    def trusted_hops(self) -> int:
        """How many proxies stand in front, whose forwarded headers may be believed."""
        return 1 if self.dyno else self.proxy_hops

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Reads the settings from environment variables; an empty one counts as not set.

        Raises:
            ConfigError: A value does not parse; the sentence names the variable and what it must be.
        """
        values = {}
        for setting in fields(cls):
            name = setting.metadata["name"]
            if text := environ.get(name):
                try:
                    values[setting.name] = setting.metadata["parse"](text)
                except ValueError as error:
                    # Never the value itself: it may be the key.
                    raise ConfigError(f"The environment variable {name} {error}.") from error
        return cls(**values)


def current_settings() -> Settings:
    """Returns the settings of the app that answers the current request or command."""
    return cast(Settings, current_app.extensions["settings"])
