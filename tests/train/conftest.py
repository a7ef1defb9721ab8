"""What the tests of training share: small made pictures, and the image sets where they exist."""

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

Jpeg = Callable[..., bytes]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the image sets, for tests marked ``shared``: beside the repository, or absent."""
    folder = Path(__file__).parents[2].parent / "shared" / "data"
    if not folder.is_dir():
        reason = "the image sets (../shared/data, beside the repository) are not here"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def jpeg() -> Jpeg:
    """Makes the bytes of a small one-coloured JPEG."""

    def make(size: tuple[int, int] = (40, 30), colour: str = "peru") -> bytes:
        file = io.BytesIO()
        Image.new("RGB", size, colour).save(file, "JPEG")
        return file.getvalue()

    return make
