"""Fits where the spot is, on photos as people take them: close, far away, beside others, none at all."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import cv2
import numpy as np

from train.datasets.augment import taken_elsewhere
from train.datasets.dataset import Subset
from train.datasets.masks import Masks
from train.datasets.scenes import (
    OutlinedFrame,
    Scene,
    outlined_frames,
    part_of_frame,
    placed,
    several,
    small_side,
    whole_frame,
)
from train.network.lesion_map import LesionMap, fit_lesion_map
from webapp.photo.imaging import correct_exposure

FRAMES: Final = 880
"""Of which two to four scenes each are made: 2,700 views, four minutes of one core with the features."""
SEED: Final = 1

Network = Callable[[np.ndarray], dict[str, np.ndarray]]
"""From ``uint8 (count, size, size, 3)`` to the outputs of a served model with its features."""


def lesion_map_of(network: Network, train: Subset, size: int, masks: Masks) -> LesionMap | None:
    """Fits the map on training photos; ``None`` if none of them has an outline.

    Args:
        network: The network without heads, with features.
        train: HAM10000's training part.
        size: Side of the network's input in pixels.
        masks: The lesions' outlines.
    """
    rng = np.random.default_rng(SEED)
    views, lesions = [], []
    for scene in scenes(list(outlined_frames(_with_outline(train, masks), masks)), size, rng):
        quarters = int(rng.integers(4))
        turned = np.ascontiguousarray(np.rot90(scene.view, quarters))
        views.append(correct_exposure(taken_elsewhere(turned, rng)))
        lesions.append(np.rot90(scene.lesion, quarters))
    if not views:
        return None
    outputs = network(np.stack(views))
    features = [outputs[name] for name in sorted(outputs) if name.startswith("features_")]
    places = features[0].shape[2], features[0].shape[1]
    shares = [
        cv2.resize(np.ascontiguousarray(each), places, interpolation=cv2.INTER_AREA) for each in lesions
    ]
    return fit_lesion_map(features, np.stack(shares))


def _with_outline(train: Subset, masks: Masks) -> Subset:
    outlined = [record for record in train.records if record.image_id in masks.members]
    return Subset(train.collection, tuple(outlined[:: -(-len(outlined) // FRAMES)]))


def scenes(frames: Sequence[OutlinedFrame], size: int, rng: np.random.Generator) -> Iterator[Scene]:
    """Yields of each frame: all of it squashed, a part, its lesion among more skin; of every second several
    lesions side by side, of every fourth skin alone."""
    with_skin = [frame for frame in frames if frame.skin is not None]
    for number, frame in enumerate(frames):
        yield whole_frame(frame, size)
        yield part_of_frame(frame, size, rng)
        if frame.skin is None:
            continue
        made = [placed(frame, [frame], size, [small_side(rng)], rng)]
        if number % 2 == 0:
            made.append(several(frame, with_skin, size, rng))
        if number % 4 == 1:
            made.append(placed(frame, [], size, [], rng))
        yield from (scene for scene in made if scene)
