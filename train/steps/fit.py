"""Trains a network: one folder a run, a checkpoint each epoch, and a resume that goes on exactly.

The default recipe takes about 50 minutes on two AVX-512 cores when nothing else runs on them. The shipped
network came out of several runs, each with ``--start`` from the last: ``train/LOG.md`` has their commands.
"""

import dataclasses
import json
import os
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import cv2
import keras
import numpy as np
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from train.datasets.augment import random_view
from train.datasets.dataset import Frames, Record, Subset, class_index, load_frames, true_centre_square
from train.network.backbone import freeze_stages
from train.network.models import SEED_CNN_SIZE, build_classifier, build_seed_cnn
from train.network.served import load_classifier_weights
from train.steps.teacher import Teacher
from webapp.model.labels import CLASSES, MALIGNANT_INDICES
from webapp.photo.imaging import model_input

CHECKPOINT: Final = "checkpoint.keras"
CLASSIFIER: Final = "classifier.keras"
SEED_CNN: Final = "seed-cnn"


class FitError(Exception):
    """A run that cannot start or go on; the message says why."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a run does, apart from the images."""

    model: str = "lite0"
    stages: tuple[tuple[int, int], ...] = ((128, 8), (160, 10))
    """(side of the crops in pixels, epochs) one after the other: small first costs half."""
    batch_size: int = 32
    learning_rate: float = 6e-4
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    # With 0.1, 0.2 and drop-connect 0.2 the network was still underfitted after 28 epochs (see LOG.md).
    dropout: float = 0.1
    drop_connect: float = 0.0
    ema_momentum: float = 0.998
    balance: float = 0.5
    """A class of n images is drawn in proportion to n ** (1 - balance)."""
    phone_share: float = 0.15
    """Share of smartphone photos among what the network sees, where there are any."""
    teacher_share: float = 0.0
    """How much of each target comes from a teacher and not from the label."""
    extra_share: float = 0.0
    """Share of photos of other collections, whose labels may say no more than malignant or not."""
    mixup: float = 0.0
    """Both parameters of the Beta distribution that says how much of an image is another one (Zhang et al.
    2018, arXiv:1710.09412); 0 mixes none."""
    frozen_stages: int = 0
    """How many of the backbone's seven stages, and the stem, stay as they were at the start. The first three
    hold 4 % of Lite0's weights and take half of a training step."""
    frame_size: int = 224
    validation_size: int = 192
    validate_every: int = 2
    seed: int = 0
    deterministic: bool = False

    @property
    def epochs(self) -> int:
        return sum(epochs for _, epochs in self.stages)

    def crop_size(self, epoch: int) -> int:
        """Returns the side in pixels of the crops of an epoch, counted from 0."""
        for size, epochs in self.stages:
            if epoch < epochs:
                return size
            epoch -= epochs
        raise ValueError("the recipe has no such epoch")


SEED_CNN_RECIPE: Final = Recipe(
    model=SEED_CNN, stages=((SEED_CNN_SIZE, 20),), learning_rate=1e-3, validation_size=SEED_CNN_SIZE
)


def sampling_weights(subset: Subset, balance: float) -> np.ndarray:
    """Returns how often each image is drawn, as ``float64`` probabilities of shape ``(count,)``.

    Between natural frequencies (``balance`` 0) and equal classes (1); the images of one lesion
    share the square root of their number.
    """
    classes = subset.classes
    counts = np.bincount(classes)
    lesions = Counter(record.lesion_id for record in subset.records)
    copies = np.array([lesions[record.lesion_id] for record in subset.records])
    weights = counts[classes] ** -balance * copies**-0.5
    return np.asarray(weights / weights.sum())


def training_prior(subset: Subset, balance: float) -> np.ndarray:
    """Returns each class's share of what the network sees, ``float64`` of shape ``(7,)``."""
    return np.bincount(subset.classes, sampling_weights(subset, balance), len(CLASSES))


@dataclass(frozen=True)
class TrainingSet:
    """Everything that batches are drawn from.

    ``labels`` is ``float32 (count, 7)``: 1 for each class that the label leaves possible, which is one where
    a diagnosis is known. ``weights`` is ``float64 (count,)`` and sums to 1; an epoch draws ``draws`` images.
    """

    frames: Frames
    labels: np.ndarray
    weights: np.ndarray
    draws: int


def load_training_set(
    train: Subset, phone: Subset | None, recipe: Recipe, extra: Sequence[Subset] = ()
) -> TrainingSet:
    """Decodes the training images; smartphone photos get ``recipe.phone_share`` of the draws of those with a
    diagnosis, and ``extra`` gets ``recipe.extra_share`` of all, no more of it malignant than of ``train``."""
    subsets = [train] if phone is None else [train, phone]
    shares = [1.0] if phone is None else [1 - recipe.phone_share, recipe.phone_share]
    weights = np.concatenate(
        [
            share * sampling_weights(subset, recipe.balance)
            for share, subset in zip(shares, subsets, strict=True)
        ]
    )
    draws = len(weights)
    if extra:
        malignant = float(training_prior(train, recipe.balance)[list(MALIGNANT_INDICES)].sum())
        others = malignancy_weights([record for subset in extra for record in subset.records], malignant)
        weights = np.concatenate([(1 - recipe.extra_share) * weights, recipe.extra_share * others])
        subsets += extra
    frames = [load_frames(subset, recipe.frame_size) for subset in subsets]
    return TrainingSet(
        Frames(np.concatenate([f.pixels for f in frames]), np.concatenate([f.aspects for f in frames])),
        np.concatenate([possible_classes(subset) for subset in subsets]),
        weights,
        draws,
    )


def malignancy_weights(records: Sequence[Record], share: float) -> np.ndarray:
    """Returns how often each image is drawn, ``float64 (count,)``: ``share`` of the draws are malignant."""
    malignant = np.array([record.malignant for record in records])
    return np.where(malignant, share / max(1, malignant.sum()), (1 - share) / max(1, (~malignant).sum()))


def possible_classes(subset: Subset) -> np.ndarray:
    """Returns 1 for each class that a label leaves possible, ``float32 (count, 7)``: the diagnosis, or each
    harmless one where no more is known.

    Raises:
        DatasetError: A malignant image without a diagnosis.
    """
    malignant = np.isin(np.arange(len(CLASSES)), MALIGNANT_INDICES)
    return np.array(
        [
            ~malignant
            if record.dx is None and not record.malignant
            else np.eye(len(CLASSES))[class_index(record)]
            for record in subset.records
        ],
        np.float32,
    )


class AugmentedBatches(keras.utils.PyDataset):
    """The batches of one epoch; what they hold depends on seed, epoch and teacher alone."""

    def __init__(
        self, images: TrainingSet, recipe: Recipe, epoch: int, teacher: Teacher | None = None
    ) -> None:
        super().__init__(workers=1, max_queue_size=6)
        self.images, self.recipe, self.epoch, self.teacher = images, recipe, epoch, teacher
        rng = np.random.default_rng((recipe.seed, epoch))
        self.order = rng.choice(len(images.weights), images.draws, p=images.weights)

    def __len__(self) -> int:
        return steps_per_epoch(len(self.order), self.recipe)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng((self.recipe.seed, self.epoch, index))
        chosen = self.order[index * self.recipe.batch_size :][: self.recipe.batch_size]
        size = self.recipe.crop_size(self.epoch)
        drawn = max(size, self.teacher.size) if self.teacher else size
        frames = self.images.frames
        views = [random_view(frames.pixels[i], float(frames.aspects[i]), drawn, rng) for i in chosen]
        labels = self.images.labels[chosen]
        targets = self._targets(labels, resized(views, self.teacher.size)) if self.teacher else labels
        if self.recipe.mixup:
            return mixed(resized(views, size), targets, self.recipe.mixup, rng)
        return resized(views, size), targets

    def _targets(self, labels: np.ndarray, views: np.ndarray) -> np.ndarray:
        """Returns the teacher's answer among the classes that the label leaves possible, mixed with a label
        that leaves only one."""
        assert self.teacher
        taught = self.teacher.answers(views)
        possible = taught * labels
        possible /= possible.sum(axis=1, keepdims=True)
        share = self.recipe.teacher_share
        known = labels.sum(axis=1, keepdims=True) == 1
        return np.where(known, (1 - share) * labels + share * taught, possible)


def mixed(
    views: np.ndarray, targets: np.ndarray, mixup: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Returns each view mixed with the one as far from the batch's other end, and their targets likewise."""
    share = rng.beta(mixup, mixup, len(views)).astype(np.float32)
    share = np.maximum(share, 1 - share)
    pixels = share[:, None, None, None]
    blended = pixels * views + (1 - pixels) * views[::-1]
    return blended.round().astype(np.uint8), share[:, None] * targets + (1 - share[:, None]) * targets[::-1]


def resized(views: Sequence[np.ndarray], size: int) -> np.ndarray:
    """Returns square views at another size, ``uint8 (count, size, size, 3)``."""
    return np.stack(
        [
            view if len(view) == size else cv2.resize(view, (size, size), interpolation=cv2.INTER_AREA)
            for view in views
        ]
    )


def steps_per_epoch(images: int, recipe: Recipe) -> int:
    """Returns the number of full batches in an epoch (the rest is dropped: BatchNorm needs full ones)."""
    return max(1, images // recipe.batch_size)


def inputs(subset: Subset, size: int) -> np.ndarray:
    """Returns the true centre squares of images, ``uint8`` of shape ``(count, size, size, 3)``.

    As the served network sees them, but for the exposure of dark ones (2 % of HAM10000), which the views of
    training are not corrected for either.
    """
    return np.stack(
        [
            model_input(image, size, true_centre_square(image.width, image.height, record.aspect))
            for record, image in subset.images()
        ]
    )


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
    prepare_run(run, recipe, resume)
    keras.utils.set_random_seed(recipe.seed)
    if recipe.deterministic:
        import tensorflow

        tensorflow.config.experimental.enable_op_determinism()
    if recipe.model == SEED_CNN:
        return _fit_seed_cnn(train, val, recipe, run, resume, stop_after)

    images = load_training_set(train, phone, recipe, extra)
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
            _restore(model, checkpoint)
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
            verbose=_verbosity(),
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
        _log(run / "log.csv", row)
        if stop_after == epoch + 1:
            return checkpoint

    model.optimizer.finalize_variable_values(model.trainable_variables)
    save_network(model, run / CLASSIFIER)
    return run / CLASSIFIER


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


def _restore(model: keras.Model, checkpoint: Path) -> None:
    """Loads weights and the optimizer's state (moments, averages, step) into a compiled model.

    A model from ``load_model`` would lack what Keras does not save, such as the variables that
    weight decay leaves out.
    """
    model.optimizer.build(model.trainable_variables)
    model.load_weights(checkpoint)


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


def _fit_seed_cnn(
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
        _restore(model, checkpoint)
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
            verbose=_verbosity(),
        ).history
        save_network(model, checkpoint)
        _log(run / "log.csv", {"epoch": epoch + 1} | {key: values[-1] for key, values in history.items()})
        if stop_after == epoch + 1:
            return checkpoint
    save_network(model, run / CLASSIFIER)
    model.save(run / "classifier.h5")
    return run / CLASSIFIER


def _verbosity() -> int:
    return 1 if sys.stdout.isatty() else 2


def save_network(model: keras.Model, path: Path) -> None:
    """Writes beside the target and renames: a kill in the middle leaves the last checkpoint whole."""
    partial = path.with_name(f"partial-{path.name}")
    model.save(partial)
    os.replace(partial, path)


def _log(path: Path, row: dict[str, Any]) -> None:
    columns = ["epoch", "size", "loss", "accuracy", "val_loss", "val_accuracy"]
    columns += ["val_balanced_accuracy", "val_malignancy_auc"]
    if not path.exists():
        path.write_text(",".join(columns) + "\n", encoding="utf-8")
    with path.open("a", encoding="utf-8") as file:
        file.write(",".join(f"{row[c]:.6g}" if c in row else "" for c in columns) + "\n")


def prepare_run(run: Path, recipe: Recipe, resume: bool) -> None:
    """Makes a run's folder, whose ``run.json`` says how the run was begun.

    Raises:
        FitError: The folder already holds a run and ``resume`` is off, or holds one of another recipe.
    """
    about = run / "run.json"
    described = json.loads(json.dumps(dataclasses.asdict(recipe)))
    if about.is_file():
        if not resume:
            raise FitError(
                f"{run} already holds a run: add --resume to go on with it, or name another folder"
            )
        # A run that was begun before a choice existed has what is its default now.
        begun = dataclasses.asdict(Recipe()) | json.loads(about.read_text(encoding="utf-8"))["recipe"]
        if json.loads(json.dumps(begun)) != described:
            raise FitError(f"{run} holds a run of another recipe: resume it with the arguments that began it")
        return
    run.mkdir(parents=True, exist_ok=True)
    packages = ("tensorflow-cpu", "tensorflow", "keras", "numpy", "pillow", "opencv-python-headless")
    about.write_text(
        json.dumps(
            {
                "recipe": described,
                "arguments": sys.argv[1:],
                "python": platform.python_version(),
                "versions": {name: v for name in packages if (v := _installed(name))},
                "commit": _commit(),
            },
            indent=2,
        )
        + "\n",
        encoding="utf-8",
    )


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except ModuleNotFoundError:
        return None


def _commit() -> str | None:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()
