"""What is installed is exactly what was looked at."""

import re
import tomllib
from pathlib import Path

import pytest

from scripts.lock import LISTS, comment_above

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", ["requirements", "requirements-train", "requirements-dev"])
def test_every_package_is_pinned_and_has_its_hashes(name: str) -> None:
    text = re.sub(r"\\\n\s*", "", (ROOT / f"{name}.txt").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith(("#", "-r "))]
    assert lines
    for line in lines:
        assert re.match(r"[\w.-]+==[\w.]+ ", line) and "--hash=sha256:" in line, line


@pytest.mark.parametrize("name", ["requirements", "requirements-train", "requirements-dev"])
def test_what_is_asked_for_is_what_is_locked(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = (project | project["optional-dependencies"])[LISTS[name]]
    locked = (ROOT / f"{name}.txt").read_text()
    assert asked
    for line in asked:
        pinned = re.match(r"([\w.-]+)==([\w.]+)(?=;|$)", line)
        assert pinned, line
        assert re.search(rf"^{pinned[1]}=={re.escape(pinned[2])} ", locked, re.M), line
    assert locked.startswith(comment_above(LISTS[name])), "why these, for whoever reads the file"


def test_make_installs_by_hash() -> None:
    installs = re.findall(r"pip install.*", (ROOT / "Makefile").read_text())
    assert installs and all("--require-hashes" in command for command in installs)


def test_make_looks_for_known_holes_in_all_that_is_locked() -> None:
    rules = (ROOT / "Makefile").read_text().split("\naudit:")[1].split("\n\n")[0]
    audits = re.findall(r"pip-audit (.*)", rules)
    assert all({"--strict", "--require-hashes"} <= set(audit.split()) for audit in audits)
    audited = {audit.split()[-1] for audit in audits}
    assert audited == {"requirements.txt", "requirements-dev.txt"}
    assert "-r requirements-train.txt" in (ROOT / "requirements-dev.txt").read_text(), "the third comes along"
