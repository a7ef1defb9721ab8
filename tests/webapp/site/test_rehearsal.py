import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from webapp.site.languages import LANGUAGES
from webapp.site.rehearsal import rehearse

ROOT = Path(__file__).parents[3]
LEFT_AT_MOST = 3_000  # objects; 1,600 when this was set, and 9,100 without a rehearsal
CODE = """
import gc, io, runpy
from types import SimpleNamespace
from tests.rendered import render_lesion_jpeg
from webapp import create_app
from webapp.config import Settings

app = create_app(Settings(secret_key="of this test alone"))
app.config["WTF_CSRF_ENABLED"] = False
client = app.test_client()
client.get("/healthz")
runpy.run_path("gunicorn.conf.py")["post_worker_init"](SimpleNamespace(wsgi=app))
for _ in range(2):
    response = client.post("/", data={"photo": (io.BytesIO(render_lesion_jpeg(3)), "spot.jpg")})
    assert response.status_code == 200 and 'id="sure"' in response.text
    del response
gc.collect()
print(len(gc.get_objects()))
"""


def test_answers_leave_little_to_look_through() -> None:
    # In a process of its own: other tests have loaded everything already.
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < LEFT_AT_MOST


def test_every_language_is_rehearsed_and_nobody_is_counted(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "webapp"):
        rehearse(app)
    assert set(app.extensions["texts"]) == set(LANGUAGES)
    assert not caplog.records
