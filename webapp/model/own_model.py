"""A person's own Keras file (``FLASK_MODEL_PATH``), with a contract or, like the origin's, without one."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from webapp.model.bundle import Bundle, BundleError, load_bundle
from webapp.model.contract import (
    Contract,
    Gate,
    ModelFile,
    ModelInput,
    ModelOutputs,
    Thresholds,
    same_for_all,
)
from webapp.model.runtimes import KerasRuntime, Runtime, compiled, load_keras_model

_SIGMOID: Final = "sigmoid"  # what the single output is called between here and the predictor


def open_own_model(file: Path) -> tuple[Bundle, Runtime]:
    """Opens a Keras file: as the contract beside it says, or as a network with one sigmoid output.

    Args:
        file: A ``.keras`` or ``.h5`` file. Its contract is ``<stem>.contract.json`` or
            ``contract.json`` in the same folder.

    Raises:
        BundleError: The file cannot be loaded, or there is neither a contract nor one sigmoid output.
    """
    if not file.is_file():
        raise BundleError(f"{file} is missing. FLASK_MODEL_PATH must name a file that is there.")
    for contract_name in (f"{file.stem}.contract.json", "contract.json"):
        if (file.parent / contract_name).is_file():
            bundle = load_bundle(file.parent, contract_name)
            return bundle, KerasRuntime(bundle.file(file.name), bundle.contract)
    model = load_keras_model(file)
    size = _input_size(file, model)
    return Bundle(file.parent, _bare_contract(file, model, size), None, False), SigmoidRuntime(model, size)


class SigmoidRuntime:
    """Runs a Keras network like the origin's: pixels scaled to 0–1, one sigmoid output."""

    def __init__(self, model: Any, size: int) -> None:
        self._call = compiled(model, size, "float32")

    def run(self, pixels: np.ndarray) -> Mapping[str, np.ndarray]:
        return {_SIGMOID: self._call(pixels.astype(np.float32) / 255).numpy()}


def _input_size(file: Path, model: Any) -> int:
    inputs: Sequence[Any] = model.inputs or ()  # None where a model was never built
    outputs: Sequence[Any] = model.outputs or ()
    if len(inputs) == 1 and len(outputs) == 1 and len(inputs[0].shape) == 4:
        _, height, width, channels = inputs[0].shape
        activation = getattr(model.layers[-1], "activation", None)
        sigmoid = outputs[0].shape[1:] == (1,) and getattr(activation, "__name__", "") == "sigmoid"
        if sigmoid and isinstance(height, int) and height == width and channels == 3:
            return height
    raise BundleError(
        f"{file} has no contract beside it, and is no network with one square RGB input and one sigmoid "
        f"output. Put a {file.stem}.contract.json beside it that says how to read it."
    )


def _bare_contract(file: Path, model: Any, size: int) -> Contract:
    content = file.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    return Contract(
        name=file.name,
        version=f"{file.name} {sha256[:12]}",
        created="",
        architecture=model.name,
        licence="",
        training_data=(),
        intended_use="",
        files={file.name: ModelFile(sha256, len(content))},
        input=ModelInput(model.inputs[0].name, size, "float32", (0, 1), "RGB"),
        outputs=ModelOutputs(_SIGMOID),
        classes=(),
        temperature=1,
        training_prior=(),
        natural_prior=(),
        decision_weights=(),
        # The origin's script asks whether the output is above 0.5, so nothing is ever "unsure".
        thresholds=same_for_all(Thresholds(signs=0.5, unsure=0.5)),
        gate=Gate(),
    )
