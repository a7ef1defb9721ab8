import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import AppMaker, multipart

MakeLimited = Callable[..., FlaskClient]


@pytest.fixture
def limited(make_app: AppMaker) -> MakeLimited:
    """Makes a browser of an app that lets two photos a minute through."""

    def make(**settings: object) -> FlaskClient:
        app: Flask = make_app(ratelimit_enabled=True, ratelimit="2 per minute", **settings)
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
        reason = "needs a Redis server, for example from Debian's package redis-server"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
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


def test_when_redis_goes_away_the_app_goes_on_and_says_so(
    limited: MakeLimited, photo: bytes, port: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with redis_server(port, tmp_path):
        client = limited(redis_url=f"redis://127.0.0.1:{port}")
        assert send(client, photo) == 200
        assert caplog.text.count("unreachable") == 0
    started = time.monotonic()  # from here on each process counts alone
    assert [send(client, photo, "192.0.2.9") for _ in range(3)] == [200, 200, 429], (
        "each process counts alone"
    )
    assert time.monotonic() - started < 3
    assert "Rate limit storage unreachable - falling back to in-memory storage" in caplog.text


def test_a_redis_that_is_not_there_does_not_stop_the_start(
    limited: MakeLimited, photo: bytes, port: int
) -> None:
    assert send(limited(redis_url=f"redis://127.0.0.1:{port}"), photo) == 200
