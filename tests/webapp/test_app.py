import json
import shutil
from pathlib import Path

import pytest

from webapp import create_app
from webapp.config import Settings
from webapp.model import predictor
from webapp.model.bundle import BUNDLE_FOLDER, BundleError


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the served model that a test may damage."""
    folder = tmp_path / "bundle"
    shutil.copytree(BUNDLE_FOLDER, folder)
    monkeypatch.setattr(predictor, "BUNDLE_FOLDER", folder)
    return folder


def test_the_app_starts_with_its_own_model(bundle: Path) -> None:
    assert create_app(Settings()).test_client().get("/about").status_code == 200


@pytest.mark.parametrize("name", ["contract.json", "model.keras", "model.tflite", "metrics.json"])
def test_the_app_does_not_start_without_one_of_its_files(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(BundleError, match=f"{name} is missing"):
        create_app(Settings())


def test_the_app_does_not_start_with_another_network(bundle: Path) -> None:
    content = bytearray((bundle / "model.tflite").read_bytes())
    content[-1] ^= 1
    (bundle / "model.tflite").write_bytes(content)
    with pytest.raises(BundleError, match="model.tflite is not the file that its contract names"):
        create_app(Settings())


def test_the_app_does_not_start_with_a_contract_for_another_input(bundle: Path) -> None:
    contract = json.loads((bundle / "contract.json").read_text())
    contract["input"]["size"] += 32
    (bundle / "contract.json").write_text(json.dumps(contract))
    with pytest.raises(BundleError, match="but its contract says"):
        create_app(Settings())
