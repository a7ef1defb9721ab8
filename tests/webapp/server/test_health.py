import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import AppMaker
from tests.fakes import FixedPredictor, made_bundle, made_prediction
from webapp.config import Settings
from webapp.model.golden import SIDE, TOLERANCE, golden_picture
from webapp.model.predictor import Prediction, open_predictor
from webapp.photo.imaging import Box
from webapp.server import health

ROOT = Path(__file__).parents[3]
PREDICTION = made_prediction(0.9312)


def predictor_with(golden: tuple[float, ...] | None) -> FixedPredictor:
    bundle = made_bundle()
    contract = dataclasses.replace(bundle.contract, golden=golden)
    return FixedPredictor(PREDICTION, dataclasses.replace(bundle, contract=contract))


class BrokenPredictor(FixedPredictor):
    def predict(self, image: Image.Image, box: Box | None = None) -> Prediction:
        raise RuntimeError("the interpreter is gone")


def test_a_process_that_answers_is_alive(make_app: AppMaker) -> None:
    response = make_app(BrokenPredictor(PREDICTION)).test_client().get("/healthz")
    assert (response.status_code, response.get_json()) == (200, {"status": "alive"})


@pytest.mark.parametrize(
    ("file", "check"), [("Dockerfile", r"localhost:.*?\}(/\w+)"), ("docs/deploy.md", r"`HTTP (/\w+)`")]
)
def test_what_the_platforms_ask_for_is_answered_at_the_bare_address(
    make_app: AppMaker, file: str, check: str
) -> None:
    asked = re.findall(check, (ROOT / file).read_text(encoding="utf-8"))
    client = make_app(trusted_hosts=("skin.example",)).test_client()
    statuses = [client.get(path, headers={"Host": "10.0.0.7:8000"}).status_code for path in asked]
    assert statuses == [200], "a page would answer 400 there, and the platform would stop the app"


def test_a_model_that_answers_as_recorded_is_ready(make_app: AppMaker) -> None:
    assert PREDICTION.probabilities is not None
    response = make_app(predictor_with(PREDICTION.probabilities)).test_client().get("/readyz")
    assert response.status_code == 200
    body = response.get_json()
    assert (body["status"], body["golden"], body["model"]["version"]) == ("ready", "ok", "9.9.9")
    assert body["model"]["sha256"]["model.tflite"] == "b" * 64


def test_a_model_that_answers_otherwise_is_not_ready(make_app: AppMaker) -> None:
    assert PREDICTION.probabilities is not None
    shifted = tuple(
        p + sign * 2 * TOLERANCE for p, sign in zip(PREDICTION.probabilities, [1, -1] + [0] * 5, strict=True)
    )
    response = make_app(predictor_with(shifted)).test_client().get("/readyz")
    assert (response.status_code, response.get_json()["golden"]) == (503, "differs")
    assert response.get_json()["status"] == "unready"


def test_a_model_that_fails_is_not_ready_and_tells_nobody_why(make_app: AppMaker) -> None:
    response = make_app(BrokenPredictor(PREDICTION)).test_client().get("/readyz")
    assert (response.status_code, response.get_json()["golden"]) == (503, "fails")
    assert "interpreter" not in response.text


def test_a_model_without_a_recorded_answer_says_so(make_app: AppMaker) -> None:
    response = make_app(predictor_with(None)).test_client().get("/readyz")
    assert (response.status_code, response.get_json()["golden"]) == (200, "not recorded")


def test_asking_often_costs_one_prediction(make_app: AppMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(health, "_ask", lambda predictor: asked.append(predictor) or "ok")
    client = make_app().test_client()
    assert {client.get("/readyz").status_code for _ in range(20)} == {200}
    assert len(asked) == 1


def test_the_golden_picture_is_the_same_everywhere() -> None:
    picture = golden_picture()
    assert (picture.size, picture.mode) == ((SIDE, SIDE), "RGB")
    thumbnail = np.asarray(picture.resize((4, 4), Image.Resampling.BOX)).reshape(-1, 3)
    assert thumbnail[0].tolist() == [228, 190, 180], "skin"
    assert thumbnail[5, 2] < 120, "a brown spot"
    assert picture.tobytes() == golden_picture().tobytes()


def test_the_served_model_is_ready(make_app: AppMaker) -> None:
    response = make_app(open_predictor(Settings())).test_client().get("/readyz")
    assert (response.status_code, response.get_json()["golden"]) == (200, "ok"), response.text
