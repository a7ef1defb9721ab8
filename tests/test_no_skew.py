"""Training and serving see a photo alike, and every way to ask gives the same answer."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import multipart
from tests.rendered import render_lesion_jpeg
from tests.rounding import LARGEST, MEAN
from tests.serving import serving, wait_until_ready
from train.datasets.dataset import Subset, open_collection
from train.datasets.split import read_split, select
from webapp.model.bundle import BUNDLE_FOLDER, load_bundle
from webapp.model.labels import CLASSES, MALIGNANT_INDICES
from webapp.model.predictor import read_outputs
from webapp.photo.imaging import correct_exposure, decode, model_input

TOLERANCE = 1e-3


@pytest.mark.tensorflow
def test_training_sees_the_pixels_that_the_app_sees(tmp_path):
    from train.steps.batches import inputs

    jpeg = render_lesion_jpeg(3)
    (tmp_path / "nv").mkdir()
    (tmp_path / "nv" / "spot.jpg").write_bytes(jpeg)
    collection = open_collection(tmp_path)
    (trained,) = inputs(Subset(collection, collection.records), 192)
    assert np.array_equal(trained, model_input(decode(jpeg).image, 192))


@pytest.mark.shared
@pytest.mark.tensorflow
@pytest.mark.parametrize("count", [40, pytest.param(200, marks=pytest.mark.slow)])
def test_server_command_line_and_keras_give_the_same_probabilities(shared_data, tmp_path, count):
    import keras

    collection = open_collection(shared_data / "ham10000.zip")
    records = select(collection, read_split(), "test").records[:count]
    with zipfile.ZipFile(shared_data / "ham10000.zip") as archive:
        photos = {r.image_id: archive.read(collection.members[r.image_id]) for r in records}
    for name, jpeg in photos.items():
        (tmp_path / f"{name}.jpg").write_bytes(jpeg)

    command = [sys.executable, "-m", "flask", "--app", "wsgi", "predict", "--format", "json", str(tmp_path)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    said = {Path(record["path"]).stem: record for record in map(json.loads, lines)}
    by_command = probabilities_of(said[name] for name in photos)

    with serving(tmp_path / "log") as server:
        wait_until_ready(server)
        by_server = probabilities_of(ask(server, photo) for photo in photos.values())

    contract = load_bundle(BUNDLE_FOLDER).contract
    size = contract.input.size
    pixels = np.stack([correct_exposure(model_input(decode(jpeg).image, size)) for jpeg in photos.values()])
    model = keras.saving.load_model(BUNDLE_FOLDER / "model.keras", compile=False)
    outputs = model.predict(pixels, 20, verbose=0)
    each = ({name: values[i : i + 1] for name, values in outputs.items()} for i in range(len(pixels)))
    by_keras = np.array([read_outputs(of_one, contract).probabilities for of_one in each])

    assert np.abs(by_server - by_command).max() <= TOLERANCE
    rounded = np.abs(by_keras - by_command)  # photos of the test part, which the figures are of
    assert rounded.max() <= LARGEST["probabilities"] + TOLERANCE
    malignancy = (by_keras - by_command)[:, list(MALIGNANT_INDICES)].sum(axis=1)
    assert np.abs(malignancy).mean() <= 2 * MEAN


def ask(server, photo):
    body, content_type = multipart(photo)
    status, _, text = server.request("POST", "/api/v1/predict", body, **{"Content-Type": content_type})
    assert status == 200
    return json.loads(text)


def probabilities_of(records):
    return np.array([[record["probabilities"][dx] for dx in CLASSES] for record in records])
