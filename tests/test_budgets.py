"""What this app may weigh. None of these figures depends on the machine's mood."""

import io
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import urljoin

import pytest
from flask.testing import FlaskClient
from packaging.requirements import Requirement
from PIL import Image

from benchmarks.graph import multiply_accumulates
from benchmarks.serving import Server, peak_megabytes, pss_megabytes, send, serving, wait_until_ready
from tests.conftest import AppMaker, multipart
from tests.rendered import render_lesion, render_lesion_jpeg, to_bytes
from tests.webapp.site.test_views import token
from webapp.config import Settings
from webapp.model.bundle import BUNDLE_FOLDER
from webapp.model.predictor import open_predictor

ROOT = Path(__file__).parents[1]
SHIPPED_MEGABYTES = 150  # compressed: packages and repository
INSTALLED_MEGABYTES = 300  # the same on the disk: 237 of packages and 31 of repository, when this was set
PAGE_KILOBYTES = 150  # without the photo
MEMORY_MEGABYTES = 170  # one worker with two interpreters, after 200 answers: 139 when this was set
MACS_OF_1_2_1 = 1_174_361_152  # Lite2, four views of 160 × 160; `python -m benchmarks.graph FILE` counts
MACS_SHARE = 0.37  # of these, that the shipped network may take: one view of 192 × 192 and the lesion map
PEAK_MEGABYTES = 512  # the smallest dyno
SLOW = pytest.mark.slow
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def needed(names: Iterator[str] | list[str]) -> set[str]:
    """Returns the packages that a requirements file brings, those that they need included."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in found:
            continue
        found.add(name)
        for line in distribution(name).requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return found


def required(file: str) -> list[str]:
    """Returns what a locked requirements file lists for this platform and this Python."""
    text = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.partition("--hash")[0].strip() for line in text.splitlines()]
    listed = [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]
    return [r.name for r in listed if r.marker is None or r.marker.evaluate()]


def shipped() -> list[Path]:
    """Returns the files of the repository and of all packages that ``requirements.txt`` brings."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    paths = {ROOT / name for name in tracked.decode().split("\0") if name}
    paths |= set(BUNDLE_FOLDER.iterdir())
    for name in needed(required("requirements.txt")):
        paths |= {Path(str(file.locate())) for file in distribution(name).files or []}
    return [path for path in paths if path.is_file()]


@SLOW  # packing 270 MB takes 10 s
def test_what_is_shipped_is_small() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for path in shipped():
            archive.add(path)
    assert buffer.tell() / 1e6 <= SHIPPED_MEGABYTES


def test_what_is_installed_is_small() -> None:
    assert sum(path.stat().st_size for path in shipped()) / 1e6 <= INSTALLED_MEGABYTES


def test_serving_needs_no_tensorflow() -> None:
    assert not needed(required("requirements.txt")) & {"tensorflow", "tensorflow-cpu", "keras", "torch"}


def test_serving_imports_no_tensorflow() -> None:
    code = """
import io, sys
from wsgi import app
from tests.rendered import render_lesion_jpeg
photo = io.BytesIO(render_lesion_jpeg(1))
assert app.test_client().post("/api/v1/predict", data={"photo": (photo, "a.jpg")}).status_code == 200
heavy = {"tensorflow", "keras", "scipy", "sklearn", "cv2", "matplotlib", "pandas", "torch", "train"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_the_network_computes_no_more_than_its_budget() -> None:
    computed = multiply_accumulates(BUNDLE_FOLDER / "model.tflite").total()
    assert 0 < computed <= MACS_SHARE * MACS_OF_1_2_1


@pytest.mark.parametrize("path", ["/", "/several", "/api/v1/predict"])
def test_the_network_runs_once_a_photo(
    make_app: AppMaker, photo: bytes, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from webapp.model.runtimes import LiteRtRuntime

    runs = []
    run = LiteRtRuntime.run
    monkeypatch.setattr(LiteRtRuntime, "run", lambda self, pixels: runs.append(1) or run(self, pixels))
    client = make_app(open_predictor(Settings())).test_client()
    fields = {"heat_map": "true"} if path.startswith("/api") else {"csrf_token": token(client)}
    body, content_type = multipart(photo, **fields)
    assert client.post(path, data=body, content_type=content_type).status_code == 200
    assert len(runs) == 1


@pytest.mark.parametrize(
    "path", ["/", "/about", "/api", "/several", "/spots", "/spots/compare", "/nothing", "the answer"]
)
def test_pages_are_light(client: FlaskClient, photo: bytes, path: str) -> None:
    if path == "the answer":
        body, content_type = multipart(photo, csrf_token=token(client))
        page = client.post("/", data=body, content_type=content_type).text
        page = re.sub(r"data:image/jpeg;base64,[^\"]+", "", page)
    else:
        page = client.get(path).text
    weight = len(page.encode())
    waiting = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page))
    loaded: set[str] = set()
    while waiting:
        loaded.add(address := waiting.pop())
        with client.get(address) as response:
            weight += len(response.data)
            # Scripts bring others, some of them only once a photo is chosen.
            imports = re.findall(r'^import .*"(\..+)";|import\("(.+)"\)', response.text, re.MULTILINE)
            waiting |= {urljoin(address, one or other) for one, other in imports} - loaded
    assert weight / 1e3 <= PAGE_KILOBYTES


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("server") / "log"
    command = [str(Path(sys.executable).parent / "gunicorn"), "wsgi:app"]
    # Whatever limits the rate of photos is another test's subject.
    with serving(command, ROOT, log, {"FLASK_RATELIMIT_ENABLED": "false"}) as server:
        wait_until_ready(server)
        yield server


@SLOW
@LINUX
def test_memory_stays_small_after_many_answers(server: Server) -> None:
    photos = [render_lesion_jpeg(seed) for seed in range(2)]
    load = send(server, photos, clients=8, answers=200, seconds=120)
    assert load.failures == 0 and len(load.times) == 200
    assert pss_megabytes(server.process.pid) <= MEMORY_MEGABYTES


@SLOW
@LINUX
def test_large_photos_at_once_fit_the_smallest_dyno(server: Server) -> None:
    large = render_lesion(1, 500, 375).resize((8000, 6000), Image.Resampling.NEAREST)
    load = send(server, [to_bytes(large, "PNG", compress_level=1)], clients=8, answers=8, seconds=240)
    assert load.failures == 0
    assert peak_megabytes(server.process.pid) <= PEAK_MEGABYTES
