"""Whether the app's crop proposal holds the lesion, and whether the network gains by it."""

from collections.abc import Iterator
from typing import Any, Final, cast

import numpy as np
from PIL import Image
from tqdm import tqdm

from train.datasets.dataset import Record, Subset
from train.datasets.frames import in_true_aspect
from train.datasets.masks import Masks, covered
from train.evaluation.answers import Answers, Looks, predict_images, scored_malignancy
from train.evaluation.metrics import RESAMPLES, Scored, auc, mean_with_interval, with_intervals
from webapp.answer.crop_proposal import propose_box
from webapp.model.predictor import Predictor
from webapp.photo.imaging import Box, Photo

COVERED: Final = 0.9  # of the lesion's area must lie in the box


def proposed(predictor: Looks, frame: Image.Image) -> Box:
    """Returns the square that the app proposes for a whole photo in its true aspect, in its pixels."""
    return propose_box(cast(Predictor, predictor), Photo(frame, "PNG", frame.size))


def coverage_metrics(
    predictor: Looks, subset: Subset, masks: Masks, resamples: int = RESAMPLES
) -> dict[str, Any]:
    """Returns how often the proposed box covers the lesion, on whole frames.

    Beside it the same for a box of the same size in the frame's middle, which a proposal must beat,
    and the box's area as a share of the centre square: one that takes everything covers everything.
    """
    groups, hits, middle_hits, areas = [], [], [], []
    with_mask = sum(record.image_id in masks.members for record in subset.records)
    for record, image, mask in tqdm(masks.images(subset), "crop proposal", with_mask, disable=None):
        if not mask.any():
            continue
        frame = in_true_aspect(image, record.aspect)
        outline = np.asarray(Image.fromarray(mask).resize(frame.size, Image.Resampling.NEAREST))
        box = proposed(predictor, frame)
        half, x, y = (box[2] - box[0]) / 2, frame.width / 2, frame.height / 2
        groups.append(record.lesion_id)
        hits.append(covered(outline, box) >= COVERED)
        middle_hits.append(covered(outline, (x - half, y - half, x + half, y + half)) >= COVERED)
        areas.append((2 * half / min(frame.size)) ** 2)
    tree: dict[str, Any] = {"covered": COVERED, "images": len(groups)}
    names = np.array(groups)
    for name, values in (("covers", hits), ("same_box_in_the_middle", middle_hits), ("area", areas)):
        tree[name] = mean_with_interval(np.array(values), names, resamples) if groups else None
    return tree


def gain_metrics(
    predictor: Looks, subset: Subset, plain: Answers, resamples: int = RESAMPLES
) -> dict[str, Any]:
    """Returns the malignancy AUC with the proposal and without it, and the difference.

    Args:
        predictor: The network.
        subset: Phone photos, patients drawn together.
        plain: Its answers for them as they are.
        resamples: Of the bootstrap, which draws both answers of a patient at once.
    """

    def photos() -> Iterator[tuple[Record, Image.Image, Box]]:
        for record, image in subset.images():
            frame = in_true_aspect(image, record.aspect)
            yield record, frame, proposed(predictor, frame)

    cropped = predict_images(predictor, photos())
    scored = scored_malignancy(plain, by_patient=True)
    # Both scores of a photo travel through the bootstrap side by side.
    both = Scored(
        scored.malignant, scored.malignancy, scored.groups, probabilities=cropped.malignancy[:, None]
    )

    def figures(part: Scored) -> dict[str, float]:
        assert part.probabilities is not None
        without, with_box = (
            auc(part.malignant, part.malignancy),
            auc(part.malignant, part.probabilities[:, 0]),
        )
        return {"auc_without": without, "auc_with": with_box, "gain": with_box - without}

    return {"images": len(scored), **with_intervals(both, figures, resamples)}
