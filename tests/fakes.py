"""A made-up model for tests that need a particular answer: its contract, its figures and its predictions."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from webapp.model.bundle import Bundle
from webapp.model.contract import parse_contract
from webapp.model.labels import CLASSES
from webapp.model.predictor import Prediction
from webapp.photo.imaging import Box
from webapp.photo.quality import Quality

CONTRACT: Final[Mapping[str, Any]] = {
    "schema": 1,
    "name": "skin-cancer-detector",
    "version": "9.9.9",
    "created": "2024-02-29",
    "architecture": "EfficientNet-Lite0",
    "licence": "CC BY-NC 4.0",
    "training_data": [
        "HAM10000 (doi:10.7910/DVN/DBW86T), training part, 7,011 images",
        "PAD-UFES-20 (doi:10.17632/zr7vgbcyr2.1), training patients, 282 photos",
    ],
    "intended_use": "Tests.",
    "files": {
        "model.keras": {"sha256": "a" * 64, "bytes": 15_000_000},
        "model.tflite": {"sha256": "b" * 64, "bytes": 14_000_000},
        "metrics.json": {"sha256": "c" * 64, "bytes": 13_000},
    },
    "input": {"name": "image", "size": 32, "dtype": "uint8", "range": [0, 255], "channels": "RGB"},
    "outputs": {
        "probabilities": "probabilities",
        "class_activation_maps": "class_activation_maps",
        "unfamiliarity": "unfamiliarity",
        "phone": "phone",
        "lesion_map": "lesion_map",
    },
    "classes": list(CLASSES),
    "temperature": 1.3,
    "training_prior": [1 / 7] * 7,
    "natural_prior": [0.03, 0.05, 0.11, 0.01, 0.11, 0.67, 0.02],
    "decision_weights": [1.0, 1.0, 1.0, 1.0, 3.0, 0.5, 1.0],
    "thresholds": {
        "dermatoscope": {"signs": 0.2, "unsure": 0.05},
        "phone": {"signs": 0.4, "unsure": 0.03},
    },
    "kind_limits": {"dermatoscope": 0.1, "phone": 0.9},
    "gate": {"unfamiliarity": 10.0, "sharpness": 2.0, "brightness": 60.0, "glare": 0.15},
}


def figure(value: float) -> dict[str, float]:
    """Makes a measured value with its 95 % interval, as in ``metrics.json``."""
    return {"value": value, "low": max(0.0, value - 0.02), "high": min(1.0, value + 0.02)}


def ends(signs: float, unsure: float, no_signs: float, cannot_judge: float = 0.0) -> dict[str, Any]:
    """Makes how the cancers or the harmless spots of a test ended, as in ``metrics.json``."""
    shares = {"signs": signs, "unsure": unsure, "no_signs": no_signs, "cannot_judge": cannot_judge}
    return {outcome: figure(share) for outcome, share in shares.items()}


def group(images: int, cancers: int) -> dict[str, Any]:
    """Makes the figures of a group of photos, as in ``metrics.json``."""
    shares = {name: figure(0.8) for name in ("malignancy_auc", "sensitivity", "specificity")}
    return {"images": images, "cancers": cancers, **shares}


METRICS: Final[Mapping[str, Any]] = {
    "model_version": "9.9.9",
    "test": {
        "images": 1503,
        "lesions": 1120,
        "accuracy": figure(0.83),
        "balanced_accuracy": figure(0.77),
        "macro_f1": figure(0.71),
        "melanoma_auc": figure(0.91),
        "malignancy_auc": figure(0.94),
        "per_class": {
            dx: {"images": 50, "recall": figure(0.77), "precision": figure(0.66)} for dx in CLASSES
        },
        "confusion": [[44 if row == column else 1 for column in range(7)] for row in range(7)],
        "roc": {
            "fpr": [0.0, 0.1, 0.28, 0.4, 1.0],
            "tpr": [0.0, 0.82, 0.95, 0.97, 1.0],
            "at": {"signs": {"fpr": 0.1, "tpr": 0.82}, "unsure": {"fpr": 0.28, "tpr": 0.95}},
        },
        "malignancy_ece": figure(0.03),
        "class_ece": figure(0.04),
        "calibration": {
            "bins": [{"low": 0.0, "high": 0.5, "count": 900, "predicted": 0.1, "observed": 0.12}],
        },
        "operating_points": {
            "signs": {"threshold": 0.2, "sensitivity": figure(0.82), "specificity": figure(0.9)},
            "unsure": {"threshold": 0.05, "sensitivity": figure(0.95), "specificity": figure(0.7)},
        },
        "outcomes": {"cancer": ends(0.82, 0.13, 0.05), "harmless": ends(0.1, 0.195, 0.7, 0.005)},
        "groups": {
            "sex": {"male": group(800, 200), "unknown": group(703, 100)},
        },
    },
    "phone": {
        "images": 2298,
        "patients": 1373,
        "malignancy_auc": figure(0.8),
        "operating_points": {
            "signs": {"threshold": 0.4, "sensitivity": figure(0.78), "specificity": figure(0.6)},
            "unsure": {"threshold": 0.03, "sensitivity": figure(0.93), "specificity": figure(0.4)},
        },
        "outcomes": {"cancer": ends(0.78, 0.15, 0.07), "harmless": ends(0.4, 0.2, 0.4)},
        "groups": {"sex": {"female": group(2298, 1149)}},
        "skin_types": {
            "1-2": {"images": 1200, "malignancy_auc": figure(0.81)},
            "3-4": {"images": 300, "malignancy_auc": figure(0.78)},
            "5-6": {"images": 12, "malignancy_auc": None},
        },
    },
}


FEW_TESTED: Final[Mapping[str, Any]] = METRICS | {
    "test": METRICS["test"]
    | {
        "images": 262,
        "outcomes": {"cancer": ends(0.82, 0.163, 3 / 177), "harmless": ends(0.22, 0.64, 12 / 85)},
        "groups": {"sex": {"male": group(262, 177)}},
    },
}
"""Of 177 cancers 3 got *no signs*, of 85 harmless spots 12: that 20 of 100 were cancer is no figure."""


def made_bundle() -> Bundle:
    """Makes the bundle of the made-up model, without files."""
    return Bundle(Path("nowhere"), parse_contract(CONTRACT), METRICS)


def made_prediction(malignancy: float, unfamiliarity: float = 1.0, phone: float = 0.0) -> Prediction:
    """Makes a prediction with a given malignancy; most of it melanoma, most of the rest mole."""
    shares = {"akiec": 0.1 * malignancy, "bcc": 0.2 * malignancy, "mel": 0.7 * malignancy}
    harmless = {"bkl": 0.2, "df": 0.05, "nv": 0.7, "vasc": 0.05}
    shares |= {dx: share * (1 - malignancy) for dx, share in harmless.items()}
    activation_map = np.zeros((6, 6), np.float32)
    activation_map[1, 4] = 1
    return Prediction(
        malignancy=malignancy,
        probabilities=tuple(shares[dx] for dx in CLASSES),
        diagnosis="mel" if malignancy > 0.5 else "nv",
        activation_map=activation_map,
        unfamiliarity=unfamiliarity,
        phone=phone,
        quality=Quality(sharpness=6.0, brightness=180.0, glare=0.0),
    )


class FixedPredictor:
    """Stands in for :class:`webapp.model.predictor.Predictor`: the same prediction for every photo.

    ``seen`` is the photo that it was asked about last, and the box.
    """

    seen: tuple[Image.Image, Box | None]

    def __init__(self, prediction: Prediction, bundle: Bundle | None = None) -> None:
        self.bundle = bundle or made_bundle()
        self.prediction = prediction

    def use_cores(self, cores: int) -> None:
        pass

    def predict(self, image: Image.Image, box: Box | None = None) -> Prediction:
        self.seen = image, box
        return self.prediction


def write_bundle(folder: Path, contract: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    """Writes a contract and its files, with the sizes and hashes that they have."""
    listed = {}
    for name, content in files.items():
        (folder / name).write_bytes(content)
        listed[name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (folder / "contract.json").write_text(json.dumps({**contract, "files": listed}))
