"""How gunicorn runs the app. The model is loaded after the fork, in each worker: no ``preload_app``."""

import os
import secrets
from typing import Any

from webapp.config import Settings

_settings = Settings.from_environ()

bind = f"0.0.0.0:{_settings.port}"
workers = _settings.web_concurrency
worker_class = "gthread"
control_socket_disable = True  # nobody controls it from outside, and the home folder may be read-only
threads = 8  # more than the two interpreters, so that pages and slow uploads do not wait for them


def on_starting(server: Any) -> None:
    """Makes the workers share one key where none is set; a form of one must be good at the others."""
    if _settings.secret_key is None:
        os.environ["SECRET_KEY"] = secrets.token_hex(32)
        server.log.warning("SECRET_KEY is not set: made one at random; forms opened before a restart fail")
