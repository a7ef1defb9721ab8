"""Measures a bundle once on the test parts and writes its ``metrics.json``.

Every photo goes the way that a visitor's photo goes: file, :mod:`webapp.imaging`, the bundle's
LiteRT file. Nothing is chosen here.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from tqdm import tqdm

from train.dataset import Record, Subset, true_centre_square
from train.export import add_file
from train.fit import CLASSIFIER, inputs
from train.metrics import (
    METRICS,
    RESAMPLES,
    Scored,
    binary_figures,
    calibration_figures,
    class_figures,
    confusion_counts,
    half_threshold_figures,
    operating_figures,
    per_class_figures,
    reliability_bins,
    roc_points,
    rounded,
    score,
    with_intervals,
)
from train.models import SEED_CNN_SIZE
from webapp.bundle import Bundle, load_bundle
from webapp.labels import CLASSES
from webapp.predictor import Predictor
from webapp.runtimes import LiteRtRuntime

# PAD's own definition counts actinic keratosis as harmless; ours counts it as cancer.
PAD_HARMLESS_KERATOSIS: Final = "ACK"
WRITE_UP_ACCURACY: Final = 0.7079  # the origin's claim, on a split by image


@dataclass(frozen=True)
class Answers:
    """A network's answers for the photos of some records, row by row."""

    records: tuple[Record, ...]
    probabilities: np.ndarray
    """``(count, 7)``, calibrated."""
    unfamiliarity: np.ndarray
    """``(count,)``; NaN where the bundle has no such score."""


def predict(predictor: Predictor, subset: Subset) -> Answers:
    """Runs photos through a predictor, those of squashed collections in their true aspect."""
    probabilities, unfamiliarity = [], []
    for record, image in tqdm(subset.images(), subset.collection.name, len(subset.records), disable=None):
        box = true_centre_square(image.width, image.height, record.aspect)
        prediction = predictor.predict(image, box)
        probabilities.append(prediction.probabilities)
        unfamiliarity.append(np.nan if prediction.unfamiliarity is None else prediction.unfamiliarity)
    return Answers(subset.records, np.array(probabilities, np.float64), np.array(unfamiliarity))


def dermoscopy_metrics(answers: Answers, bundle: Bundle, resamples: int = RESAMPLES) -> dict[str, Any]:
    """Returns every figure of a dermoscopy test set with seven classes."""
    contract = bundle.contract
    truth = np.array([CLASSES.index(str(record.dx)) for record in answers.records])
    lesions = [record.lesion_id for record in answers.records]
    scored = score(answers.probabilities, truth, lesions, np.array(contract.decision_weights))
    per_class = with_intervals(scored, per_class_figures, resamples)
    counts = Counter(record.dx for record in answers.records)
    return {
        "images": len(scored),
        "lesions": len(set(lesions)),
        **with_intervals(scored, class_figures, resamples),
        **with_intervals(scored, calibration_figures, resamples),
        "binary": with_intervals(scored, half_threshold_figures, resamples),
        "per_class": {
            dx: {
                "images": counts[dx],
                "recall": per_class[f"{dx}/recall"],
                "precision": per_class[f"{dx}/precision"],
            }
            for dx in CLASSES
        },
        "operating_points": _operating_points(scored, bundle, resamples),
        "confusion": confusion_counts(scored),
        "roc": roc_points(scored),
        "calibration": {"bins": reliability_bins(scored)},
    }


def phone_metrics(answers: Answers, bundle: Bundle, resamples: int = RESAMPLES) -> dict[str, Any]:
    """Returns the figures of PAD-UFES-20's test patients: both definitions of cancer, and by skin type."""
    records = answers.records
    malignancy = answers.probabilities[:, [CLASSES.index(dx) for dx in ("akiec", "bcc", "mel")]].sum(axis=1)
    scored = Scored(
        malignant=np.array([record.malignant for record in records]),
        malignancy=malignancy,
        groups=np.array([record.patient_id for record in records]),
    )
    own = Scored(
        malignant=scored.malignant & np.array([r.dx_original != PAD_HARMLESS_KERATOSIS for r in records]),
        malignancy=malignancy,
        groups=scored.groups,
    )
    figures: dict[str, Any] = {
        "images": len(records),
        "patients": len(set(scored.groups)),
        **with_intervals(scored, binary_figures, resamples),
        "pad_definition": with_intervals(own, binary_figures, resamples),
        "operating_points": _operating_points(scored, bundle, resamples),
        "skin_types": {},
    }
    for name, types in {"1-2": ("1.0", "2.0"), "3-4": ("3.0", "4.0"), "5-6": ("5.0", "6.0")}.items():
        part = scored.take(np.array([record.skin_type in types for record in records]))
        figures["skin_types"][name] = {
            "images": len(part),
            # Fewer than ten on one side give no figure worth printing.
            **(
                with_intervals(part, binary_figures, resamples) if _enough(part) else {"malignancy_auc": None}
            ),
        }
    return figures


def _enough(scored: Scored) -> bool:
    return bool(min(scored.malignant.sum(), (~scored.malignant).sum()) >= 10)


def _operating_points(scored: Scored, bundle: Bundle, resamples: int) -> dict[str, Any]:
    thresholds = bundle.contract.thresholds
    return {
        name: {
            "threshold": threshold,
            **with_intervals(scored, operating_figures(threshold), resamples),
        }
        for name, threshold in (("signs", thresholds.signs), ("unsure", thresholds.unsure))
    }


def accepted(answers: Answers, bundle: Bundle) -> dict[str, Any]:
    """Returns how many photos pass the unfamiliarity limit, with a Wilson interval (1927)."""
    limit = bundle.contract.gate.unfamiliarity
    if limit is None:
        raise ValueError("the bundle has no unfamiliarity limit")
    n, k = len(answers.records), int((answers.unfamiliarity <= limit).sum())
    z, p = 1.96, k / n
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return {
        "images": n,
        "accepted": {
            "value": p,
            "low": float((middle - half) / scale),
            "high": float((middle + half) / scale),
        },
    }


def binary_baseline(
    malignancy: np.ndarray, records: Sequence[Record], resamples: int = RESAMPLES
) -> dict[str, Any]:
    """Returns loss, accuracy, balanced accuracy and AUC of a network that only says cancer or not.

    Args:
        malignancy: ``(count,)``, 0–1; 0.5 and more means cancer.
        records: The photos.
    """
    scored = Scored(
        malignant=np.array([record.malignant for record in records]),
        malignancy=malignancy,
        groups=np.array([record.lesion_id for record in records]),
    )
    return with_intervals(scored, half_threshold_figures, resamples)


def measure(
    bundle: Path,
    *,
    test: Subset,
    phone: Subset | None = None,
    natural: Subset | None = None,
    isic2018: Subset | None = None,
    baseline_run: Path | None = None,
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """Measures a bundle on every test set that is given.

    Args:
        bundle: The bundle's folder.
        test: HAM10000's test part.
        phone: PAD-UFES-20's test patients.
        natural: Everyday photos that chose nothing.
        isic2018: Another dermoscopy set with the seven classes.
        baseline_run: A finished run of the origin's CNN.
        resamples: How often the bootstrap draws.

    Returns:
        The tree of ``metrics.json``.
    """
    loaded = load_bundle(bundle)
    predictor = Predictor(loaded, [LiteRtRuntime(loaded.file("model.tflite"), loaded.contract)])
    answers = predict(predictor, test)
    metrics: dict[str, Any] = {
        "model_version": loaded.contract.version,
        "test": dermoscopy_metrics(answers, loaded, resamples),
        "gate": {"dermoscopy": accepted(answers, loaded)},
        "baselines": {
            "write_up": {"accuracy": {"value": WRITE_UP_ACCURACY}},
            "always_benign": binary_baseline(np.zeros(len(test.records)), test.records, resamples),
        },
    }
    if phone:
        answers = predict(predictor, phone)
        metrics["phone"] = phone_metrics(answers, loaded, resamples)
        metrics["gate"]["phone"] = accepted(answers, loaded)
    if natural:
        metrics["gate"]["natural"] = accepted(predict(predictor, natural), loaded)
    if isic2018:
        metrics["isic2018"] = dermoscopy_metrics(predict(predictor, isic2018), loaded, resamples)
    if baseline_run:
        malignancy = predict_seed_cnn(baseline_run, test)
        metrics["baselines"]["seed_cnn"] = binary_baseline(malignancy, test.records, resamples)
    return metrics


def predict_seed_cnn(run: Path, subset: Subset) -> np.ndarray:
    """Returns the origin's CNN's probability of cancer, ``(count,)``, from its ``.keras`` and ``.h5`` alike.

    Raises:
        ValueError: The two saved files do not give the same answers.
    """
    import keras

    pixels = inputs(subset, SEED_CNN_SIZE) / np.float32(255)
    first, second = (
        keras.saving.load_model(run / name, compile=False).predict(pixels, 64, verbose=0)[:, 0]
        for name in (CLASSIFIER, "classifier.h5")
    )
    if np.abs(first - second).max() > 1e-6:
        raise ValueError(f"{run}: {CLASSIFIER} and classifier.h5 disagree")
    return np.asarray(first)


def write_metrics(bundle: Path, metrics: dict[str, Any]) -> None:
    """Writes ``metrics.json`` into a bundle and enters it in the contract."""
    text = json.dumps(rounded(metrics), indent=1) + "\n"
    (bundle / METRICS).write_text(text, encoding="utf-8")
    add_file(bundle, METRICS)
