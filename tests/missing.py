"""What a test does where something that it needs is not on this machine."""

import os
from typing import Final, NoReturn

import pytest

LEFT_OUT: Final = "Left out, missing: "


def leave_out(missing: str) -> NoReturn:
    """Skips a test, and the last lines say why; where everything has to be there (``CI=true``), fails it."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"missing: {missing}")
    pytest.skip(LEFT_OUT + missing)
