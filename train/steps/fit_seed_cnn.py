"""Trains the 3-layer CNN of the original write-up, as the write-up did it."""

from pathlib import Path

import keras
import numpy as np

from train.datasets.dataset import Subset
from train.network.models import build_seed_cnn
from train.network.names import SEED_CNN_SIZE
from train.steps.batches import inputs
from train.steps.checkpoint import CHECKPOINT, restore, save_network
from train.steps.recipe import Recipe
from train.steps.run_folder import CLASSIFIER, log_epoch, verbosity


def fit_seed_cnn(
    train: Subset,
    val: Subset,
    recipe: Recipe,
    run: Path,
    resume: bool,
    stop_after: int | None,
) -> Path:
    checkpoint = run / CHECKPOINT
    model = build_seed_cnn()
    model.compile(keras.optimizers.Adam(recipe.learning_rate), "binary_crossentropy", metrics=["accuracy"])
    if resume and checkpoint.is_file():
        restore(model, checkpoint)
    first = int(model.optimizer.iterations) // -(-len(train.records) // recipe.batch_size)
    pixels = inputs(train, SEED_CNN_SIZE)
    labels = np.array([record.malignant for record in train.records], np.float32)
    val_data = (
        inputs(val, SEED_CNN_SIZE) / np.float32(255),
        np.array([record.malignant for record in val.records], np.float32),
    )
    for epoch in range(first, recipe.epochs):
        order = np.random.default_rng((recipe.seed, epoch)).permutation(len(train.records))
        history = model.fit(
            pixels[order] / np.float32(255),
            labels[order],
            batch_size=recipe.batch_size,
            shuffle=False,
            initial_epoch=epoch,
            epochs=epoch + 1,
            validation_data=val_data,
            verbose=verbosity(),
        ).history
        save_network(model, checkpoint)
        log_epoch(run, {"epoch": epoch + 1} | {key: values[-1] for key, values in history.items()})
        if stop_after == epoch + 1:
            return checkpoint
    save_network(model, run / CLASSIFIER)
    model.save(run / "classifier.h5")
    return run / CLASSIFIER
