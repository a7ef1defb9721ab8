"""Writes ``requirements*.txt`` from ``pyproject.toml``: every package that is needed, with its hashes.

``python scripts/lock.py`` (``make lock``) resolves for every platform and Python from 3.11 on. The comment
above a list in ``pyproject.toml`` becomes the top of its file, and each file holds only what the one before
does not bring. What a file has already stays at its version, unless the list asks for another.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
LISTS = {"requirements": "dependencies", "requirements-train": "train", "requirements-dev": "dev"}
"""Each file, in the order in which they build on each other, and its list in ``pyproject.toml``."""
LEVELS = tuple(LISTS)
COMPILE = ("pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes")


def comment_above(name: str) -> str:
    """Returns the comment above a list of ``pyproject.toml``."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(rf"((?:^#.*\n)+){name} = \[", project, re.M)
    if found is None:
        raise ValueError(f"pyproject.toml has no list {name} with a comment above it")
    return found[1].rstrip()


def lock(level: str, before: tuple[str, ...]) -> None:
    """Writes one file, given the names of those that are installed with it."""
    options = [option for name in (*before, level)[1:] for option in ("--extra", LISTS[name])]
    options += [option for name in before for option in ("--constraint", f"{name}.txt")]
    for name in before:
        for package in re.findall(r"^([\w.-]+)==", (ROOT / f"{name}.txt").read_text(encoding="utf-8"), re.M):
            options += ["--no-emit-package", package]
    file = ROOT / f"{level}.txt"
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "locked.txt"
        if file.is_file():  # the versions that are kept
            output.write_text(re.sub(r"^-r .*\n", "", file.read_text(encoding="utf-8"), flags=re.M))
        command = [
            Path(sys.executable).with_name("uv"),
            *COMPILE,
            "--no-header",
            "--no-annotate",
            *options,
            "--output-file",
            output,
            "pyproject.toml",
        ]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        locked = output.read_text(encoding="utf-8")
    includes = [f"-r {name}.txt" for name in before[-1:]]
    file.write_text("\n".join([comment_above(LISTS[level]), *includes, locked]), encoding="utf-8")


if __name__ == "__main__":
    for position, level in enumerate(LEVELS):
        lock(level, LEVELS[:position])
