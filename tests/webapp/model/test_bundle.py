from pathlib import Path

import pytest

from tests.fakes import CONTRACT, write_bundle
from webapp.model.bundle import BUNDLE_FOLDER, BundleError, load_bundle
from webapp.model.labels import CLASSES

FILES = {"model.keras": b"the network", "model.tflite": b"its export", "metrics.json": b'{"test": {}}'}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_bundle(tmp_path, CONTRACT, FILES)
    return tmp_path


def refusal(folder: Path) -> str:
    with pytest.raises(BundleError) as refused:
        load_bundle(folder)
    assert refused.value.message.endswith(
        "Restore the model's folder from the repository, or export the model again."
    )
    return refused.value.message


def test_the_bundle_of_this_repository_is_complete() -> None:
    bundle = load_bundle(BUNDLE_FOLDER)
    assert {"model.keras", "model.tflite", "metrics.json"} <= set(bundle.contract.files)
    assert bundle.contract.classes == CLASSES
    assert bundle.metrics is not None and bundle.metrics["model_version"] == bundle.contract.version


def test_a_bundle_is_opened(folder: Path) -> None:
    bundle = load_bundle(folder)
    assert bundle.has_contract
    assert bundle.metrics == {"test": {}}
    assert bundle.file("model.tflite").read_bytes() == b"its export"


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert f"{name} is missing" in refusal(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_named(folder: Path, name: str) -> None:
    (folder / name).write_bytes(FILES[name][:-1])
    assert f"{name} is damaged: {len(FILES[name]) - 1} bytes instead of {len(FILES[name])}" in refusal(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_swapped_file_of_the_same_size_is_named(folder: Path, name: str) -> None:
    (folder / name).write_bytes(FILES[name][::-1])
    assert f"{name} is not the file that its contract names" in refusal(folder)


def test_a_missing_contract_is_named(folder: Path) -> None:
    (folder / "contract.json").unlink()
    assert "contract.json is missing" in refusal(folder)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[]"])
def test_a_damaged_contract_is_named(folder: Path, content: bytes) -> None:
    (folder / "contract.json").write_bytes(content)
    assert "contract.json is damaged" in refusal(folder)


def test_a_wrong_class_order_is_refused(folder: Path) -> None:
    write_bundle(folder, {**CONTRACT, "classes": sorted(CLASSES, reverse=True)}, FILES)
    assert "contract.json: the field classes must be ['akiec', 'bcc'" in refusal(folder)


def test_a_file_that_the_contract_does_not_list_is_never_served(tmp_path: Path) -> None:
    write_bundle(tmp_path, CONTRACT, {"model.keras": b"the network"})
    (tmp_path / "model.tflite").write_bytes(b"from elsewhere")
    with pytest.raises(BundleError, match="does not list model.tflite"):
        load_bundle(tmp_path).file("model.tflite")
