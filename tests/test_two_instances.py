"""Two instances behind nginx, with the configuration that the compose file uses."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.serving import Server, send, serving, wait_until_ready
from tests.rendered import render_lesion_jpeg

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def instances(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    folder = tmp_path_factory.mktemp("instances")
    command = [str(Path(sys.executable).parent / "gunicorn"), "wsgi:app"]
    environ = {"SECRET_KEY": "the same in both instances", "FLASK_RATELIMIT_ENABLED": "false"}
    with ExitStack() as stack:
        servers = [
            stack.enter_context(serving(command, ROOT, folder / f"log-{number}", environ))
            for number in range(2)
        ]
        for server in servers:
            wait_until_ready(server)
        yield servers


@pytest.fixture(scope="module")
def balanced(instances: list[Server], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if nginx is None:
        reason = "needs nginx, for example from Debian's package"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("nginx")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    for number, server in enumerate(instances, 1):
        text = text.replace(f"app-{number}:8000", f"127.0.0.1:{server.port}")
    text = text.replace("listen 8000", f"listen 127.0.0.1:{port}").replace("/tmp/nginx", f"{folder}/nginx")
    (folder / "nginx.conf").write_text(text)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [nginx, "-c", str(folder / "nginx.conf"), "-g", "daemon off;"], stdout=log, stderr=log
        )
        server = Server(process, port, time.perf_counter(), folder / "log")
        wait_until_ready(server)
        yield server
        process.terminate()
        process.wait(10)


def test_no_form_fails_when_requests_hop_between_instances(balanced: Server, instances: list[Server]) -> None:
    load = send(balanced, [render_lesion_jpeg(1)], clients=4, answers=40, seconds=60)
    assert (len(load.times), load.failures) == (40, 0)
    cpu = [cpu_seconds(server) for server in instances]
    assert min(cpu) > 0.15 * max(cpu), f"both instances answer: {cpu}"


def test_an_instance_that_goes_away_is_not_missed(balanced: Server, instances: list[Server]) -> None:
    """The last test: it stops an instance. Its successor would come up under the same address."""
    instances[0].process.terminate()
    instances[0].process.wait(30)
    load = send(replace(balanced), [render_lesion_jpeg(1)], clients=2, answers=10, seconds=60)
    assert (len(load.times), load.failures) == (10, 0)


def cpu_seconds(server: Server) -> float:
    from benchmarks.serving import process_tree

    fields = [Path(f"/proc/{pid}/stat").read_text().split() for pid in process_tree(server.process.pid)]
    return sum(int(user) + int(system) for *_, user, system in (field[:15] for field in fields)) / 100
