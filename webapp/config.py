"""The settings: each declared once, with its environment variable, its default and what it does."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, cast

import click
from flask import current_app

from webapp.imaging import MAX_PIXELS


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


def _secret(text: str) -> str:
    # Flask's documentation makes keys of 64 characters; a short one is a typing error or guessable.
    if len(text) < 16:
        raise ValueError("must have at least 16 characters")
    return text


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
    secret_key: str | None = _setting(
        "SECRET_KEY", None, _secret, "signs the form's session; made at random at each start when not set"
    )
    port: int = _setting("PORT", 8000, _port, "where gunicorn listens")
    web_concurrency: int = _setting(
        "WEB_CONCURRENCY", 1, _whole_number, "gunicorn's worker processes, each with a model of its own"
    )

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
