"""A machine on which the app cannot run is told so in a sentence, before pip fails."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.check_machine import complaint

ROOT = Path(__file__).parents[1]
# A Python like Debian's without python3-venv: it leaves an environment without pip, says so and fails.
WITHOUT_VENV = f"""#!/bin/sh
if [ "$2" = venv ]; then
  {sys.executable} -m venv --without-pip "$3"
  echo "ensurepip is not available"
  exit 1
fi
exec {sys.executable} "$@"
"""


@pytest.mark.parametrize(
    ("version", "system", "machine", "libc", "said"),
    [
        ((3, 10, 12), "Linux", "x86_64", "glibc", "Python 3.11 or later is needed, and this is 3.10"),
        ((3, 12, 1), "Darwin", "x86_64", "", "Intel Macs"),
        ((3, 12, 1), "Linux", "aarch64", "", "musl"),
        ((3, 14, 0), "Linux", "x86_64", "musl", "musl"),
    ],
)
def test_what_stands_in_the_way_is_said(
    version: tuple[int, ...], system: str, machine: str, libc: str, said: str
) -> None:
    assert said in complaint(version, system, machine, libc)


@pytest.mark.parametrize(
    ("system", "machine", "libc"),
    [
        ("Linux", "x86_64", "glibc"),
        ("Linux", "aarch64", "glibc"),
        ("Darwin", "arm64", ""),
        ("Windows", "AMD64", ""),
    ],
)
def test_where_all_is_there_nothing_is_said(system: str, machine: str, libc: str) -> None:
    assert complaint((3, 11, 0), system, machine, libc) is None


def test_a_python_without_venv_is_told_what_to_install_and_leaves_nothing_half_made(tmp_path: Path) -> None:
    for name in ("Makefile", "scripts/check_machine.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    python = tmp_path / "python"
    python.write_text(WITHOUT_VENV)
    python.chmod(0o755)
    command = ["make", ".venv/bin/pip", f"PYTHON={python}"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    failed = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert failed.returncode != 0 and "apt install python3-venv" in failed.stderr + failed.stdout
    assert not (tmp_path / ".venv").exists()
    command[-1] = f"PYTHON={sys.executable}"
    subprocess.run(command, cwd=tmp_path, env=environ, check=True, capture_output=True)
    assert (tmp_path / ".venv" / "bin" / "pip").is_file()
