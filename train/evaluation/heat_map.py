"""Whether the heat map points at the lesion, on crops where the middle is the wrong answer."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from PIL import Image
from tqdm import tqdm

from train.datasets.dataset import Record, Subset
from train.datasets.masks import Masks, sums_of
from train.evaluation.answers import Looks
from train.evaluation.judging import lesion_map
from train.evaluation.metrics import RESAMPLES, mean_with_interval, share_with_interval
from webapp.photo.imaging import Box
from webapp.photo.overlay import HEAT_MAP_SIDE

OFF_CENTRE: Final = 0.25
"""How far from the crop's middle the lesion's centroid lies at least, as a share of the crop's side."""
VISIBLE: Final = 0.8  # of the lesion is in the crop, so that the answer still has its subject
SIDES: Final = (0.5, 0.6, 0.75, 0.9)  # of the crops, as shares of the frame's shorter side
POSITIONS: Final = 13  # along each axis


@dataclass(frozen=True)
class Pointing:
    """What one map does on one crop; all values are 0–1.

    ``peak`` says whether its highest place lies in the lesion, ``energy`` which share of its sum does.
    """

    peak: bool
    energy: float


def off_centre_crop(mask: np.ndarray, aspect: float, rng: np.random.Generator) -> Box | None:
    """Draws a crop that shows the lesion far off its middle.

    Args:
        mask: ``bool (height, width)``, of the frame as it is stored.
        aspect: True width over height of the frame: the crop is a square in *true* pixels.
        rng: Draws among all crops that fit.

    Returns:
        A box in pixels of the stored frame; ``None`` where no crop does it (a lesion that fills the
        frame, for example).
    """
    if not mask.any():
        return None
    height, width = mask.shape
    full_width, full_height = width / max(1, aspect), height * min(1, aspect)
    candidates = []
    for side in SIDES:
        w, h = round(full_width * side), round(full_height * side)
        lefts = np.linspace(0, width - w, POSITIONS).round().astype(int)
        uppers = np.linspace(0, height - h, POSITIONS).round().astype(int)
        left, upper = (axis.ravel() for axis in np.meshgrid(lefts, uppers))
        candidates.append(np.stack([left, upper, left + w, upper + h], axis=1))
    boxes = np.concatenate(candidates)
    area, moment_x, moment_y = sums_of(mask).over(boxes)
    shown = np.maximum(area, 1)
    left, upper, right, lower = boxes.T
    off_x = (moment_x / shown - (left + right) / 2) / (right - left)
    off_y = (moment_y / shown - (upper + lower) / 2) / (lower - upper)
    fits = (area >= VISIBLE * mask.sum()) & (np.hypot(off_x, off_y) >= OFF_CENTRE)
    if not fits.any():
        return None
    left, upper, right, lower = boxes[rng.choice(np.flatnonzero(fits))].tolist()
    return left, upper, right, lower


def pointing(values: np.ndarray, truth: np.ndarray) -> Pointing:
    """Holds one map against the lesion.

    Args:
        values: ``float (h, w)``, 0–1, coarse as the network makes it.
        truth: ``bool (HEAT_MAP_SIDE, HEAT_MAP_SIDE)``: the lesion in the crop.
    """
    size = truth.shape[1], truth.shape[0]
    # As webapp.photo.overlay enlarges it.
    smooth = Image.fromarray(values.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
    shown = np.clip(np.asarray(smooth), 0, 1)
    total = float(shown.sum())
    row, column = np.unravel_index(int(np.asarray(smooth).argmax()), truth.shape)
    return Pointing(bool(truth[row, column]), float(shown[truth].sum()) / total if total else 0.0)


def _truth_in(mask: np.ndarray, box: Box) -> np.ndarray:
    side = HEAT_MAP_SIDE, HEAT_MAP_SIDE
    picture = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(picture.resize(side, Image.Resampling.NEAREST, box=box)) > 127


@dataclass(frozen=True)
class _Crop:
    record: Record
    truth: np.ndarray
    maps: dict[str, Pointing]


def _crops(predictor: Looks, subset: Subset, masks: Masks, seed: int) -> Iterator[_Crop]:
    for number, (record, image, mask) in enumerate(masks.images(subset)):
        rng = np.random.default_rng((seed, number))
        box = off_centre_crop(mask, record.aspect or image.width / image.height, rng)
        if box is None:
            continue
        prediction, truth = predictor.predict(image, box), _truth_in(mask, box)
        found = {"activation_map": prediction.activation_map, "lesion_map": lesion_map(prediction)}
        maps = {name: pointing(values, truth) for name, values in found.items() if values is not None}
        yield _Crop(record, truth, maps)


def heat_map_metrics(
    predictor: Looks, subset: Subset, masks: Masks, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """Returns the branch ``heat_map``: of off-centre crops, how often each map points into the lesion.

    Beside it, how often a map does that always points at the middle, and how much of the crop the
    lesion is, which is the energy that an even map has inside.
    """
    with_mask = sum(record.image_id in masks.members for record in subset.records)
    crops = list(tqdm(_crops(predictor, subset, masks, seed), "heat map", with_mask, disable=None))
    tree: dict[str, Any] = {"off_centre": OFF_CENTRE, "photos_with_mask": with_mask, "images": len(crops)}
    if not crops:
        return tree
    middle = HEAT_MAP_SIDE // 2
    groups = np.array([crop.record.lesion_id for crop in crops])
    cancer = np.array([crop.record.malignant for crop in crops])

    def mean(values: list[float]) -> dict[str, float]:
        return mean_with_interval(np.array(values), groups, resamples)

    def share(mask: np.ndarray, part: np.ndarray) -> dict[str, float] | None:
        return share_with_interval(mask[part], groups[part]) if part.any() else None

    everywhere = np.ones(len(crops), bool)
    tree["middle_inside"] = share(np.array([crop.truth[middle, middle] > 0 for crop in crops]), everywhere)
    tree["lesion_area"] = mean([float(crop.truth.mean()) for crop in crops])
    for name in crops[0].maps:
        peaks = np.array([crop.maps[name].peak > 0 for crop in crops])
        tree[name] = {
            "peak_inside": share(peaks, everywhere),
            "peak_inside_cancer": share(peaks, cancer),
            "peak_inside_harmless": share(peaks, ~cancer),
            "energy_inside": mean([crop.maps[name].energy for crop in crops]),
        }
    return tree
