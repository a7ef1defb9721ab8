"""What the app accepts and what it refuses: everything that must be judged, and everything that must not."""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from PIL import Image
from tqdm import tqdm

from train.datasets.dataset import Record, Subset
from train.datasets.frames import in_true_aspect
from train.datasets.masks import Masks, sums_of
from train.datasets.negatives import KINDS, negatives
from train.datasets.scenes import outlined_frames, several
from train.evaluation.answers import Answers, Looks, scored_malignancy
from train.evaluation.groups import FEWEST
from train.evaluation.judging import outcome_of, refused
from train.evaluation.metrics import (
    RESAMPLES,
    Figures,
    Share,
    auc,
    share_with_interval,
    wilson,
    with_intervals,
)
from train.evaluation.robustness import Change, answers_to, blurred, brightened, drawn
from webapp.answer.assessment import Caution, Outcome
from webapp.photo.imaging import Box

NEGATIVES: Final = 50  # of each kind
BLUR_STEPS: Final = (0.005, 0.01, 0.02, 0.04, 0.08)
"""Standard deviations of the Gaussian, as shares of the photo's shorter side."""
DARKNESS_STEPS: Final = (0.7, 0.5, 0.35, 0.25, 0.15, 0.08)
"""Factors of brightness."""
FRAME_HEIGHT: Final = 450  # of an official HAM10000 frame: a crop must not fail for its pixels alone
BARE_SIDES: Final = (0.5, 0.4, 0.35, 0.3, 0.25)  # of the crops without lesion, largest first
BARE_GAP: Final = 0.05  # of the frame's height stays free around the outline, which is not exact
BARE_POSITIONS: Final = 15
RIM: Final = 50  # a crop with a darker mean shows the dermatoscope's rim

_WORDNET_ID = re.compile(r"n(\d{8})_")
_LAST_ANIMAL: Final = 2_655_020  # the puffer: ImageNet's animals are its first 398 classes (n01440764 on)


def accepted(answers: Answers) -> dict[str, Any]:
    """Returns how many photos the app is willing to judge, and how many get no all-clear because they are
    unusual or their spot is small."""
    # The lesion stands where no patient is known.
    groups = np.array([record.patient_id for record in answers.records])
    masks = {"accepted": ~answers.refused} | {
        str(caution): answers.cautioned(caution) for caution in (Caution.UNUSUAL, Caution.SMALL_SPOT)
    }
    shares = {name: share_with_interval(mask, groups) for name, mask in masks.items()}
    return {"images": len(groups), **shares}


def everyday_metrics(answers: Answers) -> dict[str, Any]:
    """Returns how many photos without a lesion are accepted; animals apart, where ImageNet says so."""
    found = [_WORDNET_ID.match(record.image_id) for record in answers.records]
    tree = accepted(answers)
    if all(found):
        animal = np.array([int(match[1]) <= _LAST_ANIMAL for match in found if match])
        tree["kinds"] = {
            name: _refused(answers.refused[part]) for name, part in (("animals", animal), ("things", ~animal))
        }
    return tree


def _refused(mask: np.ndarray) -> dict[str, Any]:
    share = wilson(int(mask.sum()), len(mask)) if len(mask) else None
    return {"images": len(mask), "refused": share}


def negative_metrics(predictor: Looks, count: int = NEGATIVES) -> dict[str, Any]:
    """Returns, for each kind of drawn picture, how many are refused."""
    contract = predictor.bundle.contract
    return {
        kind: _refused(
            np.array(
                [refused(image, predictor.predict(image), contract) for image in negatives(kind, count)], bool
            )
        )
        for kind in tqdm(KINDS, "drawn pictures", disable=None)
    }


def degraded_metrics(
    predictor: Looks, subset: Subset, count: int, by_patient: bool = False, resamples: int = RESAMPLES
) -> dict[str, Any]:
    """Returns, for each step of blur and of darkness, what is left of the AUC and who is refused.

    ``malignancy_auc`` and ``difference`` are of all photos, accepted or not; ``difference_accepted``
    compares after and before on the photos that are still accepted, which is the harm that gets through;
    it is ``None`` where too few of them are left to tell.
    """
    chosen = drawn(subset, count)
    plain = answers_to(predictor, chosen, lambda image: image, "unchanged")
    ladders: Mapping[str, tuple[tuple[float, ...], Any]] = {
        "blur": (BLUR_STEPS, blurred),
        "darkness": (DARKNESS_STEPS, brightened),
    }
    tree: dict[str, Any] = {"images": len(plain.records)}
    for name, (steps, change) in ladders.items():
        tree[name] = []
        for step in steps:
            after = answers_to(predictor, chosen, _at(change, step), f"{name} {step:g}")
            tree[name].append({"step": step, **_after(plain, after, by_patient, resamples)})
    return tree


def _at(change: Any, step: float) -> Change:
    return lambda image: change(image, step)


def _after(before: Answers, after: Answers, by_patient: bool, resamples: int) -> dict[str, Any]:
    scored = dataclasses.replace(
        scored_malignancy(before, by_patient),
        probabilities=after.malignancy[:, None],
        limits=None,
        refused=after.refused,
    )

    def figures(part: Any) -> Figures:
        kept, changed = ~part.refused, part.probabilities[:, 0]
        found = auc(part.malignant, changed)
        return {
            "malignancy_auc": found,
            "difference": found - auc(part.malignant, part.malignancy),
            "difference_accepted": auc(part.malignant[kept], changed[kept])
            - auc(part.malignant[kept], part.malignancy[kept]),
            "refused": Share(part.refused, part.groups),
        }

    tree: dict[str, Any] = dict(with_intervals(scored, figures, resamples))
    cancers, harmless = ((~after.refused & part).sum() for part in (scored.malignant, ~scored.malignant))
    if min(cancers, harmless) < FEWEST:
        tree["difference_accepted"] = None
    return tree


def bare_crop(mask: np.ndarray, rng: np.random.Generator) -> Box | None:
    """Draws the largest square beside the lesion that leaves a gap to it.

    Args:
        mask: ``bool (height, width)``, in true aspect.
        rng: Draws among the places where it fits.

    Returns:
        A box in pixels; ``None`` where the lesion leaves no room.
    """
    height, width = mask.shape
    sums, unit = sums_of(mask), min(height, width)
    gap = round(BARE_GAP * unit)
    for share in BARE_SIDES:
        side = round(share * unit)
        lefts = np.linspace(0, width - side, BARE_POSITIONS).round().astype(int)
        uppers = np.linspace(0, height - side, BARE_POSITIONS).round().astype(int)
        left, upper = (axis.ravel() for axis in np.meshgrid(lefts, uppers))
        boxes = np.stack([left, upper, left + side, upper + side], axis=1)
        wider = np.stack(
            [
                np.maximum(left - gap, 0),
                np.maximum(upper - gap, 0),
                np.minimum(left + side + gap, width),
                np.minimum(upper + side + gap, height),
            ],
            axis=1,
        )
        free = np.flatnonzero(sums.over(wider)[0] == 0)
        if len(free):
            left, upper, right, lower = boxes[rng.choice(free)].tolist()
            return left, upper, right, lower
    return None


def bare_skin(subset: Subset, masks: Masks, seed: int = 0) -> Iterator[tuple[Record, Image.Image]]:
    """Yields squares of the photos' margins that show skin and no lesion."""
    for number, (record, image, mask) in enumerate(masks.images(subset)):
        frame = in_true_aspect(image, record.aspect)
        scale = FRAME_HEIGHT / min(frame.size)
        size = round(frame.width * scale), round(frame.height * scale)
        outline = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.NEAREST)
        box = bare_crop(np.asarray(outline) > 127, np.random.default_rng((seed, number)))
        if box is None:
            continue
        left, upper, right, lower = (round(edge) for edge in box)
        crop = frame.resize(size, Image.Resampling.BICUBIC).crop((left, upper, right, lower))
        if np.asarray(crop).mean() >= RIM:
            yield record, crop


def several_spots_metrics(
    predictor: Looks, subset: Subset, masks: Masks, count: int, seed: int = 0
) -> dict[str, Any]:
    """Returns how photos end that were made of the lesions of a test set: two to five side by side on skin.

    Args:
        predictor: The network.
        subset: The test set.
        masks: Its outlines.
        count: How many of its photos are made use of.
        seed: Of the draw.
    """
    rng = np.random.default_rng(seed)
    chosen = drawn(subset, count, seed)
    frames = [frame for frame in outlined_frames(chosen, masks) if frame.skin is not None]
    contract = predictor.bundle.contract
    ends = []
    for frame in tqdm(frames, "several spots", disable=None):
        scene = several(frame, frames, 2 * contract.input.size, rng)
        if scene is not None:
            image = Image.fromarray(scene.view)
            ends.append(outcome_of(image, predictor.predict(image), contract))
    tree: dict[str, Any] = {"images": len(ends)}
    for outcome in Outcome:
        tree[str(outcome)] = wilson(sum(end is outcome for end in ends), len(ends)) if ends else None
    return tree


def bare_skin_metrics(predictor: Looks, subset: Subset, masks: Masks) -> dict[str, Any]:
    """Returns how photos of skin without a lesion end in the app.

    Nothing here is to be told from cancer: ``cannot_judge`` and ``no_signs`` are both right.
    """
    ends, groups = [], []
    contract = predictor.bundle.contract
    for record, image in tqdm(bare_skin(subset, masks), "skin without lesion", disable=None):
        ends.append(outcome_of(image, predictor.predict(image), contract))
        groups.append(record.lesion_id)
    tree: dict[str, Any] = {"images": len(ends)}
    for outcome in Outcome:
        mask = np.array([end is outcome for end in ends])
        tree[str(outcome)] = share_with_interval(mask, np.array(groups)) if ends else None
    return tree
