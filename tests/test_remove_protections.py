"""Each protection can be taken out: its code stands in its file once, and its tests are there."""

from pathlib import Path

import pytest

from scripts.remove_protections import PROTECTIONS, Protection

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda protection: protection.name)
def test_a_protection_stands_once_and_is_tested(protection: Protection) -> None:
    assert (ROOT / protection.file).read_text(encoding="utf-8").count(protection.code) == 1
    for tests in protection.tests.split():
        file, _, name = tests.partition("::")
        assert f"def {name.partition('[')[0]}" in (ROOT / file).read_text(encoding="utf-8")
