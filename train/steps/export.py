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
from train.network.half import round_to_half
from train.network.served import build_served_model
from train.steps.calibrate import load_choices
from train.steps.failures import ExportError
from train.steps.run_folder import CLASSIFIER
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
MOST_CHANGED: Final = 0.005
"""Share of validation photos whose verdict may be another one with 16-bit weights."""


def export(
    run: Path, bundle: Path, version: str, training_data: Sequence[str], half_for: Subset | None = None
) -> None:
    """Builds the served graph of a run and writes it with its contract.

    Args:
        run: A run's folder after ``fit`` and ``calibrate``.
        bundle: Folder for ``model.keras``, ``model.tflite`` and ``contract.json``.
        version: The bundle's version, as shown with every answer.
        training_data: What the network learned from, a sentence each, for the contract.
        half_for: Validation photos, for which 16-bit weights must be good enough: ``model.tflite`` has half
            the size, and is no slower. ``None`` keeps 32 bits.

    Raises:
        ExportError: 16-bit weights change the verdict on more than ``MOST_CHANGED`` of the photos.
    """
    classifier = keras.saving.load_model(run / CLASSIFIER, compile=False)
    choices, heads = load_choices(run)
    model = build_served_model(classifier, choices.size, choices.calibration, heads, choices.views)

    partial = bundle.with_name(f"partial-{bundle.name}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    model.save(partial / "model.keras")
    if half_for:
        round_to_half(model)
    model.export(partial / "model.tflite", format="litert", verbose=False, **(_half() if half_for else {}))

    contract = {
        "schema": 1,
        "name": "skin-cancer-detector",
        "version": version,
        "created": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "architecture": classifier.name.removeprefix("classifier_").replace("lite", "EfficientNet-Lite"),
        "licence": LICENCE,
        "training_data": list(training_data),
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
    if choices.limits:
        contract["prices"] = choices.limits
    if choices.kind_limits:
        contract["kind_limits"] = dataclasses.asdict(choices.kind_limits)
    if half_for:
        write_contract(partial, contract)
        found = agreement(partial, half_for)
        changed = found["verdicts_changed"]["value"]
        if changed > MOST_CHANGED:
            shutil.rmtree(partial)
            raise ExportError(f"16-bit weights change {changed:.1%} of the verdicts on validation")
        contract["half_precision"] = {"images": found["images"], "verdicts_changed": changed}
        model.save(partial / "model.keras")  # the rounded one, which computes what model.tflite computes
        contract["files"]["model.keras"] = describe(partial / "model.keras")
    write_contract(partial, contract)
    # What the health check will ask for: it needs the contract to open the bundle, and stands in it.
    contract["golden"] = {"probabilities": list(_golden_probabilities(load_bundle(partial)))}
    write_contract(partial, contract)
    shutil.rmtree(bundle, ignore_errors=True)
    os.replace(partial, bundle)


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
