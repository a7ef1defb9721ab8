"""The two ways to run the network: LiteRT serves, Keras is there to compare with and for own files.

Each imports its library only when it is chosen: TensorFlow alone would take the serving process
from about 80 to 700 MB and from 0.2 to 5 s until its first answer.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from webapp.model.bundle import BundleError
from webapp.model.contract import Contract


class Runtime(Protocol):
    """Runs the network on one image. Not safe to share between threads."""

    def run(self, pixels: np.ndarray) -> Mapping[str, np.ndarray]:
        """Runs the network.

        Args:
            pixels: ``uint8`` array of shape ``(1, size, size, 3)``, values 0–255.

        Returns:
            The outputs by their names, each with a batch axis of one.
        """


class LiteRtRuntime:
    """Runs the LiteRT export, on one thread: the app's threads already keep the cores busy."""

    def __init__(self, file: Path, contract: Contract) -> None:
        from ai_edge_litert.interpreter import Interpreter

        try:
            # The raw output details come in scrambled order; the signature has the names.
            self._signature = Interpreter(model_path=str(file), num_threads=1).get_signature_runner()
        except ValueError as error:
            raise BundleError(f"LiteRT cannot open {file}: {error}") from error
        inputs = {
            name: (tuple(map(int, details["shape"])), np.dtype(details["dtype"]).name)
            for name, details in self._signature.get_input_details().items()
        }
        _check_inputs(file, contract, inputs)
        _check_outputs(file, contract, self._signature.get_output_details())
        self._input_name = contract.input.name

    def run(self, pixels: np.ndarray) -> Mapping[str, np.ndarray]:
        outputs: Mapping[str, np.ndarray] = self._signature(**{self._input_name: pixels})
        return outputs


class KerasRuntime:
    """Runs the saved Keras model through TensorFlow."""

    def __init__(self, file: Path, contract: Contract) -> None:
        model = load_keras_model(file)
        inputs = {tensor.name: ((1, *tensor.shape[1:]), tensor.dtype) for tensor in model.inputs or ()}
        _check_inputs(file, contract, inputs)
        self._call = compiled(model, contract.input.size, contract.input.dtype)
        outputs = self._call.get_concrete_function().structured_outputs
        _check_outputs(file, contract, outputs if isinstance(outputs, dict) else ())

    def run(self, pixels: np.ndarray) -> Mapping[str, np.ndarray]:
        return {name: tensor.numpy() for name, tensor in self._call(pixels).items()}


def load_keras_model(file: Path) -> Any:
    """Loads a ``.keras`` or ``.h5`` file.

    Raises:
        BundleError: Keras cannot load it.
    """
    import keras

    try:
        return keras.saving.load_model(file, compile=False)
    except Exception as error:  # Keras raises whatever the file provokes, in many lines
        raise BundleError(f"Keras cannot load {file}: {str(error).strip().partition(chr(10))[0]}") from error


def compiled(model: Any, size: int, dtype: str) -> Any:
    """Compiles a Keras model for one image of ``size`` pixels: ``model.predict`` takes five times as long."""
    import tensorflow as tf

    signature = [tf.TensorSpec((1, size, size, 3), dtype)]
    return tf.function(lambda pixels: model(pixels, training=False), input_signature=signature)


def _check_inputs(file: Path, contract: Contract, inputs: Mapping[str, tuple[tuple[int, ...], str]]) -> None:
    size, dtype = contract.input.size, contract.input.dtype
    expected = {contract.input.name: ((1, size, size, 3), dtype)}
    if inputs != expected:
        raise BundleError(f"{file} takes {inputs} as input, but its contract says {expected}.")


def _check_outputs(file: Path, contract: Contract, outputs: Iterable[str]) -> None:
    promised = {name for name in dataclasses.astuple(contract.outputs) if name is not None}
    if promised - set(outputs):
        raise BundleError(
            f"{file} has the outputs {list(outputs)}, but its contract says {sorted(map(str, promised))}."
        )
