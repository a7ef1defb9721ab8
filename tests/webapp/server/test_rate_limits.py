import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask, Request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import AppMaker, multipart
from tests.missing import leave_out
from webapp.api.question import AskedPhoto, read_question

MakeLimited = Callable[..., FlaskClient]


@pytest.fixture
def limited(make_app: AppMaker) -> MakeLimited:
    """Makes a browser of an app that lets two photos a minute through."""

    def make(**settings: object) -> FlaskClient:
        app: Flask = make_app(**{"ratelimit_enabled": True, "ratelimit": "2 per minute"} | settings)
        return app.test_client()

    return make


def send(client: FlaskClient, photo: bytes, address: str = "192.0.2.1", **headers: str) -> int:
    body, content_type = multipart(photo)
    response = client.post(
        "/api/v1/predict",
        data=body,
        content_type=content_type,
        headers=headers,
        environ_overrides={"REMOTE_ADDR": address},
    )
    return response.status_code


def test_more_photos_than_the_limit_are_refused_with_a_time(limited: MakeLimited, photo: bytes) -> None:
    client = limited()
    assert [send(client, photo) for _ in range(3)] == [200, 200, 429]
    response = client.post("/", environ_overrides={"REMOTE_ADDR": "192.0.2.1"})
    assert response.status_code == 429, "page and API count together"
    assert 0 < int(response.headers["Retry-After"]) <= 61
    assert "Too many photos in a short time" in response.text
    assert client.get("/", environ_overrides={"REMOTE_ADDR": "192.0.2.1"}).status_code == 200
    assert send(client, photo, "192.0.2.2") == 200, "others are not affected"


def test_the_log_does_not_hold_who_asked_too_often(
    limited: MakeLimited, photo: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    client = limited()
    assert [send(client, photo, "198.51.100.77") for _ in range(3)] == [200, 200, 429]
    said = capsys.readouterr().err
    assert '"status": 429' in said
    assert "198.51.100.77" not in said


def send_several(client: FlaskClient, photo: bytes, number: int) -> TestResponse:
    photos = [(BytesIO(photo), f"{index}.jpg") for index in range(number)]
    return client.post("/api/v1/predict", data={"photo": photos})


def test_each_photo_of_a_request_counts(limited: MakeLimited, photo: bytes) -> None:
    client = limited(ratelimit="5 per minute; 8 per hour")
    assert [send_several(client, photo, number).status_code for number in (3, 2, 1)] == [200, 200, 429]
    response = send_several(limited(ratelimit="5 per minute; 8 per hour"), photo, 6)
    assert response.status_code == 429, "the first counted at the door, the others are too many"
    assert response.get_json()["detail"] == "Wait a few minutes, then try again."
    assert 0 < int(response.headers["Retry-After"]) <= 61


def test_the_limit_that_is_reached_says_when_to_come_back(limited: MakeLimited, photo: bytes) -> None:
    response = send_several(limited(ratelimit="9 per minute; 5 per hour"), photo, 6)
    assert response.status_code == 429
    assert 61 < int(response.headers["Retry-After"]) <= 3601


def test_asking_where_the_spot_is_has_a_count_of_its_own(limited: MakeLimited, photo: bytes) -> None:
    client = limited()
    address = {"REMOTE_ADDR": "192.0.2.1"}
    statuses = [client.post("/crop", environ_overrides=address).status_code for _ in range(3)]
    assert statuses == [400, 400, 429]
    assert [send(client, photo) for _ in range(3)] == [200, 200, 429]


def test_the_limit_can_be_switched_off(make_app: AppMaker, photo: bytes) -> None:
    client = make_app(ratelimit_enabled=False, ratelimit="1 per hour").test_client()
    assert {send(client, photo) for _ in range(5)} == {200}


def test_a_household_counts_once_in_ipv6(limited: MakeLimited, photo: bytes) -> None:
    client = limited()
    addresses = ("2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:1:ffff::3", "2001:db8:0:2::1")
    assert [send(client, photo, address) for address in addresses] == [200, 200, 429, 200]


def test_a_neighbouring_household_in_ipv6_has_a_count_of_its_own(limited: MakeLimited, photo: bytes) -> None:
    client = limited()
    addresses = ("2001:db8:0:2::1", "2001:db8:0:3::1", "2001:db8:0:3::1", "fd00::1")
    assert [send(client, photo, address) for address in addresses] == [200] * 4


def test_ipv4_counts_each_address_however_it_is_written(limited: MakeLimited, photo: bytes) -> None:
    client = limited()
    addresses = ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1:50123", "::ffff:192.0.2.2", "192.0.2.2:55")
    assert [send(client, photo, address) for address in addresses] == [200, 200, 429, 200, 200]


def test_an_ipv6_address_with_a_port_is_that_address(limited: MakeLimited, photo: bytes) -> None:
    client = limited()
    addresses = ("[2001:db8:0:1::1]:555", "2001:db8:0:1::2", "[2001:db8:0:1::3]:556", "[2001:db8:0:2::1]:555")
    assert [send(client, photo, address) for address in addresses] == [200, 200, 429, 200]


def test_a_forged_address_does_not_help(limited: MakeLimited, photo: bytes) -> None:
    client = limited()
    statuses = [send(client, photo, **{"X-Forwarded-For": f"198.51.100.{number}"}) for number in range(3)]
    assert statuses == [200, 200, 429]


def test_behind_a_proxy_visitors_are_told_apart(limited: MakeLimited, photo: bytes) -> None:
    client = limited(proxy_hops=1)
    # The proxy adds the last address; what stands before it came from the visitor.
    forwarded = ("198.51.100.1", "198.51.100.1", "198.51.100.2", "6.6.6.6, 198.51.100.1")
    assert [send(client, photo, **{"X-Forwarded-For": value}) for value in forwarded] == [200, 200, 200, 429]


@contextmanager
def redis_server(port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    executable = shutil.which("redis-server")
    if executable is None:
        leave_out("a Redis server (for example Debian's package redis-server)")
    options = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder))
    process = subprocess.Popen((executable, *options), stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except ConnectionError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    return number


def test_several_machines_count_together_in_redis(
    limited: MakeLimited, photo: bytes, port: int, tmp_path: Path
) -> None:
    with redis_server(port, tmp_path):
        one, other = (limited(redis_url=f"redis://127.0.0.1:{port}") for _ in range(2))
        assert [send(one, photo), send(other, photo), send(one, photo), send(other, photo)] == [
            200,
            200,
            429,
            429,
        ]
    alone, apart = limited(), limited()
    assert [send(alone, photo), send(alone, photo), send(apart, photo)] == [200] * 3


def test_each_photo_counts_in_redis(limited: MakeLimited, photo: bytes, port: int, tmp_path: Path) -> None:
    with redis_server(port, tmp_path):
        one, other = (
            limited(ratelimit="5 per minute", redis_url=f"redis://127.0.0.1:{port}") for _ in range(2)
        )
        assert [send_several(one, photo, 3).status_code, send_several(other, photo, 2).status_code] == [
            200
        ] * 2
        response = send_several(one, photo, 1)
    assert response.status_code == 429
    assert 0 < int(response.headers["Retry-After"]) <= 61


def test_redis_may_go_away_while_a_form_is_read(
    limited: MakeLimited, photo: bytes, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with redis_server(port, tmp_path) as process:
        client = limited(ratelimit="5 per minute", redis_url=f"redis://127.0.0.1:{port}")

        def read_slowly(request: Request) -> tuple[AskedPhoto, ...]:
            process.terminate()
            process.wait(10)
            return read_question(request)

        monkeypatch.setattr("webapp.api.routes.read_question", read_slowly)
        assert send_several(client, photo, 5).status_code == 200, "counted in memory from here on"
        assert [send_several(client, photo, number).status_code for number in (1, 1)] == [200, 429]


def test_when_redis_goes_away_the_app_goes_on_and_says_so(
    limited: MakeLimited, photo: bytes, port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with redis_server(port, tmp_path):
        client = limited(redis_url=f"redis://127.0.0.1:{port}")
        assert send(client, photo) == 200
        assert "unreachable" not in capsys.readouterr().err
    started = time.monotonic()  # from here on each process counts alone
    assert [send(client, photo, "192.0.2.9") for _ in range(3)] == [200, 200, 429], (
        "each process counts alone"
    )
    assert time.monotonic() - started < 3
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert ("warning", "Rate limit storage unreachable - falling back to in-memory storage") in {
        (line["level"], line["message"]) for line in said
    }


def test_a_redis_that_is_not_there_does_not_stop_the_start(
    limited: MakeLimited, photo: bytes, port: int
) -> None:
    assert send(limited(redis_url=f"redis://127.0.0.1:{port}"), photo) == 200
