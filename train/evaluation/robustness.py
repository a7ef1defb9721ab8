"""How much the answer changes when the photo does and the lesion does not."""

import dataclasses
import io
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter
from tqdm import tqdm

from train.datasets.dataset import Record, Subset
from train.datasets.frames import in_true_aspect, seen_square
from train.evaluation.answers import Answers, Looks, predict_images, scored_malignancy
from train.evaluation.metrics import (
    RESAMPLES,
    Figures,
    Scored,
    Share,
    auc,
    mean_with_interval,
    with_intervals,
)
from webapp.answer.assessment import Caution
from webapp.photo.imaging import model_input

PHOTOS: Final = 500

Change = Callable[[Image.Image], Image.Image]
"""From a photo in its true aspect to the changed one."""


def rotated(image: Image.Image, degrees: float) -> Image.Image:
    """Turns a photo around its middle; what comes in from outside the frame is its mirror image."""
    margin = math.ceil(math.hypot(*image.size) / 2)
    pixels = np.asarray(image)
    wide = np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), "reflect")
    turned = Image.fromarray(wide).rotate(degrees, Image.Resampling.BICUBIC)
    return turned.crop((margin, margin, margin + image.width, margin + image.height))


def recompressed(image: Image.Image, quality: int) -> Image.Image:
    """Sends a photo through JPEG once more."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def brightened(image: Image.Image, factor: float) -> Image.Image:
    """Multiplies brightness, clipped at white."""
    return ImageEnhance.Brightness(image).enhance(factor)


def shrunk(image: Image.Image, factor: float) -> Image.Image:
    """Takes a photo with fewer pixels."""
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    return image.resize(size, Image.Resampling.BICUBIC)


def blurred(image: Image.Image, share: float) -> Image.Image:
    """Blurs by a Gaussian whose standard deviation is a share of the shorter side."""
    return image.filter(ImageFilter.GaussianBlur(share * min(image.size)))


def by_an_ordinary_camera(image: Image.Image) -> Image.Image:
    """Takes the photo again as a camera without a dermatoscope might: the spot at three fifths of its size,
    bluish and flat light, paler, compressed (the skin around it is the photo's own mirror image)."""
    width, height = (round(side / 3) for side in image.size)
    wide = np.pad(np.asarray(image), ((height, height), (width, width), (0, 0)), "reflect")
    pixels = np.asarray(Image.fromarray(wide).resize(image.size, Image.Resampling.BOX)) / 255.0
    darker = pixels**1.2
    grey = darker.mean(axis=2, keepdims=True)
    seen = (grey + 0.8 * (darker - grey)) * (0.92, 1.0, 1.08)
    return recompressed(Image.fromarray((seen.clip(0, 1) * 255).round().astype(np.uint8)), 60)


CHANGES: Final[Mapping[str, Change]] = {
    "rotated_15": lambda image: rotated(image, 15),
    "rotated_45": lambda image: rotated(image, 45),
    "rotated_90": lambda image: rotated(image, 90),
    "jpeg_quality_30": lambda image: recompressed(image, 30),
    "brightness_70": lambda image: brightened(image, 0.7),
    "brightness_130": lambda image: brightened(image, 1.3),
    "half_size": lambda image: shrunk(image, 0.5),
    "blurred": lambda image: blurred(image, 0.01),
    "by_an_ordinary_camera": by_an_ordinary_camera,
}
"""Blurred: a standard deviation of 1 % of the shorter side, 4.5 pixels of an official HAM10000 frame."""

SYMMETRIES: Final[Mapping[str, Callable[[np.ndarray], np.ndarray]]] = {
    "flipped_left_right": lambda pixels: pixels[:, ::-1],
    "flipped_up_down": lambda pixels: pixels[::-1],
    "quarter_turn": lambda pixels: np.rot90(pixels),
    "half_turn": lambda pixels: np.rot90(pixels, 2),
    "three_quarter_turn": lambda pixels: np.rot90(pixels, 3),
}

SYMMETRY_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "flips": ("flipped_left_right", "flipped_up_down"),
    "quarter_turns": ("quarter_turn", "three_quarter_turn"),
}
"""Apart, because the views that the graph averages may be closed under one of them and not the other."""


def drawn(subset: Subset, count: int, seed: int = 0) -> Subset:
    """Returns a random part of a set, or all of it where it has no more; in the set's order."""
    if count >= len(subset.records):
        return subset
    chosen = np.random.default_rng(seed).choice(len(subset.records), count, replace=False)
    return Subset(subset.collection, tuple(subset.records[i] for i in sorted(chosen)))


def answers_to(predictor: Looks, subset: Subset, change: Change, label: str = "") -> Answers:
    """Runs changed photos through a predictor, each in its true aspect."""

    def photos() -> Iterator[tuple[Record, Image.Image, None]]:
        for record, image in tqdm(subset.images(), label, len(subset.records), disable=None):
            yield record, change(in_true_aspect(image, record.aspect)), None

    return predict_images(predictor, photos())


def paired_figures(before: Answers, after: Answers, resamples: int = RESAMPLES) -> dict[str, Any]:
    """Returns the AUC after a change, its difference and the mean change, with the shares that are refused,
    and too unusual or too small a spot for an all-clear.

    The bootstrap draws both answers to a photo together, so that the difference's interval is not
    that of two independent samples.
    """
    scored = scored_malignancy(before)
    held = np.column_stack(
        [after.malignancy, after.cautioned(Caution.UNUSUAL), after.cautioned(Caution.SMALL_SPOT)]
    )
    both = dataclasses.replace(scored, probabilities=held, limits=None, refused=after.refused)

    def figures(part: Scored) -> Figures:
        assert part.probabilities is not None and part.refused is not None
        changed = auc(part.malignant, part.probabilities[:, 0])
        return {
            "malignancy_auc": changed,
            "difference": changed - auc(part.malignant, part.malignancy),
            "mean_absolute_change": float(np.abs(part.probabilities[:, 0] - part.malignancy).mean()),
            "refused": Share(part.refused, part.groups),
            "unusual": Share(part.probabilities[:, 1] > 0, part.groups),
            "small_spot": Share(part.probabilities[:, 2] > 0, part.groups),
        }

    return with_intervals(both, figures, resamples)


def robustness_metrics(
    predictor: Looks, subset: Subset, count: int = PHOTOS, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """Returns the branch ``robustness``: what each change does to the malignancy AUC and to the score.

    Args:
        predictor: The network.
        subset: A test set.
        count: How many of its photos are drawn: each is looked at 16 times.
        resamples: Of the bootstrap.
        seed: Of the draw.
    """
    chosen = drawn(subset, count, seed)
    plain = answers_to(predictor, chosen, lambda image: image, "unchanged")
    scored = scored_malignancy(plain)
    changes = {
        name: paired_figures(plain, answers_to(predictor, chosen, change, name), resamples)
        for name, change in CHANGES.items()
    }
    unchanged = with_intervals(scored, lambda part: {"": auc(part.malignant, part.malignancy)}, resamples)
    return {
        "images": len(scored),
        "seed": seed,
        "malignancy_auc": unchanged[""],
        "changes": changes,
        "symmetries": _symmetry_metrics(predictor, chosen, scored.groups, resamples),
    }


def _symmetry_metrics(predictor: Looks, subset: Subset, groups: np.ndarray, resamples: int) -> dict[str, Any]:
    """Mean absolute change of malignancy where the same pixels are only flipped or turned."""
    size = predictor.bundle.contract.input.size
    rows = []
    for record, image in tqdm(subset.images(), "flips and turns", len(subset.records), disable=None):
        # The network's own pixels are turned: no resampling adds to what the turn does.
        pixels = model_input(image, size, seen_square(image, record.aspect))
        before = predictor.predict(Image.fromarray(pixels)).malignancy
        rows.append(
            [
                abs(
                    predictor.predict(Image.fromarray(np.ascontiguousarray(turn(pixels)))).malignancy - before
                )
                for turn in SYMMETRIES.values()
            ]
        )
    table = np.array(rows)
    tree: dict[str, Any] = {
        name: mean_with_interval(table[:, i], groups, resamples) for i, name in enumerate(SYMMETRIES)
    }
    for kind, members in SYMMETRY_KINDS.items():
        columns = [list(SYMMETRIES).index(name) for name in members]
        tree[kind] = mean_with_interval(table[:, columns].mean(axis=1), groups, resamples)
    tree["all"] = mean_with_interval(table.mean(axis=1), groups, resamples)
    return tree
