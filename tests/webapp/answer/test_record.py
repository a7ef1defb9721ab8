import json

import pytest

from tests.fakes import made_prediction
from webapp.answer.assessment import Answers, Reason, assess
from webapp.answer.record import COLUMNS, Record
from webapp.model.contract import OperatingPoint, PhotoKind, Thresholds
from webapp.model.labels import CLASSES
from webapp.model.predictor import Prediction

THRESHOLDS = OperatingPoint(PhotoKind.DERMATOSCOPE, Thresholds(signs=0.2, unsure=0.05))
NAMES = (
    "path",
    "outcome",
    "verdict",
    "confidence",
    "diagnosis",
    "malignancy",
    "probabilities",
    "reasons",
    "model_version",
    "error",
    "urgency",
    "cautions",
    "photo_malignancy",
)


def test_the_columns_are_these_in_this_order() -> None:
    assert COLUMNS == NAMES
    assert tuple(Record.unreadable("a.jpg", "Why.", "1.0.0").to_dict()) == NAMES


def test_a_judged_photo() -> None:
    assessment = assess(made_prediction(0.01), THRESHOLDS, (), Answers())
    record = Record.of("a.jpg", assessment, "1.0.0").to_dict()
    assert list(record["probabilities"]) == list(CLASSES)
    assert sum(record.pop("probabilities").values()) == pytest.approx(1)
    assert record == {
        "path": "a.jpg",
        "outcome": "no_signs",
        "verdict": "No signs of skin cancer detected",
        "confidence": 0.99,
        "diagnosis": "nv",
        "malignancy": 0.01,
        "reasons": [],
        "model_version": "1.0.0",
        "error": None,
        "urgency": "watch",
        "cautions": [],
        "photo_malignancy": 0.01,
    }


def test_a_photo_that_cannot_be_judged_keeps_what_the_network_said() -> None:
    reasons = (Reason.TOO_SMALL, Reason.UNFAMILIAR)
    record = Record.of("a.jpg", assess(made_prediction(0.9), THRESHOLDS, reasons, Answers()), "1").to_dict()
    assert (record["outcome"], record["confidence"]) == ("cannot_judge", None)
    assert (record["malignancy"], record["diagnosis"]) == (0.9, "mel")
    assert record["probabilities"]["mel"] == pytest.approx(0.63)
    assert record["reasons"] == ["too_small", "unfamiliar"]


def test_a_model_without_classes_has_no_probabilities() -> None:
    record = Record.of("a.jpg", assess(Prediction(0.9), THRESHOLDS, (), Answers()), "1").to_dict()
    assert (record["probabilities"], record["diagnosis"]) == (None, None)


def test_an_unreadable_file() -> None:
    record = Record.unreadable("a.jpg", "This file is empty.", "1.0.0").to_dict()
    filled = {name: value for name, value in record.items() if value is not None}
    assert filled == {
        "path": "a.jpg",
        "reasons": [],
        "model_version": "1.0.0",
        "error": "This file is empty.",
        "cautions": [],
    }


def test_every_number_in_json_is_a_float() -> None:
    for malignancy in (0.0, 1.0):
        record = Record.of(None, assess(Prediction(malignancy), THRESHOLDS, (), Answers()), "1").to_dict()
        read = json.loads(json.dumps(record))
        assert isinstance(read["malignancy"], float) and isinstance(read["confidence"], float)
