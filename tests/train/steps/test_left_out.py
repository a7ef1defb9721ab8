"""A collection that is left out is asked by a teacher that has seen nothing of it."""

import numpy as np
import pytest

from train.datasets.dataset import DatasetError, Record
from train.steps.left_out import Held, left_out_figures
from webapp.model.labels import CLASSES, MALIGNANT

CHANNELS = 10
RESAMPLES = 20


def photos(name: str, count: int) -> tuple[Record, ...]:
    return tuple(
        Record(f"{name}{i}", CLASSES[i % 7], CLASSES[i % 7] in MALIGNANT, f"{name}{i}", f"{name}{i}", name)
        for i in range(count)
    )


def seen(records: tuple[Record, ...], sign: float, seed: int) -> dict[str, np.ndarray]:
    """Features whose first channel tells cancer, one way or the other, and otherwise noise."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(0, 1, (len(records), CHANNELS))
    rows[:, 0] += [3 * sign * (1 if record.malignant else -1) for record in records]
    return {record.image_id: row for record, row in zip(records, rows, strict=True)}


def test_a_clinic_that_looks_the_other_way_round_is_only_known_by_its_own_photos() -> None:
    home, away = photos("home", 210), photos("away", 2100)
    features = seen(home, 1, 1) | seen(away, -1, 2)
    figures = left_out_figures(
        {"home": Held(home[:140], home[140:]), "away": Held(away[:1400], away[1400:])}, features, RESAMPLES
    )

    assert figures["away"]["with_it"]["low"] > 0.95
    assert figures["away"]["without_it"]["high"] < 0.05
    assert (figures["away"]["photos"], figures["away"]["cancers"]) == (700, 300)


def test_a_collection_that_lacks_diagnoses_teaches_the_others() -> None:
    home, few = photos("home", 140), tuple(r for r in photos("few", 300) if r.dx in ("nv", "mel"))
    features = seen(home, 1, 1) | seen(few, 1, 2)
    held = {"home": Held(home, home), "few": Held(few[:40], few[40:])}
    figures = left_out_figures(held, features, RESAMPLES)

    assert figures["home"]["without_it"]["value"] > 0.9
    assert figures["few"]["without_it"]["value"] > 0.9


def test_what_cannot_be_asked_is_named() -> None:
    home, few = photos("home", 140), photos("few", 14)
    features = seen(home, 1, 1) | seen(few, 1, 2)
    with pytest.raises(DatasetError, match="at least two"):
        left_out_figures({"home": Held(home, home)}, features)
    with pytest.raises(DatasetError, match="few: too few photos"):
        left_out_figures({"home": Held(home, home), "few": Held(few, few)}, features)
