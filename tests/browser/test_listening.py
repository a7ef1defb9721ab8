"""What the listening app writes stays out of the tests' output."""

import urllib.request

import pytest

from tests.browser.conftest import Site

pytestmark = pytest.mark.browser


def test_its_lines_are_kept_for_a_test_that_fails(
    site: Site, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with urllib.request.urlopen(site.url) as answer:
        assert answer.status == 200
    assert "".join(capfd.readouterr()) == ""
    assert "GET / " in caplog.text and '"route": "/"' in caplog.text
