"""What the app would say to the photos of a test set, photo by photo."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image
from tqdm import tqdm

from train.datasets.dataset import Record, Subset, true_centre_square
from train.datasets.details import details_of
from train.evaluation.judging import holding, kind_of, limits_for, refused
from train.evaluation.metrics import Scored, score
from webapp.answer.assessment import Caution, photo_cautions
from webapp.answer.details import weigh
from webapp.model.bundle import Bundle, load_bundle
from webapp.model.labels import CLASSES, MALIGNANT_INDICES
from webapp.model.predictor import INTERPRETERS, Prediction, Predictor
from webapp.model.runtimes import LiteRtRuntime
from webapp.photo.imaging import Box


class Looks(Protocol):
    """What measuring asks of a predictor."""

    @property
    def bundle(self) -> Bundle: ...

    def predict(self, image: Image.Image, box: Box | None = None) -> Prediction: ...


Look = tuple[Record, Image.Image, Box | None]
"""A photo and the part to look at; ``None`` is the centre square."""


@dataclass(frozen=True)
class Answers:
    """A network's answers for the photos of some records, row by row."""

    records: tuple[Record, ...]
    probabilities: np.ndarray
    """``(count, 7)``, calibrated."""
    limits: np.ndarray
    """``(count, 2)``: from which malignancy on this photo is ``signs``, and from which ``unsure``; see
    :func:`train.evaluation.judging.holding`."""
    refused: np.ndarray
    """``bool (count,)``: whether the app answers ``cannot_judge``."""
    kinds: tuple[str, ...] = ()
    """What the app takes each photo for, see :func:`train.evaluation.judging.kind_of`."""
    cautions: tuple[tuple[Caution, ...], ...] = ()
    """Why each photo is never ``no_signs``, as far as the photo itself is the reason."""
    diagnoses: tuple[str, ...] = ()
    """What the app names of the seven; empty where it is not asked, and the largest probability by the
    contract's weights counts."""
    weighed: np.ndarray | None = None
    """``(count, 7)``: the same with age, sex and place, as far as they are known; ``None`` where the model
    does not know what they tell."""

    @property
    def malignancy(self) -> np.ndarray:
        """``(count,)``: probability of mel + bcc + akiec, 0–1."""
        return self.probabilities[:, MALIGNANT_INDICES].sum(axis=1)

    def cautioned(self, caution: Caution) -> np.ndarray:
        """Returns to which photos this applies, ``bool (count,)``."""
        return np.array([caution in found for found in self.cautions or ((),) * len(self.records)], bool)


def open_served(bundle: Path) -> Predictor:
    """Opens a bundle as the app does: its LiteRT file, checked against its contract."""
    loaded = load_bundle(bundle)
    export = loaded.file("model.tflite")
    return Predictor(loaded, [LiteRtRuntime(export, loaded.contract) for _ in range(INTERPRETERS)])


def predict(predictor: Looks, subset: Subset) -> Answers:
    """Runs photos through a predictor, those of squashed collections in their true aspect."""
    photos = tqdm(subset.images(), subset.collection.name, len(subset.records), disable=None)
    return predict_images(
        predictor,
        (
            (record, image, true_centre_square(image.width, image.height, record.aspect))
            for record, image in photos
        ),
    )


def predict_images(predictor: Looks, photos: Iterable[Look]) -> Answers:
    """Runs photos through a predictor."""
    records, probabilities, limits, turned_away, kinds, weighed, cautions = [], [], [], [], [], [], []
    diagnoses = []
    contract = predictor.bundle.contract
    for (record, image, box), prediction in _looked_at(predictor, photos):
        records.append(record)
        probabilities.append(prediction.probabilities)
        limits.append(holding(prediction, contract))
        turned_away.append(refused(image, prediction, contract, box))
        kinds.append(kind_of(prediction, contract))
        diagnoses.append(str(prediction.diagnosis))
        cautions.append(photo_cautions(prediction, limits_for(prediction, contract)))
        offsets = contract.operating_point(prediction.phone).details
        weighed.append(weigh(prediction, details_of(record), offsets).probabilities)
    return Answers(
        tuple(records),
        np.array(probabilities, np.float64).reshape(-1, len(CLASSES)),
        np.array(limits, np.float64).reshape(-1, 2),
        np.array(turned_away, bool),
        tuple(kinds),
        tuple(cautions),
        tuple(diagnoses),
        np.array(weighed, np.float64).reshape(-1, len(CLASSES)) if contract.details else None,
    )


def with_details(answers: Answers) -> Answers:
    """Returns the answers to people who told what is known of them: "no signs" only with and without it."""
    assert answers.weighed is not None
    unsure = np.where(answers.malignancy >= answers.limits[:, 1], 0.0, answers.limits[:, 1])
    return replace(
        answers,
        probabilities=answers.weighed,
        diagnoses=(),
        limits=np.column_stack([answers.limits[:, 0], unsure]),
    )


def _looked_at(predictor: Looks, photos: Iterable[Look]) -> Iterator[tuple[Look, Prediction]]:
    """Yields photos in their order with what the network says, as many at once as it has interpreters."""
    waiting: deque[tuple[Look, Future[Prediction]]] = deque()
    with ThreadPoolExecutor(INTERPRETERS) as threads:
        for photo in photos:
            _, image, box = photo
            waiting.append((photo, threads.submit(predictor.predict, image, box)))
            if len(waiting) > 4 * INTERPRETERS:
                done, prediction = waiting.popleft()
                yield done, prediction.result()
        for done, prediction in waiting:
            yield done, prediction.result()


def scored_classes(answers: Answers, weights: Iterable[float]) -> Scored:
    """Returns answers beside the seven diagnoses, lesions drawn together.

    Args:
        answers: Of photos whose ``dx`` is known.
        weights: The contract's decision weights.
    """
    truth = np.array([CLASSES.index(str(record.dx)) for record in answers.records])
    scored = score(
        answers.probabilities,
        truth,
        [record.lesion_id for record in answers.records],
        np.array(tuple(weights)),
        answers.limits,
        answers.refused,
    )
    if not answers.diagnoses:
        return scored
    return replace(scored, diagnosis=np.array([CLASSES.index(dx) for dx in answers.diagnoses]))


def scored_malignancy(answers: Answers, by_patient: bool = False) -> Scored:
    """Returns answers beside cancer or not; lesions, or patients, are drawn together."""
    return Scored(
        malignant=np.array([record.malignant for record in answers.records]),
        malignancy=answers.malignancy,
        groups=np.array([r.patient_id if by_patient else r.lesion_id for r in answers.records]),
        limits=answers.limits,
        refused=answers.refused,
    )
