"""``python scripts/check_machine.py``: says in a sentence why the app cannot be installed here, if it cannot.

Runs before anything is installed, also with a Python that is too old: nothing but the standard library, and
no syntax that came late.
"""

import platform
import sys

DOCKER = "Docker runs the app there (docs/deploy.md)."


def complaint(version, system, machine, libc):
    """Returns what stands in the way, or ``None``.

    Args:
        version: Of Python, as in ``sys.version_info``.
        system: As from ``platform.system()``.
        machine: As from ``platform.machine()``.
        libc: As from ``platform.libc_ver()[0]``: ``glibc``, or another word or none with musl.
    """
    if tuple(version[:2]) < (3, 11):
        found = ".".join(map(str, version[:2]))
        return "Python 3.11 or later is needed, and this is " + found + ": make PYTHON=python3.12 …"
    if (system, machine) == ("Darwin", "x86_64"):
        return "LiteRT, which runs the network, has no package for Intel Macs. " + DOCKER
    if system == "Linux" and libc != "glibc":
        return "LiteRT, which runs the network, needs glibc, and Alpine and others have musl. " + DOCKER
    return None


if __name__ == "__main__":
    sys.exit(complaint(sys.version_info, platform.system(), platform.machine(), platform.libc_ver()[0]))
