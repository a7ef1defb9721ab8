"""Two instances behind nginx, with the configuration that the compose file uses."""

import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.serving import (
    Server,
    balanced,
    cpu_seconds,
    find_nginx,
    send,
    serving,
    wait_until_ready,
)
from tests.missing import leave_out
from tests.rendered import render_lesion_jpeg

ROOT = Path(__file__).parents[1]


def compose_setting(name: str) -> str:
    """Returns what the compose file sets, so that both of its files are tried together."""
    found = re.search(rf'^ +{name}: "(.*)"$', (ROOT / "compose.yaml").read_text(), re.MULTILINE)
    assert found, name
    return found[1]


@pytest.fixture(scope="module")
def instances(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    folder = tmp_path_factory.mktemp("instances")
    command = [str(Path(sys.executable).parent / "gunicorn"), "wsgi:app"]
    environ = {
        "SECRET_KEY": "the same in both instances",
        "FLASK_RATELIMIT_ENABLED": "false",
        "FLASK_PROXY_HOPS": compose_setting("FLASK_PROXY_HOPS"),
    }
    with ExitStack() as stack:
        servers = [
            stack.enter_context(serving(command, ROOT, folder / f"log-{number}", environ))
            for number in range(2)
        ]
        for server in servers:
            wait_until_ready(server)
        yield servers


@pytest.fixture(scope="module")
def front(instances: list[Server], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    nginx = find_nginx()
    if nginx is None:
        leave_out("nginx (for example Debian's package nginx)")
    with balanced(nginx, instances, tmp_path_factory.mktemp("nginx")) as server:
        wait_until_ready(server)
        yield server


def test_no_form_fails_when_requests_hop_between_instances(front: Server, instances: list[Server]) -> None:
    load = send(front, [render_lesion_jpeg(1)], clients=4, answers=40, seconds=60)
    assert (len(load.times), load.failures) == (40, 0)
    cpu = [cpu_seconds(server.process.pid) for server in instances]
    assert min(cpu) > 0.15 * max(cpu), f"both instances answer: {cpu}"


def test_an_instance_that_goes_away_is_not_missed(front: Server, instances: list[Server]) -> None:
    """The last test: it stops an instance. Its successor would come up under the same address."""
    instances[0].process.terminate()
    instances[0].process.wait(30)
    load = send(front, [render_lesion_jpeg(1)], clients=2, answers=10, seconds=60)
    assert (len(load.times), load.failures) == (10, 0)
