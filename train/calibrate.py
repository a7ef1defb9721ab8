"""Chooses on validation everything that stands between logits and an answer.

Temperature, decision weights, thresholds and the limit of the unfamiliarity score: all of it is
written to the run's ``calibration.json`` and its ``familiarity.npz``; :mod:`train.export` puts
them into the bundle. The test parts are not opened here.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from scipy.optimize import minimize_scalar

from train.dataset import Subset
from train.familiarity import Familiarity, fit_familiarity
from train.fit import CLASSIFIER, inputs, training_prior
from train.metrics import binary_figures, mean_recall_of, score, threshold_for_sensitivity
from train.served import Calibration, build_served_model
from webapp.labels import CLASSES

CALIBRATION: Final = "calibration.json"
FAMILIARITY: Final = "familiarity.npz"

SIGNS_SENSITIVITY: Final = 0.95
# What is left below this ends in "no signs": at most 3 % of the cancers may, so aim a little under it.
UNSURE_SENSITIVITY: Final = 0.98
# Training photos that the familiarity model is fitted to: its 128 directions need no more, and four views
# of all 7,011 take four minutes.
FAMILIAR_PHOTOS: Final = 2500
# Shares of validation photos that the unfamiliarity limit must accept.
ACCEPT_DERMOSCOPY: Final = 0.99
ACCEPT_PHONE: Final = 0.97


@dataclass(frozen=True)
class Choices:
    """What validation chose, and what the network is to be exported with."""

    size: int
    views: int
    calibration: Calibration
    decision_weights: tuple[float, ...]
    signs: float
    unsure: float
    unfamiliarity: float | None
    figures: dict[str, float]


@dataclass(frozen=True)
class PhotoSets:
    """Photos outside HAM10000 that the limit of the unfamiliarity score needs, all optional."""

    phone_train: Subset | None = None
    phone_val: Subset | None = None
    natural: Subset | None = None


def calibrate(
    run: Path,
    train: Subset,
    val: Subset,
    balance: float,
    size: int,
    views: int,
    others: PhotoSets = PhotoSets(),
) -> Choices:
    """Fits calibration and chooses thresholds for a finished run.

    Args:
        run: The run's folder, with its finished network.
        train: HAM10000's training part: priors, and what counts as familiar.
        val: Its validation part: everything that is chosen.
        balance: The recipe's class balance, which decides the training prior.
        size: Side of the served input in pixels.
        views: 1, 2 or 4 averaged flips.
        others: Phone photos and everyday photos for the unfamiliarity score.

    Returns:
        The choices, which are also written to the run's folder.
    """
    classifier = keras.saving.load_model(run / CLASSIFIER, compile=False)
    flat = tuple(np.full(len(CLASSES), 1 / len(CLASSES)))
    raw = build_served_model(classifier, size, Calibration(1.0, flat, flat), None, views)

    val_outputs = raw.predict(inputs(val, size), 32, verbose=0)
    logits = np.log(val_outputs["probabilities"].astype(np.float64) + 1e-12)
    counts = np.bincount(train.classes, minlength=len(CLASSES))
    calibration = _fit_temperature(
        logits, val.classes, tuple(training_prior(train, balance)), tuple(counts / counts.sum())
    )
    probabilities = calibration.probabilities(logits)
    weights = _decision_weights(probabilities, val.classes, np.array(calibration.natural_prior))
    scored = score(probabilities, val.classes, [r.lesion_id for r in val.records], weights)

    familiarity, limit, gate_figures = _fit_gate(raw, train, size, val_outputs["embedding"], others)
    np.savez(run / FAMILIARITY, **dataclasses.asdict(familiarity))
    choices = Choices(
        size=size,
        views=views,
        calibration=calibration,
        decision_weights=tuple(weights / weights.mean()),
        signs=threshold_for_sensitivity(scored, SIGNS_SENSITIVITY),
        unsure=threshold_for_sensitivity(scored, UNSURE_SENSITIVITY),
        unfamiliarity=limit,
        figures={
            "val_balanced_accuracy": mean_recall_of(scored, weights),
            "val_malignancy_auc": binary_figures(scored)["malignancy_auc"],
            **gate_figures,
        },
    )
    (run / CALIBRATION).write_text(json.dumps(dataclasses.asdict(choices), indent=2) + "\n", encoding="utf-8")
    return choices


def load_choices(run: Path) -> tuple[Choices, Familiarity]:
    """Reads what :func:`calibrate` wrote."""
    tree: dict[str, Any] = json.loads((run / CALIBRATION).read_text(encoding="utf-8"))
    tree["calibration"] = Calibration(**{k: _tuple(v) for k, v in tree["calibration"].items()})
    with np.load(run / FAMILIARITY) as arrays:
        familiarity = Familiarity(**arrays)
    return Choices(**{key: _tuple(value) for key, value in tree.items()}), familiarity


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _fit_temperature(
    logits: np.ndarray, truth: np.ndarray, training: tuple[float, ...], natural: tuple[float, ...]
) -> Calibration:
    def loss(log_temperature: float) -> float:
        calibration = Calibration(float(np.exp(log_temperature)), training, natural)
        chosen = calibration.probabilities(logits)[np.arange(len(truth)), truth]
        return float(-np.log(chosen + 1e-12).mean())

    found = minimize_scalar(loss, bounds=(np.log(0.1), np.log(10)), method="bounded")
    return Calibration(float(np.exp(found.x)), training, natural)


def _decision_weights(probabilities: np.ndarray, truth: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Returns prior ** -power with the power (0 to 1.2 by tenths) that is best on validation."""
    groups = np.zeros(len(truth), str)
    powers = np.arange(0, 13) / 10
    scored = score(probabilities, truth, list(groups), np.ones(len(prior)))
    best = max(powers, key=lambda power: mean_recall_of(scored, prior**-power))
    return np.asarray(prior**-best)


def _fit_gate(
    raw: keras.Model, train: Subset, size: int, val_embeddings: np.ndarray, others: PhotoSets
) -> tuple[Familiarity, float, dict[str, float]]:
    def embed(subset: Subset) -> np.ndarray:
        embeddings: np.ndarray = raw.predict(inputs(subset, size), 32, verbose=0)["embedding"]
        return embeddings

    familiar = Subset(train.collection, train.records[:: -(-len(train.records) // FAMILIAR_PHOTOS)])
    embeddings, labels = embed(familiar), familiar.classes
    if others.phone_train:
        phone = embed(others.phone_train)
        embeddings = np.concatenate([embeddings, phone])
        labels = np.concatenate([labels, np.full(len(phone), len(CLASSES))])
    familiarity = fit_familiarity(embeddings, labels)
    val_scores = familiarity.score(val_embeddings)
    limit = float(np.quantile(val_scores, ACCEPT_DERMOSCOPY))
    figures = {}
    if others.phone_val:
        phone_scores = familiarity.score(embed(others.phone_val))
        limit = max(limit, float(np.quantile(phone_scores, ACCEPT_PHONE)))
        figures["val_accepts_phone"] = float((phone_scores <= limit).mean())
    figures["val_accepts_dermoscopy"] = float((val_scores <= limit).mean())
    if others.natural:
        refused = familiarity.score(embed(others.natural)) > limit
        figures["val_refuses_natural"] = float(refused.mean())
    return familiarity, limit, figures
