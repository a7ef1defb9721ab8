"""What Prometheus may read, who may read it, and that several workers count as one."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.serving import process_tree
from tests.conftest import AppMaker, multipart
from tests.serving import ROOT, Server, serving, wait_until_ready
from tests.webapp.site.test_views import token

NAME = "skin_cancer_detector_"
API = "/api/v1/predict"
KEY = "a-key-of-prometheus"


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Returns the values by name and labels' values."""
    return {
        (sample.name.removeprefix(NAME), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scraped(client: FlaskClient) -> dict[tuple[str, ...], float]:
    response = client.get("/metrics")
    assert response.status_code == 200 and response.mimetype == "text/plain"
    return samples(response.text)


def send(client: FlaskClient, content: bytes, path: str = API) -> int:
    return client.post(path, data={"photo": (io.BytesIO(content), "grandma-left-arm.jpg")}).status_code


def test_there_is_no_such_address_unless_it_is_asked_for(make_app: AppMaker) -> None:
    assert make_app().test_client().get("/metrics").status_code == 404
    with_key = make_app(metrics_key=KEY).test_client()
    assert with_key.get("/metrics", headers={"Authorization": f"Bearer {KEY}"}).status_code == 404


def test_answers_are_counted_and_each_stage_is_timed(make_app: AppMaker, photo: bytes) -> None:
    client = make_app(metrics=True).test_client()
    assert [send(client, content) for content in (photo, photo, b"no photo")] == [200, 200, 415]
    found = scraped(client)
    assert found["answers_total", "signs"] == 2
    assert found["photos_total", "JPEG", API] == 2
    assert found["refused_photos_total", "unsupported_format"] == 1
    assert (found["requests_total", API, "200"], found["requests_total", API, "415"]) == (2, 1)
    assert found["request_seconds_count", API] == 3
    counts = {stage: found["stage_seconds_count", stage] for stage in ("wait", "decode", "predict", "rest")}
    assert counts == {"wait": 3, "decode": 3, "predict": 2, "rest": 3}
    parts = sum(found["stage_seconds_sum", stage] for stage in counts)
    assert parts == pytest.approx(found["request_seconds_sum", API], rel=1e-6)
    assert found["waiting_photos",] == 0
    assert 30e6 < found["memory_bytes",] < 8e9


@pytest.mark.parametrize("path", [API, "/several"])
def test_each_photo_of_a_request_is_counted(make_app: AppMaker, photo: bytes, path: str) -> None:
    client = make_app(metrics=True).test_client()
    sent = [b"no photo", photo, photo[:2000], photo, b"no photo", photo, b""]
    photos = [(io.BytesIO(content), f"{number}.jpg") for number, content in enumerate(sent)]
    assert client.post(path, data={"photo": photos, "csrf_token": token(client)}).status_code == 200
    found = scraped(client)
    assert found["answers_total", "signs"] == found["photos_total", "JPEG", path] == 3
    refused = {key[1]: count for key, count in found.items() if key[0] == "refused_photos_total"}
    assert refused == {"unsupported_format": 2, "damaged": 1, "empty": 1}


@pytest.mark.parametrize(("path", "code"), [(API, "missing_field"), ("/several", "missing")])
def test_a_request_without_a_photo_is_counted_once(make_app: AppMaker, path: str, code: str) -> None:
    client = make_app(metrics=True).test_client()
    assert client.post(path, data={"csrf_token": token(client)}).status_code == 400
    assert scraped(client)["refused_photos_total", code] == 1


def test_nothing_of_a_person_is_told(make_app: AppMaker, photo: bytes) -> None:
    client = make_app(metrics=True).test_client()
    send(client, photo)
    client.get("/my-name?is=secret", headers={"User-Agent": "my-browser", "X-Forwarded-For": "192.0.2.7"})
    text = client.get("/metrics").text
    assert not [word for word in ("grandma", "my-", "secret", "192.0.2.7", "127.0.0.1") if word in text]
    assert samples(text)["requests_total", "none", "404"] == 1


def test_a_key_is_asked_for_where_one_is_set(make_app: AppMaker) -> None:
    client = make_app(metrics=True, metrics_key=KEY).test_client()
    for header in ("", "Bearer another-key-0123", f"Basic {KEY}"):
        refused = client.get("/metrics", headers={"Authorization": header})
        assert refused.status_code == 401 and NAME not in refused.text
    assert client.get("/metrics", headers={"Authorization": f"Bearer {KEY}"}).status_code == 200


def test_it_is_not_limited_and_needs_no_known_host(make_app: AppMaker, photo: bytes) -> None:
    app = make_app(metrics=True, ratelimit_enabled=True, ratelimit="1 per hour", trusted_hosts=("a.org",))
    client = app.test_client()
    assert [client.post(API, base_url="http://a.org").status_code for _ in range(2)] == [400, 429]
    assert {client.get("/metrics", base_url="http://10.0.0.7:8000").status_code for _ in range(5)} == {200}


def test_the_app_does_not_load_what_it_does_not_use() -> None:
    code = "import sys; from wsgi import app; print('prometheus_client' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_count_together_and_a_dead_one_is_not_forgotten(tmp_path: Path, photo: bytes) -> None:
    body, content_type = multipart(photo)
    environ = {"FLASK_METRICS": "true", "WEB_CONCURRENCY": "2", "TMPDIR": str(tmp_path)}
    with serving(tmp_path / "log", **environ) as server:
        wait_until_ready(server)
        for _ in range(6):
            status, _, _ = server.request("POST", API, body, **{"Content-Type": content_type})
            assert status == 200
        before = [metrics_of(server) for _ in range(4)]  # whichever worker is asked
        assert {sum(answers(found)) for found in before} == {6}
        _, first, *_ = process_tree(server.process.pid)
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while first in process_tree(server.process.pid) and time.monotonic() < deadline:
            time.sleep(0.1)
        wait_until_ready(server)
        assert sum(answers(metrics_of(server))) == 6
        folders = list(tmp_path.glob("metrics-*"))
        assert len(folders) == 1
        while list(folders[0].glob(f"gauge_live*_{first}.db")):  # gunicorn buries it a moment after its end
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert not list(tmp_path.glob("metrics-*"))


def metrics_of(server: Server) -> dict[tuple[str, ...], float]:
    status, _, text = server.request("GET", "/metrics")
    assert status == 200
    return samples(text)


def answers(found: dict[tuple[str, ...], float]) -> list[float]:
    return [value for key, value in found.items() if key[0] == "answers_total"]
