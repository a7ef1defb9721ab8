"""How gunicorn runs the app. The model is loaded after the fork, in each worker: no ``preload_app``."""

import ctypes
import gc
import mimetypes
import os
import secrets
import shutil
import sys
import tempfile
from http import HTTPStatus
from typing import Any

from webapp.config import Settings
from webapp.model.predictor import INTERPRETERS
from webapp.server.addresses import addresses
from webapp.server.metrics import FOLDER
from webapp.server.waiting_room import RETRY_AFTER
from webapp.site.rehearsal import rehearse

# How long a thread that comes back from the network or a decoder may wait for one that runs Python. With
# Python's own 5 ms a core stood still meanwhile.
SWITCH_SECONDS = 0.0005

# A photo of 12 megapixels is decoded to a sixteenth of them, of 4 bytes: 3 MB.
KEPT_BYTES = 4_000_000

_settings = Settings.from_environ()

bind = addresses(_settings.port)
workers = _settings.web_concurrency
worker_class = "webapp.server.worker.CollectingWorker"
control_socket_disable = True  # nobody controls it from outside, and the home folder may be read-only
threads = _settings.queue_size + INTERPRETERS + 6  # whoever waits for the model holds one; 6 for the pages
# Seconds: with gunicorn's 2, 76 of 3,000 patient visitors came back in the
# very moment in which their connection was closed, and got no answer.
keepalive = max(RETRY_AFTER) + 1
graceful_timeout = 25  # seconds for what is being answered; Heroku kills 30 after it has asked to stop

# The app alone decides whom to believe (FLASK_PROXY_HOPS): gunicorn would believe whoever is on this machine.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}

limit_request_line = 4094  # bytes
limit_request_fields = 64
limit_request_field_size = 8190  # bytes


def on_starting(server: Any) -> None:
    """Makes the workers share one key where none is set; a form of one must be good at the others."""
    if _settings.secret_key is None:
        os.environ["SECRET_KEY"] = secrets.token_hex(32)
        server.log.warning("SECRET_KEY is not set: made one at random; forms opened before a restart fail")
    if _settings.metrics:  # before anything imports prometheus_client, which looks there then
        os.environ[FOLDER] = tempfile.mkdtemp(prefix="metrics-")


def child_exit(server: Any, worker: Any) -> None:
    """Lets a worker's memory and queue go with it; what it has counted stays."""
    if _settings.metrics:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)


def on_exit(server: Any) -> None:
    """Takes away the folder in which the workers counted."""
    if _settings.metrics:
        shutil.rmtree(os.environ[FOLDER], ignore_errors=True)


def pre_fork(server: Any, worker: Any) -> None:
    """Sets apart what master and worker share: the worker's collector would write to it, and so copy it."""
    gc.collect()
    gc.freeze()


def post_fork(server: Any, worker: Any) -> None:
    """Makes the C library give large pictures back to the system once they are gone.

    glibc raises its threshold for that with every freed picture, up to 32 MB, and has eight pools a
    core to keep what lies below it: in the end every thread's largest photo is held for good. What an
    ordinary photo takes is kept, though: as fresh memory it would cost 2 ms of the 25 of an answer.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(-3, KEPT_BYTES)  # M_MMAP_THRESHOLD
        libc.mallopt(-1, 2 * KEPT_BYTES)  # M_TRIM_THRESHOLD
        libc.mallopt(-8, 2)  # M_ARENA_MAX


def post_worker_init(worker: Any) -> None:
    """Sets apart what stays for good, so that looking for what can go takes 0.3 ms and not 60.

    What answers load for good is loaded before: they would be looked through for 2 ms with every later one.
    """
    environment = worker.wsgi.jinja_env
    for name in environment.list_templates(["html"]):
        environment.get_template(name)
    rehearse(worker.wsgi)
    mimetypes.init()  # 1,200 objects that the first style sheet would bring
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_SECONDS)


def post_request(worker: Any, request: Any, environ: Any, response: Any) -> None:
    """Lets go of a photo once its answer is out: forms refer to themselves, so that only this finds them.

    Left to Python's own rhythm about 35 photos, 40 MB, stay in memory. Whoever was sent away left none, and
    in a rush every millisecond keeps the next one waiting.
    """
    if request.method == "POST" and getattr(response, "status_code", None) != HTTPStatus.SERVICE_UNAVAILABLE:
        gc.collect()
