"""What the tests of training share: small made pictures, and the image sets where they exist."""

import io
from collections.abc import Callable

import pytest
from PIL import Image

Jpeg = Callable[..., bytes]


@pytest.fixture(scope="session")
def jpeg() -> Jpeg:
    """Makes the bytes of a small one-coloured JPEG."""

    def make(size: tuple[int, int] = (40, 30), colour: str = "peru") -> bytes:
        file = io.BytesIO()
        Image.new("RGB", size, colour).save(file, "JPEG")
        return file.getvalue()

    return make
