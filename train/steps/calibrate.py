"""Chooses on validation everything that stands between logits and an answer.

Temperature, decision weights, thresholds for each kind of photo, the heads and the limits of what may be
judged: all of it is written to the run's ``calibration.json`` and ``heads.npz``; :mod:`train.steps.export`
puts them into the bundle. The test parts are not opened here.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from scipy.optimize import minimize_scalar

from train.datasets.dataset import Subset, true_centre_square
from train.evaluation.metrics import Scored, binary_figures, mean_recall_of, score, threshold_for_sensitivity
from train.network.served import Calibration, Heads, build_served_model, load_heads, save_heads
from train.steps.fit_heads import PhotoSets, fit_heads, plain_views
from train.steps.run_folder import CLASSIFIER
from train.steps.training_set import training_prior
from webapp.model.contract import Gate, KindLimits, PhotoKind, Thresholds
from webapp.model.labels import CLASSES
from webapp.photo.imaging import model_input
from webapp.photo.quality import measure_quality

CALIBRATION: Final = "calibration.json"
HEADS: Final = "heads.npz"

SIGNS_SENSITIVITY: Final = 0.95
# What is left below this ends in "no signs": at most 3 % of the cancers may, so aim a little under it, and
# lower still where as many harmless spots as this are spared all the same: at least 60 % must be.
UNSURE_SENSITIVITY: Final = 0.975
SPARED: Final = 0.63
NO_OTHERS: Final = PhotoSets()
KIND_LIMITS: Final = KindLimits(dermatoscope=0.1, phone=0.9)
# Limits of quality leave room beyond the worst validation photo: those of HAM10000 were picked by doctors.
# Blurring by 2 of 192 pixels costs .02 of malignancy AUC, and 98 % of such photos lie below this.
SHARPNESS_ROOM: Final = 0.85
BRIGHTNESS_ROOM: Final = 0.6
GLARE: Final = 0.15  # none in HAM10000, at most 0.06 in phone photos


@dataclass(frozen=True)
class Choices:
    """What validation chose, and what the network is to be exported with."""

    size: int
    views: int
    calibration: Calibration
    decision_weights: tuple[float, ...]
    thresholds: dict[PhotoKind, Thresholds]
    kind_limits: KindLimits | None
    gate: Gate
    figures: dict[str, float]


def calibrate(
    run: Path,
    train: Subset,
    val: Subset,
    balance: float,
    size: int,
    views: int,
    others: PhotoSets = NO_OTHERS,
) -> Choices:
    """Fits calibration and heads and chooses thresholds for a finished run.

    Args:
        run: The run's folder, with its finished network.
        train: HAM10000's training part: priors, and what counts as familiar.
        val: Its validation part: everything that is chosen.
        balance: The recipe's class balance, which decides the training prior.
        size: Side of the served input in pixels.
        views: How many of :data:`train.network.served.VIEWS` are averaged.
        others: Phone photos, everyday photos and masks for the heads.

    Returns:
        The choices, which are also written to the run's folder.
    """
    classifier = keras.saving.load_model(run / CLASSIFIER, compile=False)
    flat = tuple(np.full(len(CLASSES), 1 / len(CLASSES)))
    raw = build_served_model(
        classifier, size, Calibration(1.0, flat, flat), Heads(), views, with_features=True
    )

    def network(pixels: np.ndarray) -> dict[str, np.ndarray]:
        outputs: dict[str, np.ndarray] = raw.predict(pixels, 32, verbose=0)
        return outputs

    def logits_of(subset: Subset) -> np.ndarray:
        probabilities = network(plain_views(subset, size))["probabilities"]
        return np.log(probabilities.astype(np.float64) + 1e-12)

    logits = logits_of(val)
    counts = np.bincount(train.classes, minlength=len(CLASSES))
    calibration = _fit_temperature(
        logits, val.classes, tuple(training_prior(train, balance)), tuple(counts / counts.sum())
    )
    probabilities = calibration.probabilities(logits)
    weights = _decision_weights(probabilities, val.classes, np.array(calibration.natural_prior))
    scored = score(probabilities, val.classes, [r.lesion_id for r in val.records], weights)
    figures = {
        "val_balanced_accuracy": mean_recall_of(scored, weights),
        "val_malignancy_auc": binary_figures(scored)["malignancy_auc"],
    }
    thresholds = dict.fromkeys(PhotoKind, _thresholds(scored))
    if others.phone_val:
        phone = score(
            calibration.probabilities(logits_of(others.phone_val)),
            others.phone_val.classes,
            [r.patient_id for r in others.phone_val.records],
            weights,
        )
        thresholds[PhotoKind.PHONE] = _thresholds(phone)
        figures["val_phone_auc"] = binary_figures(phone)["malignancy_auc"]

    heads, head_figures = fit_heads(network, train, val, size, others)
    save_heads(run / HEADS, heads)
    choices = Choices(
        size=size,
        views=views,
        calibration=calibration,
        decision_weights=tuple(weights / weights.mean()),
        thresholds=thresholds,
        kind_limits=KIND_LIMITS if heads.phone else None,
        gate=_gate([val, *([others.phone_val] if others.phone_val else [])], size),
        figures=figures | head_figures,
    )
    (run / CALIBRATION).write_text(json.dumps(dataclasses.asdict(choices), indent=2) + "\n", encoding="utf-8")
    return choices


def load_choices(run: Path) -> tuple[Choices, Heads]:
    """Reads what :func:`calibrate` wrote."""
    tree: dict[str, Any] = json.loads((run / CALIBRATION).read_text(encoding="utf-8"))
    tree["calibration"] = Calibration(**{k: _tuple(v) for k, v in tree["calibration"].items()})
    tree["thresholds"] = {PhotoKind(k): Thresholds(**v) for k, v in tree["thresholds"].items()}
    tree["kind_limits"] = tree["kind_limits"] and KindLimits(**tree["kind_limits"])
    tree["gate"] = Gate(**tree["gate"])
    return Choices(**{key: _tuple(value) for key, value in tree.items()}), load_heads(run / HEADS)


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _thresholds(scored: Scored) -> Thresholds:
    sparing = float(np.quantile(scored.malignancy[~scored.malignant], SPARED))
    return Thresholds(
        threshold_for_sensitivity(scored, SIGNS_SENSITIVITY),
        min(threshold_for_sensitivity(scored, UNSURE_SENSITIVITY), sparing),
    )


def _gate(familiar: list[Subset], size: int) -> Gate:
    """Returns the limits of quality; that of unfamiliarity is 1, because the score is in units of it."""
    measured = [
        measure_quality(
            model_input(image, size, true_centre_square(image.width, image.height, record.aspect))
        )
        for subset in familiar
        for record, image in subset.images()
    ]
    return Gate(
        unfamiliarity=1.0,
        sharpness=SHARPNESS_ROOM * min(quality.sharpness for quality in measured),
        brightness=BRIGHTNESS_ROOM * min(quality.brightness for quality in measured),
        glare=GLARE,
    )


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
