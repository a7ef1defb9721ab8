"""Leave one collection out: how well a teacher answers for a clinic from which it has seen nothing.

Figures of the own validation part flatter: its photos come from the cameras that taught. Here each
collection in turn is left out of what teaches, and asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from train.datasets.dataset import DatasetError, Record, class_index
from train.evaluation.metrics import RESAMPLES, Scored, binary_figures, with_intervals
from train.steps.teach import fit_regression
from webapp.model.labels import MALIGNANT_INDICES

FEWEST_ASKED: Final = 20


@dataclass(frozen=True)
class Held:
    """A collection: the photos that teach while it is in, and those that are asked.

    Asked in both cases, so that two figures of one collection differ only in whether it taught.
    """

    teaching: Sequence[Record]
    asked: Sequence[Record]


@dataclass(frozen=True)
class LeftOut:
    """Malignancy AUC on a collection's asked photos, with and without its own among what taught.

    Each is ``{"value", "low", "high"}``, the bootstrap drawing patients (lesions where none is known).
    """

    photos: int
    cancers: int
    with_it: Mapping[str, float]
    without_it: Mapping[str, float]


def left_out_figures(
    collections: Mapping[str, Held], features: Mapping[str, np.ndarray], resamples: int = RESAMPLES
) -> dict[str, dict[str, Any]]:
    """Fits one regression on all collections and one without each.

    Args:
        collections: By name; a diagnosis for every photo that teaches.
        features: Of each photo by its ``image_id``, ``(channels,)``; photos without are left out.
        resamples: How often the bootstrap of the intervals draws.

    Returns:
        The fields of :class:`LeftOut` by collection.

    Raises:
        DatasetError: There are fewer than two collections, or one has too few photos to be asked about.
    """
    if len(collections) < 2:
        raise DatasetError("to leave one collection out takes at least two")
    everything = _fitted(list(collections.values()), features)
    found = {}
    for name, held in collections.items():
        others = _fitted([each for key, each in collections.items() if key != name], features)
        records = [record for record in held.asked if record.image_id in features]
        malignant = np.array([record.malignant for record in records])
        if len(records) < FEWEST_ASKED or malignant.all() or not malignant.any():
            raise DatasetError(f"{name}: too few photos of one kind to ask about")
        asked = _stacked(records, features)
        chances = [model.probabilities(asked)[:, list(MALIGNANT_INDICES)] for model in (everything, others)]
        groups = np.array([record.patient_id for record in records])
        scored = [Scored(malignant, each.sum(axis=1), groups) for each in chances]
        auc = [with_intervals(each, binary_figures, resamples)["malignancy_auc"] for each in scored]
        found[name] = asdict(LeftOut(len(records), int(malignant.sum()), *auc))
    return found


def _fitted(collections: Sequence[Held], features: Mapping[str, np.ndarray]) -> Any:
    records = [r for held in collections for r in held.teaching if r.image_id in features]
    classes = np.array([class_index(record) for record in records])
    return fit_regression(_stacked(records, features), classes)


def _stacked(records: Sequence[Record], features: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.stack([features[record.image_id] for record in records]).astype(np.float32)
