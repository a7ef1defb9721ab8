import dataclasses
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.fakes import CONTRACT, made_bundle
from tests.rendered import render_lesion
from tests.rounding import LARGEST
from webapp.config import Settings
from webapp.model.contract import ModelOutputs, parse_contract
from webapp.model.labels import CLASSES
from webapp.model.predictor import Prediction, Predictor, open_predictor, read_outputs
from webapp.photo.imaging import decode
from webapp.photo.quality import measure_quality

CONTRACT_PARSED = parse_contract(CONTRACT)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    """The bundle of this repository, as it is served."""
    return open_predictor(Settings())


def outputs(probabilities: list[float]) -> dict[str, np.ndarray]:
    maps = np.zeros((1, 2, 3, 7), np.float32)
    maps[0, 0, 0, CLASSES.index("mel")] = 4
    maps[0, 0, 1, CLASSES.index("bcc")] = 2
    maps[0, 1, 2, CLASSES.index("nv")] = 8
    return {
        "unfamiliarity": np.array([[2.5]], np.float32),
        "class_activation_maps": maps,
        "probabilities": np.array([probabilities], np.float32),
        "phone": np.array([[0.75]], np.float32),
        "lesion_map": np.full((1, 2, 3, 1), 0.25, np.float32),
    }


class SlowRuntime:
    """Counts how many threads are inside it at once; there must never be more than one."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.calls = 0

    def run(self, pixels: np.ndarray) -> Mapping[str, np.ndarray]:
        assert self.lock.acquire(blocking=False), "two threads share one interpreter"
        time.sleep(0.005)
        self.calls += 1
        self.lock.release()
        return outputs([0.1, 0.1, 0.1, 0.1, 0.1, 0.4, 0.1])


class SeeingRuntime(SlowRuntime):
    """Remembers what it was shown."""

    def run(self, pixels: np.ndarray) -> Mapping[str, np.ndarray]:
        self.pixels = pixels
        return super().run(pixels)


class BrokenRuntime:
    def run(self, pixels: np.ndarray) -> Mapping[str, np.ndarray]:
        raise RuntimeError("out of memory")


def test_outputs_are_read_by_name() -> None:
    prediction = read_outputs(outputs([0.02, 0.03, 0.2, 0.05, 0.15, 0.5, 0.05]), CONTRACT_PARSED)
    assert prediction.probabilities == pytest.approx((0.02, 0.03, 0.2, 0.05, 0.15, 0.5, 0.05))
    assert prediction.malignancy == pytest.approx(0.02 + 0.03 + 0.15)
    assert prediction.unfamiliarity == 2.5
    assert prediction.phone == 0.75
    assert prediction.lesion_map is not None and prediction.lesion_map.shape == (2, 3)


def test_decision_weights_choose_the_diagnosis() -> None:
    probabilities = [0.02, 0.03, 0.2, 0.05, 0.15, 0.5, 0.05]
    assert read_outputs(outputs(probabilities), CONTRACT_PARSED).diagnosis == "mel"  # 0.15 × 3 > 0.5 × 0.5
    even = dataclasses.replace(CONTRACT_PARSED, decision_weights=(1.0,) * 7)
    assert read_outputs(outputs(probabilities), even).diagnosis == "nv"


def test_the_activation_map_shows_what_speaks_for_cancer() -> None:
    activation_map = read_outputs(outputs([1 / 7] * 7), CONTRACT_PARSED).activation_map
    assert activation_map is not None and activation_map.dtype == np.float32
    melanoma, carcinoma, neutral = activation_map[0]
    assert melanoma == 1 and activation_map[1, 2] == 0, "a mole's evidence is the least of all"
    assert melanoma > carcinoma > neutral > 0


def test_the_skin_around_the_spot_is_not_what_speaks_for_cancer() -> None:
    around = outputs([1 / 7] * 7)
    around["lesion_map"] = np.full((1, 2, 3, 1), 0.9, np.float32)
    around["lesion_map"][0, 0, 0] = 0.05
    activation_map = read_outputs(around, CONTRACT_PARSED).activation_map
    assert activation_map is not None
    assert activation_map[0, 1] == 1, "the carcinoma in the spot, not the melanoma on bare skin"
    assert activation_map[0, 0] < 0.2


def test_an_activation_map_that_is_alike_everywhere_is_empty() -> None:
    silent = outputs([1 / 7] * 7) | {"class_activation_maps": np.zeros((1, 2, 3, 7), np.float32)}
    assert not read_outputs(silent, CONTRACT_PARSED).activation_map.any()  # type: ignore[union-attr]


def test_what_a_model_does_not_have_is_none() -> None:
    names = ModelOutputs(CONTRACT_PARSED.outputs.probabilities)
    prediction = read_outputs(outputs([1 / 7] * 7), dataclasses.replace(CONTRACT_PARSED, outputs=names))
    assert prediction.activation_map is None and prediction.unfamiliarity is None
    assert prediction.lesion_map is None and prediction.phone is None


@pytest.mark.parametrize("malignancy", [float("nan"), -0.01, 1.01])
def test_a_malignancy_that_is_no_probability_is_never_answered(malignancy: float) -> None:
    with pytest.raises(ValueError, match="no probability"):
        Prediction(malignancy)


@pytest.mark.parametrize("corrects", [True, False])
def test_a_dark_photo_is_brightened_where_the_contract_says_so_and_its_darkness_still_known(
    corrects: bool,
) -> None:
    runtime, bundle = SeeingRuntime(), made_bundle()
    image_input = dataclasses.replace(bundle.contract.input, corrects_exposure=corrects)
    bundle = dataclasses.replace(bundle, contract=dataclasses.replace(bundle.contract, input=image_input))
    dark = render_lesion(1).point([value // 2 for value in range(256)] * 3)
    prediction = Predictor(bundle, [runtime]).predict(dark)
    assert prediction.quality is not None and prediction.quality.brightness < 130
    assert (measure_quality(runtime.pixels[0]).brightness > 145) is corrects


def test_more_threads_than_interpreters_wait_for_each_other() -> None:
    runtimes = [SlowRuntime(), SlowRuntime()]
    predictor = Predictor(made_bundle(), runtimes)
    image = render_lesion(1)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: predictor.predict(image), range(40)))
    assert sum(runtime.calls for runtime in runtimes) == 40
    assert all(runtime.calls for runtime in runtimes), "one interpreter was never used"


def test_an_interpreter_is_given_back_after_an_error() -> None:
    predictor = Predictor(made_bundle(), [BrokenRuntime()])
    for _ in range(3):  # would wait forever
        with pytest.raises(RuntimeError):
            predictor.predict(render_lesion(1))


def test_the_served_network_answers(predictor: Predictor, photo: bytes) -> None:
    prediction = predictor.predict(decode(photo).image)
    assert prediction.probabilities is not None
    assert sum(prediction.probabilities) == pytest.approx(1, abs=1e-5)
    assert prediction.diagnosis in CLASSES
    assert prediction.activation_map is not None
    assert 0 <= prediction.activation_map.min() <= prediction.activation_map.max() <= 1


def test_the_served_network_looks_at_the_box(predictor: Predictor, photo: bytes) -> None:
    image = decode(photo).image
    assert predictor.predict(image, (75, 0, 525, 450)) == predictor.predict(image)
    assert predictor.predict(image, (0, 0, 100, 100)) != predictor.predict(image)


def test_the_served_network_answers_the_same_from_many_threads(predictor: Predictor) -> None:
    images = [render_lesion(seed, 200, 150) for seed in range(6)]
    alone = [predictor.predict(image) for image in images]
    assert len({prediction.malignancy for prediction in alone}) == len(images)
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(predictor.predict, images * 4)) == alone * 4


def test_serving_does_not_import_tensorflow() -> None:
    script = """
import io, sys
from tests.rendered import render_lesion_jpeg
from webapp import create_app
photo = {"photo": (io.BytesIO(render_lesion_jpeg(1)), "a.jpg")}
answer = create_app().test_client().post("/api/v1/predict", data=photo)
assert answer.status_code == 200, answer.text
assert not {"tensorflow", "keras", "scipy", "matplotlib"} & set(sys.modules), "a heavy library was imported"
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@pytest.mark.tensorflow
def test_keras_and_its_export_answer_the_same(predictor: Predictor) -> None:
    keras = open_predictor(Settings(runtime="keras"))
    for seed in range(8):
        image = render_lesion(seed, 300, 225)
        by_keras, by_litert = keras.predict(image), predictor.predict(image)
        assert by_keras.probabilities == pytest.approx(by_litert.probabilities, abs=LARGEST["probabilities"])
        assert by_keras.diagnosis == by_litert.diagnosis
        assert by_keras.unfamiliarity == pytest.approx(by_litert.unfamiliarity, abs=LARGEST["unfamiliarity"])
        np.testing.assert_allclose(by_keras.activation_map, by_litert.activation_map, atol=0.1)
