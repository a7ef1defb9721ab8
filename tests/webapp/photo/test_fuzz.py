"""Valid files with random damage: whatever comes, the app answers, quickly, and keeps nothing.

``make test`` tries 200 files, ``make test-all`` 2,400, and
``pytest tests/webapp/photo/test_fuzz.py --fuzz-cases 120000`` as many as one likes.
"""

import gc
import os
import time
from typing import Any, Final

import psutil
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.conftest import AppMaker, multipart
from tests.hazards import SMALL, animation, motion_photo, mpo, png_chunk, several_heic
from tests.rendered import to_bytes

SECONDS: Final = 5
MEGABYTES: Final = 48  # what an allocator may keep; a leak of one small picture a case would be more
ANSWERS: Final = {200, 400, 413, 415, 422}


def _with_everything(file_format: str, **options: Any) -> bytes:
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    return to_bytes(SMALL, file_format, exif=exif, icc_profile=bytes(200), **options)


VALID: Final[dict[str, tuple[bytes, ...]]] = {
    "JPEG": (
        _with_everything("JPEG"),
        to_bytes(SMALL, "JPEG", progressive=True),
        to_bytes(SMALL.convert("CMYK"), "JPEG"),
        motion_photo(SMALL)[:8000],
    ),
    "MPO": (mpo(SMALL),),
    "PNG": (
        _with_everything("PNG"),
        to_bytes(SMALL.convert("P"), "PNG"),
        to_bytes(SMALL.convert("I;16"), "PNG"),
        to_bytes(SMALL.convert("RGBA"), "PNG"),
        animation("PNG"),
    ),
    "WEBP": (
        _with_everything("WEBP"),
        to_bytes(SMALL.convert("RGBA"), "WEBP", lossless=True),
        animation("WEBP"),
    ),
    "HEIF": (_with_everything("HEIF"), several_heic(SMALL)),
    "AVIF": (_with_everything("AVIF"), to_bytes(SMALL.convert("RGBA"), "AVIF")),
}
ALL: Final = tuple(file for group in VALID.values() for file in group)
MARKERS: Final = (
    b"\xff\xda",
    b"\xff\xd8",
    b"\xff\xd9",
    b"\xff\xc4",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    bytes(8),
)
BOXES: Final = (b"IDAT", b"IEND", b"acTL", b"VP8X", b"ANIM", b"ftypheic", b"ftypavif", b"ispe", b"iloc")
SPLICES: Final = (*MARKERS, *BOXES, png_chunk(b"IDAT"))


@st.composite
def damaged(draw: st.DrawFn, files: tuple[bytes, ...]) -> bytes:
    """A valid file after a few flips, cuts, copies and splices; most damage is near the start."""
    data = bytearray(draw(st.sampled_from(files)))
    for _ in range(draw(st.integers(1, 6))):
        reach = draw(st.sampled_from((64, 600, max(1, len(data)))))
        position = draw(st.integers(0, max(0, min(reach, len(data)) - 1)))
        kind = draw(st.sampled_from(("flip", "set", "cut", "delete", "double", "splice", "graft")))
        length = draw(st.sampled_from((1, 2, 4, 16, 200)))
        if kind == "flip" and data:
            data[position] ^= 1 << draw(st.integers(0, 7))
        elif kind == "set":
            data[position : position + length] = draw(st.binary(min_size=length, max_size=length))
        elif kind == "cut":
            del data[position + 1 :]
        elif kind == "delete":
            del data[position : position + length]
        elif kind == "double":
            data[position:position] = data[position : position + length] * draw(st.integers(1, 200))
        elif kind == "splice":
            data[position:position] = draw(st.sampled_from(SPLICES))
        elif kind == "graft":  # the head of one format before the body of another
            data[:position] = draw(st.sampled_from([file for group in VALID.values() for file in group]))[
                :position
            ]
    return bytes(data)


@pytest.fixture(params=[200, pytest.param("--fuzz-cases", marks=pytest.mark.slow)], ids=["quick", "long"])
def cases(request: pytest.FixtureRequest) -> int:
    """How many files of each kind are tried."""
    files = request.param if isinstance(request.param, int) else request.config.getoption(request.param)
    return int(files) // len(VALID)


@pytest.fixture
def client(make_app: AppMaker) -> FlaskClient:
    app = make_app()
    app.testing = False  # as in production: what nobody expected becomes a 500
    return app.test_client()


def memory() -> float:
    gc.collect()
    return psutil.Process(os.getpid()).memory_info().rss / 1e6


def post(client: FlaskClient, data: bytes) -> int:
    body, content_type = multipart(data)
    with client.post("/api/v1/predict", data=body, content_type=content_type) as response:
        return response.status_code


@pytest.mark.parametrize("kind", VALID)
def test_a_damaged_file_is_answered(
    client: FlaskClient, kind: str, cases: int, caplog: pytest.LogCaptureFixture
) -> None:
    slowest, seen = 0.0, set()

    def run(number: int) -> None:
        @settings(
            max_examples=number,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(damaged(VALID[kind]))
        def answers(data: bytes) -> None:
            nonlocal slowest
            started = time.process_time()
            status = post(client, data)
            slowest = max(slowest, time.process_time() - started)
            assert status in ANSWERS
            assert slowest < SECONDS
            seen.add(status)
            caplog.clear()

        answers()

    for data in VALID[kind]:
        assert post(client, data) in (200, 415)
    run(min(50, cases))  # fills caches and pools
    before = memory()
    run(cases)
    assert memory() - before < MEGABYTES
    assert len(seen) > 1, "some of the damage is noticed and some is not"
