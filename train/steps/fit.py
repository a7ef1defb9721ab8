"""Trains a network: one folder a run, a checkpoint each epoch, and a resume that goes on exactly.

The default recipe takes about 50 minutes on two AVX-512 cores when nothing else runs on them. The shipped
network came out of several runs, each with ``--start`` from the one before: ``train/README.md`` has the last.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import keras
import numpy as np
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from train.datasets.dataset import Subset
from train.datasets.targets import read_targets
from train.network.backbone import freeze_stages
from train.network.models import build_classifier
from train.network.names import SEED_CNN
from train.network.served import load_classifier_weights
from train.steps.batches import AugmentedBatches, inputs, steps_per_epoch
from train.steps.checkpoint import CHECKPOINT, restore, save_network
from train.steps.cross_fit import unseen_after
from train.steps.failures import FitError
from train.steps.fit_seed_cnn import fit_seed_cnn
from train.steps.recipe import Recipe
from train.steps.run_folder import CLASSIFIER, log_epoch, prepare_run, verbosity
from train.steps.teacher import Teacher
from train.steps.training_set import load_training_set, training_prior
from webapp.model.labels import MALIGNANT_INDICES


def fit(
    train: Subset,
    val: Subset,
    recipe: Recipe,
    run: Path,
    *,
    phone: Subset | None = None,
    extra: Sequence[Subset] = (),
    resume: bool = False,
    start: Path | None = None,
    teachers: Sequence[Path] = (),
    targets: Path | None = None,
    pretrained: bool = True,
    stop_after: int | None = None,
    strategy: str = "single",
) -> Path:
    """Trains a network and leaves everything about it in the run's folder.

    Args:
        train: The images to learn from.
        val: The images to watch; they choose nothing here.
        recipe: How to train.
        run: Folder for ``run.json``, ``log.csv``, the checkpoint and the finished network.
        phone: Smartphone photos to learn from as well.
        extra: Photos of other collections, which need a teacher where they have no diagnosis.
        resume: Whether to go on from the run's checkpoint, if it has one.
        start: A finished network of the same kind, or a bundle that holds one, to start from.
        teachers: Bundles whose answers together make up ``recipe.teacher_share`` of the targets.
        targets: A file of answers that does so instead (:mod:`train.datasets.targets`).
        pretrained: Whether to start from ImageNet weights, where there is no ``start``.
        stop_after: Stop after this epoch (counted from 1), as an interruption would.
        strategy: ``single``, or ``mirrored`` to split each batch over all GPUs of this machine. How it
            was run is no part of the recipe: a run may go on with another strategy.

    Returns:
        The finished network's file: logits for the product's, with averaged weights.

    Raises:
        FitError: The folder already holds a run and ``resume`` is off, or holds one of another recipe; or
            the recipe has a share for a teacher or for extra photos and there are none, or the other way
            round.
    """
    _refuse_contradictions(recipe, extra, [*teachers, *([targets] if targets else [])], start, strategy)
    prepare_run(run, recipe, resume, unseen_after(recipe, start))
    keras.utils.set_random_seed(recipe.seed)
    if recipe.deterministic:
        import tensorflow

        tensorflow.config.experimental.enable_op_determinism()
    if recipe.model == SEED_CNN:
        return fit_seed_cnn(train, val, recipe, run, resume, stop_after)

    images = load_training_set(train, phone, recipe, extra, read_targets(targets) if targets else None)
    steps = steps_per_epoch(images.draws, recipe)
    checkpoint = run / CHECKPOINT
    resuming = resume and checkpoint.is_file()
    with devices(strategy):  # variables belong to where they are made: here or on every GPU
        model = build_classifier(
            recipe.model,
            pretrained=pretrained and not resuming,
            dropout=recipe.dropout,
            drop_connect=recipe.drop_connect,
        )
        if start and not resuming:
            load_start(model, start)
        freeze_stages(model, recipe.model, recipe.frozen_stages)
        # XLA is 8 times slower here.
        model.compile(_optimizer(recipe, steps), _loss(recipe), jit_compile=False)
        if resuming:
            restore(model, checkpoint)
    first = int(model.optimizer.iterations.value.numpy()) // steps

    learned = Teacher(teachers) if teachers else None
    val_inputs = inputs(val, recipe.validation_size)
    prior = training_prior(train, recipe.balance)
    for epoch in range(first, recipe.epochs):
        _reseed_dropout(model, recipe.seed, epoch)
        history = model.fit(
            AugmentedBatches(images, recipe, epoch, learned),
            shuffle=False,  # the epoch's own order is random already, and repeatable
            initial_epoch=epoch,
            epochs=epoch + 1,
            verbose=verbosity(),
        ).history
        row: dict[str, Any] = {
            "epoch": epoch + 1,
            "size": recipe.crop_size(epoch),
            "loss": history["loss"][-1],
        }
        if (epoch + 1) % recipe.validate_every == 0 or epoch + 1 == recipe.epochs:
            logits = model.predict(val_inputs, 64, verbose=0, callbacks=[keras.callbacks.SwapEMAWeights()])
            row |= validation_figures(logits, val, prior)
        # Only now: swapping the averages in and out has rounded the weights, and a resumed run must
        # go on from the very same ones.
        save_network(model, checkpoint)
        log_epoch(run, row)
        if stop_after == epoch + 1:
            return checkpoint

    model.optimizer.finalize_variable_values(model.trainable_variables)
    save_network(model, run / CLASSIFIER)
    return run / CLASSIFIER


def _refuse_contradictions(
    recipe: Recipe, extra: Sequence[Subset], teachers: Sequence[Path], start: Path | None, strategy: str
) -> None:
    if recipe.model == SEED_CNN and strategy != "single":
        # Its last batch is a partial one, which Keras 3.15 cannot split evenly; it takes minutes anyway.
        raise FitError(f"{SEED_CNN} trains on one device only: leave out --strategy {strategy}")
    ignored = (recipe.mixup, recipe.drop_connect, recipe.frozen_stages, extra, teachers, start)
    if recipe.model == SEED_CNN and any(ignored):
        raise FitError(
            f"{SEED_CNN} is trained as the write-up did it: leave out --mixup, --drop-connect, "
            "--frozen-stages, --extra, --teacher and --start"
        )
    if bool(teachers) != (recipe.teacher_share > 0):
        raise FitError("a teacher and a teacher share above 0 belong together")
    if bool(extra) != (recipe.extra_share > 0):
        raise FitError("extra photos and an extra share above 0 belong together")
    if not teachers and any(record.dx is None for subset in extra for record in subset.records):
        raise FitError("extra photos without a diagnosis need a teacher")


def load_start(model: keras.Model, start: Path) -> None:
    """Fills a network with the weights of a finished run's, or of the one that a bundle serves.

    Raises:
        FitError: The bundle serves another architecture.
    """
    if start.is_dir():
        try:
            load_classifier_weights(model, start)
        except ValueError as error:
            raise FitError(f"{start} holds no network of this kind: {error}") from error
    else:
        model.load_weights(start)


def devices(strategy: str) -> AbstractContextManager[Any]:
    """Returns the scope in which a network is built.

    Args:
        strategy: ``single`` or ``mirrored``. Not offered: several machines, because Keras 3's ``fit``
            does not work with ``MultiWorkerMirroredStrategy``.
    """
    if strategy == "single":
        return nullcontext()
    import tensorflow

    # All of TensorFlow's logical devices of the faster kind; two of the CPU are enough to test it.
    kind = "GPU" if tensorflow.config.list_logical_devices("GPU") else "CPU"
    names = [device.name for device in tensorflow.config.list_logical_devices(kind)]
    scope: AbstractContextManager[Any] = tensorflow.distribute.MirroredStrategy(names).scope()
    return scope


def _optimizer(recipe: Recipe, steps: int) -> keras.Optimizer:
    schedule = keras.optimizers.schedules.CosineDecay(
        1e-5,
        steps * max(1, recipe.epochs - 1),
        warmup_target=recipe.learning_rate,
        warmup_steps=steps,
    )
    optimizer = keras.optimizers.AdamW(
        schedule,
        weight_decay=recipe.weight_decay,
        use_ema=True,
        ema_momentum=recipe.ema_momentum,
    )
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


def _loss(recipe: Recipe) -> keras.Loss:
    return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing)


def _reseed_dropout(model: keras.Model, seed: int, epoch: int) -> None:
    """Makes each epoch's dropout depend on seed and epoch alone, so that a resumed run repeats it."""
    for i, layer in enumerate(layer for layer in model.layers if hasattr(layer, "seed_generator")):
        layer.seed_generator.state.assign([seed * 1000 + epoch, i])


def validation_figures(logits: np.ndarray, val: Subset, prior: np.ndarray) -> dict[str, float]:
    """Returns balanced accuracy (probabilities divided by the training prior) and malignancy AUC."""
    truth = val.classes
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    malignant = np.isin(truth, MALIGNANT_INDICES)
    return {
        "val_balanced_accuracy": balanced_accuracy_score(truth, (probabilities / prior).argmax(axis=1)),
        "val_malignancy_auc": roc_auc_score(malignant, probabilities[:, MALIGNANT_INDICES].sum(axis=1)),
    }
