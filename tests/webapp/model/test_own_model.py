import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import AppMaker
from tests.fakes import CONTRACT
from tests.rendered import render_lesion
from webapp import create_app
from webapp.config import Settings
from webapp.model.bundle import BundleError
from webapp.model.own_model import open_own_model
from webapp.model.predictor import open_predictor
from webapp.photo.imaging import model_input

pytestmark = pytest.mark.tensorflow


def origin_like(
    outputs: int = 1, activation: str = "sigmoid", shape: tuple[int | None, ...] = (48, 48, 3)
) -> Any:
    import keras

    keras.utils.set_random_seed(1)
    layers = [
        keras.Input(shape),
        keras.layers.Conv2D(4, 3, activation="relu"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(outputs, activation=activation),
    ]
    return keras.Sequential(layers)


def seven_classes() -> Any:
    import keras

    keras.utils.set_random_seed(1)
    image = keras.Input((32, 32, 3), dtype="uint8", name="image")
    x = keras.layers.Rescaling(1 / 128, offset=-127 / 128)(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, {"probabilities": keras.layers.Dense(7, "softmax", name="probabilities")(x)})


def write_contract(file: Path, contract_name: str, sha256: str | None = None) -> None:
    content = file.read_bytes()
    listed = {"sha256": sha256 or hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    contract = {
        **CONTRACT,
        "files": {file.name: listed},
        "outputs": {"probabilities": "probabilities"},
        "gate": None,
        "kind_limits": None,
    }
    (file.parent / contract_name).write_text(json.dumps(contract))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_file_like_the_origins_gets_its_own_size_and_pixels_from_0_to_1(
    tmp_path: Path, suffix: str
) -> None:
    model, file = origin_like(), tmp_path / f"mine{suffix}"
    model.save(file)
    predictor = open_predictor(Settings(model_path=file))
    image = render_lesion(1, 300, 200)
    expected = model.predict(model_input(image, 48)[np.newaxis] / 255, verbose=0)[0, 0]
    prediction = predictor.predict(image)
    assert prediction.malignancy == pytest.approx(expected, abs=1e-5)
    assert (prediction.probabilities, prediction.diagnosis, prediction.activation_map) == (None, None, None)
    assert not predictor.bundle.has_contract and predictor.bundle.metrics is None
    assert predictor.bundle.contract.version.startswith(file.name)


def test_its_answers_say_that_it_has_no_classes(tmp_path: Path, make_app: AppMaker) -> None:
    origin_like().save(tmp_path / "mine.keras")
    predictor = open_predictor(Settings(model_path=tmp_path / "mine.keras"))
    client = make_app(predictor).test_client()
    for path in ("/", "/about"):
        assert client.get(path).status_code == 200
    photo = io.BytesIO()
    Image.new("RGB", (100, 100), "peru").save(photo, "PNG")
    photo.seek(0)
    record = client.post("/api/v1/predict", data={"photo": (photo, "a.png")}).get_json()
    assert record["outcome"] == ("signs" if record["malignancy"] >= 0.5 else "no_signs")
    assert (record["probabilities"], record["diagnosis"]) == (None, None)
    assert record["model_version"] == predictor.bundle.contract.version


@pytest.mark.parametrize("contract_name", ["mine.contract.json", "contract.json"])
def test_a_contract_beside_the_file_is_followed(tmp_path: Path, contract_name: str) -> None:
    model, file = seven_classes(), tmp_path / "mine.keras"
    model.save(file)
    write_contract(file, contract_name)
    predictor = open_predictor(Settings(model_path=file))
    image = render_lesion(1, 300, 200)
    expected = model.predict(model_input(image, 32)[np.newaxis], verbose=0)["probabilities"][0]
    assert predictor.predict(image).probabilities == pytest.approx(expected, abs=1e-5)
    assert predictor.bundle.has_contract


def test_a_file_that_is_not_the_contracts_is_refused(tmp_path: Path) -> None:
    seven_classes().save(tmp_path / "mine.keras")
    write_contract(tmp_path / "mine.keras", "contract.json", sha256="0" * 64)
    with pytest.raises(BundleError, match="mine.keras is not the file that its contract names"):
        create_app(Settings(model_path=tmp_path / "mine.keras"))


def test_a_contract_that_promises_another_network_is_refused(tmp_path: Path) -> None:
    origin_like().save(tmp_path / "mine.keras")
    write_contract(tmp_path / "mine.keras", "contract.json")
    with pytest.raises(BundleError, match="but its contract says"):
        open_own_model(tmp_path / "mine.keras")


@pytest.mark.parametrize(
    "model",
    [
        {"outputs": 2},
        {"activation": "linear"},
        {"shape": (48, 64, 3)},
        {"shape": (48, 48, 1)},
        {"shape": (None, None, 3)},
    ],
)
def test_anything_else_needs_a_contract(tmp_path: Path, model: dict[str, Any]) -> None:
    origin_like(**model).save(tmp_path / "mine.keras")
    with pytest.raises(BundleError, match="Put a mine.contract.json beside it"):
        open_own_model(tmp_path / "mine.keras")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_file_that_keras_cannot_load_is_refused_in_one_line(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"mine{suffix}").write_bytes(b"no model")
    with pytest.raises(BundleError, match="Keras cannot load") as refused:
        open_own_model(tmp_path / f"mine{suffix}")
    assert "\n" not in refused.value.message


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="mine.h5 is missing"):
        open_own_model(tmp_path / "mine.h5")
