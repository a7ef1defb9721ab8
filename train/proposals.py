"""Whether the app's crop proposal holds the lesion, and whether the network gains by it."""

from typing import Any, Final

import numpy as np
from PIL import Image
from tqdm import tqdm

from train.answers import Answers, Looks, predict_images, scored_malignancy
from train.dataset import Subset, true_centre_square
from train.judging import BoxOf
from train.masks import Masks, covered
from train.metrics import RESAMPLES, Scored, auc, mean_with_interval, with_intervals
from webapp.imaging import Box, centre_square
from webapp.predictor import Prediction

COVERED: Final = 0.9  # of the lesion's area must lie in the box


def seen_square(image: Image.Image, aspect: float | None) -> Box:
    """Returns the part of a frame that the app looks at unasked, in pixels of the stored frame."""
    return true_centre_square(image.width, image.height, aspect) or centre_square(*image.size)


def proposed(prediction: Prediction, square: Box, box_of: BoxOf) -> Box:
    """Returns the proposal in pixels of the frame; the whole square where nothing is proposed."""
    shares = box_of(prediction)
    if shares is None:
        return square
    left, upper, right, lower = square
    width, height = right - left, lower - upper
    return (
        left + shares[0] * width,
        upper + shares[1] * height,
        left + shares[2] * width,
        upper + shares[3] * height,
    )


def coverage_metrics(
    predictor: Looks, subset: Subset, masks: Masks, box_of: BoxOf, resamples: int = RESAMPLES
) -> dict[str, Any]:
    """Returns how often the proposed box covers the lesion, on whole frames.

    Beside it the same for a box of the same size in the frame's middle, which a proposal must beat,
    and the box's area as a share of the square that the app sees unasked: one that takes everything
    covers everything.
    """
    groups, hits, middle_hits, areas = [], [], [], []
    with_mask = sum(record.image_id in masks.members for record in subset.records)
    for record, image, mask in tqdm(masks.images(subset), "crop proposal", with_mask, disable=None):
        if not mask.any():
            continue
        square = seen_square(image, record.aspect)
        box = proposed(predictor.predict(image, square), square, box_of)
        half_width, half_height = (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
        x, y = image.width / 2, image.height / 2
        middle = x - half_width, y - half_height, x + half_width, y + half_height
        groups.append(record.lesion_id)
        hits.append(covered(mask, box) >= COVERED)
        middle_hits.append(covered(mask, middle) >= COVERED)
        areas.append(4 * half_width * half_height / ((square[2] - square[0]) * (square[3] - square[1])))
    tree: dict[str, Any] = {"covered": COVERED, "images": len(groups)}
    names = np.array(groups)
    for name, values in (("covers", hits), ("same_box_in_the_middle", middle_hits), ("area", areas)):
        tree[name] = mean_with_interval(np.array(values), names, resamples) if groups else None
    return tree


def gain_metrics(
    predictor: Looks, subset: Subset, plain: Answers, box_of: BoxOf, resamples: int = RESAMPLES
) -> dict[str, Any]:
    """Returns the malignancy AUC with the proposal and without it, and the difference.

    Args:
        predictor: The network.
        subset: Phone photos, patients drawn together.
        plain: Its answers for them as they are.
        box_of: The app's proposal.
        resamples: Of the bootstrap, which draws both answers of a patient at once.
    """

    def looks() -> Any:
        for record, image in subset.images():
            square = seen_square(image, record.aspect)
            yield record, image, proposed(predictor.predict(image, square), square, box_of)

    cropped = predict_images(predictor, looks())
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
