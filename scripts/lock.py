"""Writes ``requirements*.txt`` from ``requirements*.in``: every package that they bring, with its hashes.

``python scripts/lock.py`` (``make lock``) resolves for every platform and Python from 3.11 on. The
comment at the top of a ``.in`` file becomes the top of its ``.txt``, and each file holds only what the
one before does not bring.
"""

import re
import subprocess
import sys
from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).parents[1]
LEVELS = ("requirements", "requirements-train", "requirements-dev")
COMPILE = ("pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes")


def lock(level: str, before: tuple[str, ...]) -> None:
    """Writes one file, given the names of those that are installed with it."""
    source = ROOT / f"{level}.in"
    lines = source.read_text().splitlines()
    comment = list(takewhile(lambda line: line.startswith("#"), lines))
    options = [option for name in before for option in ("--constraint", f"{name}.txt")]
    for name in before:
        for package in re.findall(r"^([\w.-]+)==", (ROOT / f"{name}.txt").read_text(), re.M):
            options += ["--no-emit-package", package]
    command = [
        Path(sys.executable).with_name("uv"),
        *COMPILE,
        "--no-header",
        "--no-annotate",
        *options,
        source.name,
    ]
    result = subprocess.run(command, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE)
    includes = [f"-r {name}.txt" for name in before[-1:]]
    (ROOT / f"{level}.txt").write_text("\n".join([*comment, *includes, result.stdout]))


if __name__ == "__main__":
    for position, level in enumerate(LEVELS):
        lock(level, LEVELS[:position])
