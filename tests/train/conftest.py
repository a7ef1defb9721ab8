"""What the tests of training share: small made pictures, and the image sets where they exist."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.train.made_dataset import make_dataset
from tests.train.made_spots import make_spots
from train.datasets.dataset import Subset
from train.datasets.masks import Masks

Jpeg = Callable[..., bytes]


@pytest.fixture(scope="session")
def jpeg() -> Jpeg:
    """Makes the bytes of a small one-coloured JPEG."""

    def make(size: tuple[int, int] = (40, 30), colour: str = "peru") -> bytes:
        file = io.BytesIO()
        Image.new("RGB", size, colour).save(file, "JPEG")
        return file.getvalue()

    return make


@pytest.fixture
def spots(tmp_path: Path) -> tuple[Subset, Masks]:
    """Six dark spots on white, five of them with a mask."""
    return make_spots(tmp_path)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """HAM10000 in small, made of rendered lesions."""
    return make_dataset(tmp_path_factory.mktemp("made") / "ham10000")
