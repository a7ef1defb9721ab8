"""Leave one collection out of everything: students whose teachers have not seen it either.

:mod:`train.steps.left_out` asks teachers, which are fitted in seconds. Here the whole road is gone for each
collection: teachers that saw none of its photos, their targets, a network trained by a short recipe and
calibrated on another collection, and only then the question. So the figures say what the recipe is worth at a
clinic that nobody has seen; what the released network, with its long training, is worth is for ``evaluate``.
"""

import dataclasses
import multiprocessing
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np

from train.datasets.dataset import DatasetError, Subset
from train.datasets.targets import write_targets
from train.evaluation.metrics import (
    RESAMPLES,
    Figures,
    Scored,
    Share,
    binary_figures,
    calibration_with_intervals,
    threshold_for_sensitivity,
    with_intervals,
)
from train.steps.batches import inputs
from train.steps.calibrate import fit_temperature
from train.steps.cross_fit import unseen_by
from train.steps.failures import FitError
from train.steps.fit import fit
from train.steps.recipe import Recipe
from train.steps.run_folder import ALL_OF_IT, CLASSIFIER, fingerprint, prepare_run, remember
from train.steps.teach import cross_fitted
from train.steps.training_set import training_prior
from webapp.model.labels import CLASSES, MALIGNANT_INDICES

EVERYTHING: Final = "everything"
"""The name of the network from which nothing was left out."""
SENSITIVITY: Final = 0.98
"""Of the cancers that calibrate, an all-clear may miss one in fifty; the app allows home one in forty
(:data:`train.steps.fit_limits.MISSED_AT_HOME`)."""


@dataclass(frozen=True)
class Clinic:
    """A collection: the photos that teach, and those that are asked about.

    ``asked`` may be the same photos where the collection has no part that only measures; then only a network
    without it is asked.
    """

    name: str
    teaching: Subset
    asked: Subset
    phone: bool = False

    @property
    def has_diagnoses(self) -> bool:
        """Where there are none, cancers and harmless spots come from two places, which is all that could be
        told apart."""
        return all(record.dx or record.dx_original for record in self.teaching.records)

    @property
    def has_unseen_part(self) -> bool:
        """Whether none of the photos that are asked about teaches."""
        taught = {record.image_id for record in self.teaching.records}
        return all(record.image_id not in taught for record in self.asked.records)


@dataclass(frozen=True)
class Start:
    """A finished network to begin with where all the collections that it has seen teach anyhow."""

    network: Path
    saw: frozenset[str]


@dataclass(frozen=True)
class Student:
    """A trained network with what its own collections calibrate."""

    model: keras.Model
    calibrating: Scored
    calibration: Any
    size: int

    def scored(self, subset: Subset) -> Scored:
        """Returns its calibrated answers, drawn by patient where one is known."""
        return _scored(self.calibration.probabilities(_logits(self.model, subset, self.size)), subset)

    @property
    def limit(self) -> float:
        """The malignancy below which one in fifty of the calibrating cancers lies."""
        return threshold_for_sensitivity(self.calibrating, SENSITIVITY)


def left_out_students(
    clinics: Sequence[Clinic],
    features: Mapping[str, np.ndarray],
    recipe: Recipe,
    folder: Path,
    only: Sequence[str] = (),
    start: Start | None = None,
    resamples: int = RESAMPLES,
) -> dict[str, dict[str, Any]]:
    """Trains a network on everything and one without each collection, and asks both about it.

    A run that is finished is not trained again, and one that was interrupted goes on.

    Args:
        clinics: At least two dermatoscope collections with diagnoses; the first that is in a training
            decides how often each class is drawn, and its asked photos calibrate.
        features: Of each photo by its ``image_id``, ``(channels,)``, for the teachers.
        recipe: Of every network; each sees as many photos as the one that sees everything.
        folder: For the runs, a folder each.
        only: Names of the collections to leave out, :data:`EVERYTHING` among them; all if empty.
        start: Instead of ImageNet's weights, which a network begins with that must not have seen what it saw.
        resamples: How often the bootstrap of the intervals draws.

    Returns:
        By collection ``photos``, ``cancers`` and, under ``without_it`` and ``with_it``, intervals of
        ``malignancy_auc`` and ``malignancy_ece`` (left out where only one kind is sure to be of this place)
        and of ``missed``, the share of its cancers that the all-clear would be given. Of photos that
        calibrated the network only the AUC.

    Raises:
        FitError: The folder holds a run of another recipe or of other photos, or validation taught ``start``.
        DatasetError: A name in ``only`` or ``start`` is no collection's, or too few collections are left to
            learn from.
    """
    names = [EVERYTHING, *(clinic.name for clinic in clinics)]
    if unknown := (set(only) | (start.saw if start else set())) - set(names):
        raise DatasetError(f"{', '.join(sorted(unknown))}: not among {', '.join(names)}")
    if start and unseen_by(start.network) != ALL_OF_IT:
        raise FitError(f"{start.network} was shown validation, which calibrates here")
    chosen = [name for name in names if not only or name in only]
    whole = _draws(clinics)
    found: dict[str, dict[str, Any]] = {}
    for name in chosen:
        taught = [clinic for clinic in clinics if clinic.name != name]
        begun = start.network if start and start.saw <= {clinic.name for clinic in taught} else None
        longer = _as_long(recipe, whole / _draws(taught))
        student = _student(taught, features, longer, folder / name, begun)
        for clinic in clinics:
            if name == clinic.name or (name == EVERYTHING and clinic.has_unseen_part):
                asked = student.scored(clinic.asked)
                row = found.setdefault(
                    clinic.name, {"photos": len(asked), "cancers": int(asked.malignant.sum())}
                )
                key = "with_it" if name == EVERYTHING else "without_it"
                # Of photos that calibrated it, an error or a share below the limit would only show the fit.
                calibrated = clinic.name == _roles(taught)[0].name
                row[key] = _figures(asked, student.limit, clinic.has_diagnoses, calibrated, resamples)
    return found


def _student(
    taught: Sequence[Clinic],
    features: Mapping[str, np.ndarray],
    recipe: Recipe,
    run: Path,
    start: Path | None,
) -> Student:
    main, phone, others = _roles(taught)
    recipe = dataclasses.replace(recipe, extra_share=recipe.extra_share if others else 0.0)
    prepare_run(run, recipe, resume=True)
    photos = {clinic.name: fingerprint(clinic.teaching) for clinic in taught}
    remember(run / "photos.json", photos, "targets.npz")
    targets = run / "targets.npz"
    if not (run / CLASSIFIER).is_file():
        if not targets.is_file():
            knowing = [clinic.teaching for clinic in taught if clinic.has_diagnoses]
            asked = [clinic.teaching for clinic in taught if not clinic.has_diagnoses]
            write_targets(targets, cross_fitted(knowing, asked, features, all_classes=False))
        train = partial(
            fit,
            main.teaching,
            main.asked,
            recipe,
            run,
            phone=phone.teaching if phone else None,
            extra=[clinic.teaching for clinic in others],
            resume=True,
            start=start,
            targets=targets,
        )
        # In a process of its own: Keras keeps hold of the frames of a training, 7 GB each.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
            alone.submit(train).result()
    model = keras.saving.load_model(run / CLASSIFIER, compile=False)
    # Plus one: no class is impossible for want of photos.
    counts = np.bincount(main.teaching.classes, minlength=len(CLASSES)) + 1.0
    logits = _logits(model, main.asked, recipe.validation_size)
    calibration = fit_temperature(
        logits,
        main.asked.classes,
        tuple(np.maximum(training_prior(main.teaching, recipe.balance), 1e-3)),
        tuple(counts / counts.sum()),
    )
    scored = _scored(calibration.probabilities(logits), main.asked)
    return Student(model, scored, calibration, recipe.validation_size)


def _roles(taught: Sequence[Clinic]) -> tuple[Clinic, Clinic | None, list[Clinic]]:
    """Returns who decides the draws, whose phone photos have a share of them, and who else teaches."""
    main = next((clinic for clinic in taught if clinic.has_diagnoses and not clinic.phone), None)
    if main is None:
        raise DatasetError("no dermatoscope photos with diagnoses are left to learn from")
    phone = next((clinic for clinic in taught if clinic.phone), None)
    return main, phone, [clinic for clinic in taught if clinic not in (main, phone)]


def _draws(taught: Sequence[Clinic]) -> int:
    """Returns how many photos an epoch draws, see :func:`train.steps.training_set.load_training_set`."""
    main, phone, _ = _roles(taught)
    return len(main.teaching.records) + (len(phone.teaching.records) if phone else 0)


def _as_long(recipe: Recipe, times: float) -> Recipe:
    stages = tuple((size, max(1, round(epochs * times))) for size, epochs in recipe.stages)
    return dataclasses.replace(recipe, stages=stages)


def _logits(model: keras.Model, subset: Subset, size: int) -> np.ndarray:
    return np.asarray(model.predict(inputs(subset, size), 64, verbose=0))


def _scored(probabilities: np.ndarray, subset: Subset) -> Scored:
    return Scored(
        np.array([record.malignant for record in subset.records]),
        probabilities[:, list(MALIGNANT_INDICES)].sum(axis=1),
        np.array([record.patient_id for record in subset.records]),
    )


def _figures(asked: Scored, limit: float, both: bool, calibrated: bool, resamples: int) -> dict[str, Any]:
    def missed(scored: Scored) -> Figures:
        cancers = scored.take(scored.malignant)
        return {"missed": Share(cancers.malignancy < limit, cancers.groups)}

    separates = with_intervals(asked, binary_figures, resamples) if calibrated or both else {}
    if calibrated:
        return separates
    error = calibration_with_intervals(asked, resamples) if both else {}
    return {**separates, **error, **with_intervals(asked, missed)}
