"""Whether the app's crop proposal holds the lesion, and whether the network gains by it."""

from collections.abc import Iterator
from typing import Any, Final, cast

import numpy as np
from PIL import Image
from tqdm import tqdm

from train.datasets.dataset import Record, Subset
from train.datasets.frames import in_true_aspect
from train.datasets.masks import Masks, covered
from train.datasets.scenes import OutlinedFrame, outlined_frame, placed
from train.evaluation.answers import Answers, Looks, predict_images, scored_malignancy
from train.evaluation.metrics import (
    RESAMPLES,
    Scored,
    auc,
    mean_with_interval,
    share_with_interval,
    with_intervals,
)
from webapp.answer.crop_proposal import propose_box, with_margin
from webapp.model.predictor import Predictor
from webapp.photo.imaging import Box, Photo, centre_square

COVERED: Final = 0.9  # of the lesion's area must lie in the box
FAR_SIDES: Final = (0.1, 0.4)
"""Of the lesion in a photo that was taken from too far away, as shares of the photo's side."""
FAR_PIXELS: Final = 1200
"""Of such a photo's side at most."""
FRAME_PIXELS: Final = 450
"""Of the shorter side of the frames that it is made of: no detail of the lesion is lost before."""


def proposed(predictor: Looks, frame: Image.Image) -> Box:
    """Returns the square at which the app looks in a whole photo in its true aspect if it is to find the spot
    itself, in pixels of the photo: the middle where it finds none."""
    proposal = propose_box(cast(Predictor, predictor), Photo(frame, "PNG", frame.size))
    return proposal.box if proposal else centre_square(*frame.size)


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
    for name, mask in (("covers", hits), ("same_box_in_the_middle", middle_hits)):
        tree[name] = share_with_interval(np.array(mask), names) if groups else None
    tree["area"] = mean_with_interval(np.array(areas), names, resamples) if groups else None
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


def far_metrics(
    predictor: Looks, subset: Subset, masks: Masks, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """Returns the malignancy AUC on photos taken from too far away: in the middle, with the proposal, and in
    the square around the lesion's outline; and how often the proposed box covers the lesion.

    Each photo is a lesion at 10 to 40 % of the side somewhere on more of its own skin.
    """
    looks: dict[str, list[tuple[Record, Image.Image, Box]]] = {"middle": [], "proposed": [], "outlined": []}
    hits = []
    for number, (record, image, mask) in enumerate(
        tqdm(masks.images(subset), "far photos", len(subset.records), disable=None)
    ):
        rng = np.random.default_rng((seed, number))
        made = _far_photo(outlined_frame(record, image, mask, FRAME_PIXELS), rng)
        if made is None:
            continue
        photo, outline = made
        rows, columns = np.nonzero(outline)
        around = float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1)
        boxes = {
            "middle": centre_square(*photo.size),
            "proposed": proposed(predictor, photo),
            "outlined": with_margin(around, photo.size),
        }
        for name, box in boxes.items():
            looks[name].append((record, photo, box))
        hits.append(covered(outline, boxes["proposed"]) >= COVERED)
    tree: dict[str, Any] = {"images": len(hits)}
    if not hits:
        return tree
    answers = {name: predict_images(predictor, each) for name, each in looks.items()}
    scored = scored_malignancy(answers["middle"])
    tree["covers"] = share_with_interval(np.array(hits), scored.groups)
    both = Scored(
        scored.malignant,
        scored.malignancy,
        scored.groups,
        probabilities=np.stack([answers[name].malignancy for name in looks], axis=1),
    )

    def figures(part: Scored) -> dict[str, float]:
        assert part.probabilities is not None
        found = {
            f"auc_{name}": auc(part.malignant, scores)
            for name, scores in zip(looks, part.probabilities.T, strict=True)
        }
        return {**found, "lost": found["auc_outlined"] - found["auc_proposed"]}

    return {**tree, **with_intervals(both, figures, resamples)}


def _far_photo(
    frame: OutlinedFrame | None, rng: np.random.Generator
) -> tuple[Image.Image, np.ndarray] | None:
    if frame is None or frame.skin is None:
        return None
    share = float(rng.uniform(*FAR_SIDES))
    scene = placed(frame, [frame], int(min(FAR_PIXELS, frame.extent[2] / share)), [share], rng)
    return None if scene is None else (Image.fromarray(scene.view), scene.lesion > 0.5)
