"""Chooses on lesion photos from when on a map shows several spots, or none."""

import dataclasses
from collections.abc import Sequence
from typing import Final

import numpy as np

from train.datasets.dataset import Subset
from train.datasets.masks import Masks
from train.datasets.scenes import outlined_frames, placed, several, small_side
from train.steps.fit_lesion_map import Network
from webapp.answer.assessment import Reason, find_reasons
from webapp.answer.spots import beside, sureness
from webapp.model.contract import Gate
from webapp.model.predictor import Prediction
from webapp.photo.imaging import correct_exposure

REFUSED: Final = 0.004
"""Share of the lesion photos of any collection that each of the two limits may refuse."""
JUDGED_FRAMES: Final = 150
"""Of validation, of each of which three photos are made that no limit was chosen on."""
SEED: Final = 11


def with_spot_limits(gate: Gate, maps: Sequence[np.ndarray]) -> Gate:
    """Returns the gate with limits that hardly refuse a lesion.

    Args:
        gate: With what else it limits.
        maps: Of the lesion photos of each collection, ``(count, height, width)``.
    """
    outside = [np.array([beside(each) for each in collection]) for collection in maps]
    surest = [np.array([sureness(each) for each in collection]) for collection in maps]
    return dataclasses.replace(
        gate,
        beside=max(float(np.quantile(values, 1 - REFUSED, method="higher")) for values in outside),
        sureness=min(float(np.quantile(values, REFUSED, method="lower")) for values in surest),
    )


def made_photos_refused(
    network: Network, val: Subset, masks: Masks, size: int, gate: Gate
) -> dict[str, float]:
    """Returns which share of made validation photos is refused for the spots they show, and in all.

    Args:
        network: With all of its heads.
        val: HAM10000's validation part.
        masks: Its outlines.
        size: Side of the network's input in pixels.
        gate: With all of its limits.
    """
    rng = np.random.default_rng(SEED)
    outlined = [record for record in val.records if record.image_id in masks.members]
    some = Subset(val.collection, tuple(outlined[:: -(-len(outlined) // JUDGED_FRAMES)]))
    frames = [frame for frame in outlined_frames(some, masks) if frame.skin is not None]
    made = {
        "several": [several(frame, frames, size, rng) for frame in frames],
        "no_spot": [placed(frame, [], size, [], rng) for frame in frames],
        "single": [placed(frame, [frame], size, [small_side(rng)], rng) for frame in frames],
    }
    figures = {}
    for name, scenes in made.items():
        views = [correct_exposure(scene.view) for scene in scenes if scene]
        if not views:
            continue
        outputs = network(np.stack(views))
        reasons = [
            find_reasons(
                (size, size),
                size,
                Prediction(0.5, unfamiliarity=float(unfamiliarity), lesion_map=lesion_map),
                gate,
            )
            for unfamiliarity, lesion_map in zip(
                outputs["unfamiliarity"][:, 0], outputs["lesion_map"][..., 0], strict=True
            )
        ]
        by_map = [bool({Reason.SEVERAL_SPOTS, Reason.NO_SINGLE_SPOT} & set(each)) for each in reasons]
        figures[f"val_made_{name}_refused_by_map"] = float(np.mean(by_map))
        figures[f"val_made_{name}_refused"] = float(np.mean([bool(each) for each in reasons]))
    return figures
