"""Turns a calibrated run into the bundle that the web app serves."""

import dataclasses
import datetime
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import keras

from train.datasets.dataset import Subset
from train.evaluation.agreement import agreement
from train.network.eight_bit import to_eight_bits
from train.network.half import round_to_half
from train.network.served import build_served_model
from train.steps.calibrate import load_choices
from train.steps.cross_fit import unseen_by
from train.steps.failures import ExportError
from train.steps.run_folder import CLASSIFIER, UNSEEN
from webapp.model.bundle import Bundle, load_bundle
from webapp.model.contract import DetailOffsets
from webapp.model.golden import golden_picture
from webapp.model.labels import CLASSES
from webapp.model.predictor import Predictor
from webapp.model.runtimes import LiteRtRuntime

INTENDED_USE: Final = (
    "Second look at a photo of one skin spot, for information. Not a diagnosis, not a medical device."
)
LICENCE: Final = "CC BY-NC 4.0"
MOST_CHANGED: Final = {
    "verdicts_changed": {16: 0.005, 8: 0.01},
    "malignancy_auc_change": {16: 0.002, 8: 0.002},
    "balanced_accuracy_change": {16: 0.005, 8: 0.005},
}
"""What rounding weights to so many bits may change on validation photos: the share of them with another
verdict, and both figures, up or down."""


def export(
    run: Path,
    bundle: Path,
    version: str,
    training_data: Sequence[str],
    bits: int = 32,
    measured_on: Subset | None = None,
) -> None:
    """Builds the served graph of a run and writes it with its contract.

    Args:
        run: A run's folder after ``fit`` and ``calibrate``.
        bundle: Folder for ``model.keras``, ``model.tflite`` and ``contract.json``.
        version: The bundle's version, as shown with every answer.
        training_data: What the network learned from, a sentence each, for the contract.
        bits: Of the weights in ``model.tflite``. 16: floats of half the size, and ``model.keras`` computes
            with the same. 8: most convolutions compute with integers, in half the time
            (:mod:`train.network.eight_bit`); ``model.keras`` keeps its floats. 32: nothing is rounded.
        measured_on: Validation photos with diagnoses, which say whether fewer than 32 bits are good enough.

    Raises:
        ExportError: The rounding changes more on these photos than ``MOST_CHANGED`` allows.
        ValueError: Fewer than 32 bits, and nothing to measure that on.
    """
    if bits < 32 and measured_on is None:
        raise ValueError(f"{bits} bits without photos to measure that on")
    classifier = keras.saving.load_model(run / CLASSIFIER, compile=False)
    choices, heads = load_choices(run)
    model = build_served_model(classifier, choices.size, choices.calibration, heads, choices.views)

    partial = bundle.with_name(f"partial-{bundle.name}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    model.save(partial / "model.keras")
    if bits == 16:
        round_to_half(model)
    served = partial / "model.tflite"
    model.export(served, format="litert", verbose=False, **(_half() if bits == 16 else {}))
    if bits == 8:
        to_eight_bits(served)

    contract = {
        "schema": 1,
        "name": "skin-cancer-detector",
        "version": version,
        "created": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "architecture": classifier.name.removeprefix("classifier_").replace("lite", "EfficientNet-Lite"),
        "licence": LICENCE,
        "training_data": list(training_data),
        UNSEEN: unseen_by(run),
        "intended_use": INTENDED_USE,
        "files": {name: describe(partial / name) for name in ("model.keras", "model.tflite")},
        "input": {
            "name": "image",
            "size": choices.size,
            "dtype": "uint8",
            "range": [0, 255],
            "channels": "RGB",
            "corrects_exposure": True,
        },
        "outputs": {name: name for name in model.output},
        "views": choices.views,
        "classes": list(CLASSES),
        "temperature": choices.calibration.temperature,
        "training_prior": list(choices.calibration.training_prior),
        "natural_prior": list(choices.calibration.natural_prior),
        "decision_weights": list(choices.decision_weights),
        "thresholds": {kind: dataclasses.asdict(found) for kind, found in choices.thresholds.items()},
        "gate": dataclasses.asdict(choices.gate),
    }
    if choices.details:
        contract["details"] = {kind: _details(found) for kind, found in choices.details.items()}
    if choices.malignancy_log_odds:
        contract["malignancy_log_odds"] = dict(choices.malignancy_log_odds)
    if choices.limits:
        contract["prices"] = choices.limits
    if choices.kind_limits:
        contract["kind_limits"] = dataclasses.asdict(choices.kind_limits)
    if bits < 32 and measured_on:
        write_contract(partial, contract)
        contract["rounding"] = {"bits": bits, **_price_of_rounding(partial, bits, measured_on)}
        if bits == 16:
            model.save(partial / "model.keras")  # the rounded one, which computes what model.tflite computes
            contract["files"]["model.keras"] = describe(partial / "model.keras")
    write_contract(partial, contract)
    # What the health check will ask for: it needs the contract to open the bundle, and stands in it.
    contract["golden"] = {"probabilities": list(_golden_probabilities(load_bundle(partial)))}
    write_contract(partial, contract)
    shutil.rmtree(bundle, ignore_errors=True)
    os.replace(partial, bundle)


def _price_of_rounding(bundle: Path, bits: int, subset: Subset) -> dict[str, Any]:
    """Returns what the LiteRT file answers otherwise than the Keras model, for the contract.

    Raises:
        ExportError: It is too much.
    """
    found = agreement(bundle, subset)
    price = {name: found[name] for name in (*MOST_CHANGED, "mean_malignancy_change")}
    price["verdicts_changed"] = found["verdicts_changed"]["value"]
    for name, most in MOST_CHANGED.items():
        if abs(price[name]) > most[bits]:
            shutil.rmtree(bundle)
            raise ExportError(f"{bits}-bit weights: {name} is {price[name]:.4f} on validation")
    return {"images": found["images"], **price}


def _details(offsets: DetailOffsets) -> dict[str, Any]:
    """Returns a kind's entry in the contract; the app reads it back with
    :func:`webapp.model.contract.parse_contract`."""
    return {
        "age": {"knots": list(offsets.age_knots), "offsets": [list(row) for row in offsets.age_offsets]},
        "sex": {name: list(row) for name, row in offsets.sex.items()},
        "site": {name: list(row) for name, row in offsets.site.items()},
    }


def _half() -> dict[str, Any]:
    """Returns what tells the LiteRT converter to keep weights as 16-bit floats; it computes with 32."""
    import tensorflow as tf

    return {
        "optimizations": [tf.lite.Optimize.DEFAULT],
        "target_spec": {"supported_types": [tf.float16]},
    }


def _golden_probabilities(bundle: Bundle) -> tuple[float, ...]:
    runtime = LiteRtRuntime(bundle.file("model.tflite"), bundle.contract)
    probabilities = Predictor(bundle, [runtime]).predict(golden_picture()).probabilities
    assert probabilities is not None
    return probabilities


def describe(file: Path) -> dict[str, Any]:
    """Returns a file's entry in the contract: its SHA-256 and its size in bytes."""
    data = file.read_bytes()
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def write_contract(bundle: Path, contract: dict[str, Any]) -> None:
    """Writes the contract of a bundle."""
    (bundle / "contract.json").write_text(json.dumps(contract, indent=2) + "\n", encoding="utf-8")


def add_file(bundle: Path, name: str) -> None:
    """Enters a file of the bundle that was written after the export, such as the metrics."""
    contract = json.loads((bundle / "contract.json").read_text(encoding="utf-8"))
    contract["files"][name] = describe(bundle / name)
    write_contract(bundle, contract)
