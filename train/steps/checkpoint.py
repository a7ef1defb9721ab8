"""Networks on disk, of which an interruption leaves the last one whole."""

import os
from pathlib import Path
from typing import Final

import keras

CHECKPOINT: Final = "checkpoint.keras"


def save_network(model: keras.Model, path: Path) -> None:
    """Writes beside the target and renames: a kill in the middle leaves the last checkpoint whole."""
    partial = path.with_name(f"partial-{path.name}")
    model.save(partial)
    os.replace(partial, path)


def restore(model: keras.Model, checkpoint: Path) -> None:
    """Loads weights and the optimizer's state (moments, averages, step) into a compiled model.

    A model from ``load_model`` would lack what Keras does not save, such as the variables that
    weight decay leaves out.
    """
    model.optimizer.build(model.trainable_variables)
    model.load_weights(checkpoint)
