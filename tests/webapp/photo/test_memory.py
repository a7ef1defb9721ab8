"""No photo that is let in takes a worker more memory than the smallest dyno has."""

import http.client
import io
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import numpy as np
import pillow_heif
import psutil
import pytest
from PIL import Image

from tests.conftest import multipart
from tests.hazards import claiming, png_of
from tests.missing import leave_out
from tests.rendered import to_bytes
from tests.serving import serving, wait_until_ready
from webapp.photo import imaging
from webapp.photo.imaging import TooManyPixels, TooManyPixelsOfFormat, decode
from webapp.photo.jpeg import read_parts
from webapp.photo.memory import DECODING_BYTES, Budget

PEAK: Final = 320e6  # bytes, beside the 190 MB that a worker takes before
DYNO_MEGABYTES: Final = 512  # of the smallest
ROOT: Final = Path(__file__).parents[3]

CODE: Final = """
import re, runpy, sys
from pathlib import Path
from webapp.photo.imaging import TooManyPixelsOfFormat, decode

runpy.run_path("gunicorn.conf.py")["post_fork"](None, None)

def kilobytes(field):
    return int(re.search(field + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

data = Path(sys.argv[1]).read_bytes()
box = tuple(map(float, sys.argv[2:])) or None
before = kilobytes("VmRSS")
decode(data, box=box)
print((kilobytes("VmHWM") - before) * 1024)
"""


def flat(megapixels: float) -> Image.Image:
    """Of one colour, so that it is made and decoded quickly; the memory is the same."""
    side = int((megapixels * 1e6) ** 0.5) // 16 * 16
    return Image.new("RGB", (side, side), "peru")


def sixteen_bits(megapixels: float) -> bytes:
    image = flat(megapixels)
    row = b"\0" + np.full((image.width, 3), 30_000, ">u2").tobytes()
    return png_of(image.width, image.height, 2, 16, row * image.height)


def ten_bits(megapixels: float) -> bytes:
    image, stream = flat(megapixels), io.BytesIO()
    pixels = np.full((image.height, image.width, 3), 30_000, "<u2")
    pillow_heif.from_bytes("RGB;16", image.size, pixels.data).save(stream, enc_params={"preset": "ultrafast"})
    return stream.getvalue()


def heic(image: Image.Image, **options: int) -> bytes:
    # A dictionary of its own: pillow-heif writes the other options into it.
    return to_bytes(image, "HEIF", enc_params={"preset": "ultrafast"}, **options)


def deep_avif(megapixels: float) -> bytes:
    """Of 10 bits, which Pillow does not write."""
    try:
        import cv2
    except ImportError:
        leave_out("needs OpenCV, which comes with requirements-train.txt")
    values = np.full((*flat(megapixels).size[::-1], 3), 700, np.uint16)
    options = [cv2.IMWRITE_AVIF_DEPTH, 10, cv2.IMWRITE_AVIF_QUALITY, 60, cv2.IMWRITE_AVIF_SPEED, 10]
    return bytes(cv2.imencode(".avif", values, options)[1])


def see_through(megapixels: float) -> Image.Image:
    image = flat(megapixels)
    image.putalpha(200)
    return image


MORE: Final = 1.06  # times as many pixels: refused
LARGEST: Final[dict[str, tuple[float, Callable[[float], bytes]]]] = {
    "JPEG": (64, lambda most: to_bytes(flat(most), "JPEG")),
    "JPEG, progressive, 4:4:4": (
        48,
        lambda most: to_bytes(flat(most), "JPEG", progressive=True, subsampling=0),
    ),
    "JPEG, progressive, 4:2:0": (64, lambda most: to_bytes(flat(most), "JPEG", progressive=True)),
    "JPEG, CMYK": (64, lambda most: to_bytes(flat(most).convert("CMYK"), "JPEG")),
    "JPEG, CMYK, progressive": (
        36,
        lambda most: to_bytes(flat(most).convert("CMYK"), "JPEG", progressive=True, subsampling=0),
    ),
    "PNG": (64, lambda most: to_bytes(flat(most), "PNG", compress_level=1)),
    "PNG, see-through": (64, lambda most: to_bytes(see_through(most), "PNG", compress_level=1)),
    "PNG of 16 bits": (64, sixteen_bits),
    "WebP": (17, lambda most: to_bytes(flat(most), "WEBP", method=0)),
    "WebP, lossless": (17, lambda most: to_bytes(flat(most), "WEBP", method=0, lossless=True, quality=0)),
    "WebP, see-through": (17, lambda most: to_bytes(see_through(most), "WEBP", method=0)),
    "AVIF": (30, lambda most: to_bytes(flat(most), "AVIF", speed=10)),
    "AVIF, 4:4:4": (26, lambda most: to_bytes(flat(most), "AVIF", speed=10, subsampling="4:4:4")),
    "AVIF, see-through": (25, lambda most: to_bytes(see_through(most), "AVIF", speed=10)),
    "AVIF of 10 bits": (26, deep_avif),
    "HEIC": (58, lambda most: heic(flat(most))),
    "HEIC, 4:4:4": (30, lambda most: heic(flat(most), chroma=444)),
    "HEIC, see-through": (23, lambda most: heic(see_through(most))),
    "HEIC of 10 bits": (18, ten_bits),
}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    "kind", [kind if kind == "JPEG" else pytest.param(kind, marks=pytest.mark.slow) for kind in LARGEST]
)
def test_the_largest_of_each_kind_fits(kind: str, tmp_path: Path) -> None:
    most, make = LARGEST[kind]
    data = make(most)
    (tmp_path / "photo").write_bytes(data)
    with pytest.raises(TooManyPixels):
        decode(make(MORE * most))
    # Of a small part every pixel is decoded, and of kinds as large as any that fits, too.
    boxes = [(), ("100", "100", "400", "400")] if most == 64 and "progressive" not in kind else [()]
    for box in boxes:
        command = [sys.executable, "-c", CODE, str(tmp_path / "photo"), *box]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert float(done.stdout) < PEAK


def test_what_would_take_more_is_refused_before_it_is_decoded() -> None:
    small = Image.new("RGB", (640, 480), "peru")
    claimed = (7_900, 8_000)
    too_much: dict[str, dict[str, Any]] = {
        "JPEG": {"progressive": True, "subsampling": 0},
        "WEBP": {},
        "AVIF": {"subsampling": "4:4:4"},
        "HEIF": {"chroma": 444},
    }
    for file_format, options in too_much.items():
        data = claiming(to_bytes(small, file_format, **options), small.size, claimed)
        started = time.process_time()
        with pytest.raises(TooManyPixels) as caught:
            decode(data)
        assert caught.type is TooManyPixelsOfFormat or file_format == "AVIF"
        assert time.process_time() - started < 2


def test_progressive_pictures_are_counted_by_their_coefficients() -> None:
    size = 640, 480
    image = Image.new("RGB", size)
    for subsampling, samples in ((0, 3), (1, 2), (2, 1.5)):
        progressive = read_parts(to_bytes(image, "JPEG", progressive=True, subsampling=subsampling))
        assert progressive.coefficients == size[0] * size[1] * samples
        assert read_parts(to_bytes(image, "JPEG", subsampling=subsampling)).coefficients == 0


def test_a_budget_is_shared_in_the_order_of_arrival() -> None:
    budget, order, release = Budget(100), [], threading.Event()

    def work(name: str, amount: int) -> None:
        with budget.holding(amount):
            order.append(name)
            release.wait(5)

    threads = []
    for name, amount in (("a", 60), ("b", 40), ("large", 100), ("small", 1)):
        threads.append(threading.Thread(target=work, args=(name, amount)))
        threads[-1].start()
        time.sleep(0.05)
    assert order == ["a", "b"], "two fit side by side, and nobody overtakes"
    release.set()
    for thread in threads:
        thread.join(5)
    assert order == ["a", "b", "large", "small"]
    with pytest.raises(ValueError), budget.holding(101):
        pass
    with budget.holding(100):
        pass


def test_what_fails_gives_its_memory_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imaging, "_budget", budget := Budget(DECODING_BYTES))
    data = to_bytes(Image.new("RGB", (64, 64)), "JPEG")
    for file in (data, data[: len(data) // 2]):
        try:
            decode(file)
        except imaging.PhotoError:
            pass
        assert budget._free == budget.most


def test_the_message_says_what_to_do() -> None:
    from webapp.answer.messages import PHOTO_MESSAGES

    assert re.search("JPEG", PHOTO_MESSAGES[TooManyPixelsOfFormat.code].sentence)


def worker_megabytes(worker: psutil.Process) -> float:
    """The most that a worker has ever had in its memory."""
    status = Path(f"/proc/{worker.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024 / 1e6  # type: ignore[index]


def send(port: int, photo: bytes) -> int:
    body, content_type = multipart(photo)
    connection = http.client.HTTPConnection("localhost", port, timeout=200)
    with closing(connection):
        connection.request("POST", "/api/v1/predict", body, {"Content-Type": content_type})
        return connection.getresponse().status


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_two_of_the_largest_at_once_leave_a_worker_within_its_memory(tmp_path: Path) -> None:
    """The app as it is deployed, one kind after the other: what an allocator keeps counts, too."""
    peaks = {}
    with serving(tmp_path / "log", WEB_CONCURRENCY="1") as server:
        wait_until_ready(server)
        (worker,) = psutil.Process(server.process.pid).children()
        for kind, (most, make) in LARGEST.items():
            photo = make(most)
            with ThreadPoolExecutor(2) as pool:
                assert list(pool.map(send, 2 * [server.port], 2 * [photo])) == [200, 200], kind
            peaks[kind] = worker_megabytes(worker)
        assert psutil.Process(server.process.pid).children() == [worker]
    assert max(peaks.values()) < DYNO_MEGABYTES, peaks
