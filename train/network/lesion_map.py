"""Where the spot is: a small head on what the finished network has seen at three scales.

The last features say what is a lesion, but at a sixth of the square a place they cannot say where a small
one ends; the earlier ones are four times as fine and know edges. So each scale speaks at its own fineness and
is added to the others (as in feature pyramids; Lin et al. 2017, arXiv:1612.03144), at 1 % of the network's
price.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from keras import layers
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

STAGES: Final = (2, 4, 6)
"""Of the backbone, finest first: they give out an eighth, a sixteenth and a thirty-second of the side."""
KERNELS: Final = (1, 3, 1)
"""How many places around each count, along each axis, at each scale."""
FACTORS: Final = (1, 2, 4)
"""By which each is scaled up."""
HIDDEN: Final = 24
NAME: Final = "lesion_map"
PLACES: Final = 20
"""Of each view, drawn for the fit: half of them anywhere, half near the edge of a lesion if there is one."""
NEAR: Final = 2
"""Places around the edge that are near."""
PENALTY: Final = 1e-3
EPOCHS: Final = 12
SEED: Final = 7


@dataclass(frozen=True)
class LesionMap:
    """``kernels`` ``(height, width, channels, HIDDEN)`` of each scale, their common ``bias`` ``(HIDDEN,)``,
    and ``out`` ``(HIDDEN,)`` and ``out_bias``, which make log-odds of what is above 0."""

    kernels: tuple[np.ndarray, ...]
    bias: np.ndarray
    out: np.ndarray
    out_bias: float

    def as_layers(self, features: Sequence[Any]) -> Any:
        """Returns each place's chance of being lesion, ``(batch, side / 8, side / 8, 1)``, in a Keras graph.

        Args:
            features: What the stages of :data:`STAGES` give out, each ``(batch, height, width, channels)``.
        """
        parts = []
        for index, (x, kernel, factor) in enumerate(zip(features, self.kernels, FACTORS, strict=True)):
            layer = layers.Conv2D(len(self.bias), kernel.shape[0], padding="same", name=f"{NAME}_{index}")
            part = layer(x)
            layer.set_weights([kernel, self.bias if factor == 1 else np.zeros_like(self.bias)])
            if factor > 1:
                up = layers.UpSampling2D(factor, interpolation="bilinear", name=f"{NAME}_up_{index}")
                part = up(part)
            parts.append(part)
        found = layers.ReLU(name=f"{NAME}_relu")(layers.Add(name=f"{NAME}_sum")(parts))
        last = layers.Conv2D(1, 1, activation="sigmoid", name=NAME)
        chance = last(found)
        last.set_weights([self.out.reshape(1, 1, -1, 1), np.array([self.out_bias])])
        return chance


def fit_lesion_map(features: Sequence[np.ndarray], lesion: np.ndarray) -> LesionMap:
    """Fits the head on places drawn from views; the network below it stays as it is.

    Args:
        features: Of the views, at the scales of :data:`STAGES`: each ``(count, height, width, channels)``.
        lesion: ``(count, side / 8, side / 8)``, the share (0–1) of each place that the lesion covers. Places
            that are half covered teach nothing.
    """
    rng = np.random.default_rng(SEED)
    view, row, column, weights = _drawn_places(lesion, rng)
    columns = [
        _at(each, kernel, factor, view, row, column)
        for each, kernel, factor in zip(features, KERNELS, FACTORS, strict=True)
    ]
    widths = [each.shape[1] for each in columns]
    x = np.concatenate(columns, axis=1)
    covered = lesion[view, row, column]
    centre, scale = x.mean(axis=0), x.std(axis=0) + np.float32(1e-2)
    x -= centre
    x /= scale
    model = MLPClassifier(
        (HIDDEN,), alpha=PENALTY, batch_size=256, max_iter=EPOCHS, random_state=SEED, n_iter_no_change=EPOCHS
    )
    weights = weights * np.abs(covered - 0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs are few on purpose
        model.fit(x, covered > 0.5, weights / weights.mean())
    first, out = model.coefs_
    first = first / scale[:, None]
    bias = model.intercepts_[0] - centre @ first
    kernels = tuple(
        part.reshape(kernel, kernel, -1, HIDDEN).astype(np.float32)
        for part, kernel in zip(np.split(first, np.cumsum(widths)[:-1]), KERNELS, strict=True)
    )
    return LesionMap(
        kernels, bias.astype(np.float32), out[:, 0].astype(np.float32), float(model.intercepts_[1][0])
    )


def _drawn_places(
    lesion: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns view, row and column of each drawn place, and its weight, as if all were drawn alike."""
    drawn: list[tuple[np.ndarray, ...]] = []
    counts = []
    kernel = np.ones((2 * NEAR + 1, 2 * NEAR + 1), np.uint8)
    for index, square in enumerate(lesion):
        inside = (square > 0.5).astype(np.uint8)
        near = (cv2.dilate(inside, kernel) - cv2.erode(inside, kernel)) > 0
        chance = np.full(square.size, 1 / square.size)
        if near.any():
            chance = (chance + near.ravel() / near.sum()) / 2
        chosen = rng.choice(square.size, PLACES, p=chance)
        drawn.append((np.full(PLACES, index), *np.unravel_index(chosen, square.shape)))
        counts.append(1 / (chance[chosen] * square.size))
    view, row, column = (np.concatenate(each) for each in zip(*drawn, strict=True))
    return view, row, column, np.concatenate(counts)


def _at(
    features: np.ndarray, kernel: int, factor: int, view: np.ndarray, row: np.ndarray, column: np.ndarray
) -> np.ndarray:
    """Returns what a convolution, scaled up, sees at each place: ``float32 (places, kernel² · channels)``.

    Scaling up is linear, so that it may come before the convolution as well as behind it.
    """
    height, width = features.shape[1:3]
    around = kernel // 2
    padded = np.pad(features, ((0, 0), (around, around), (around, around), (0, 0)))
    found = 0.0
    for r, share_r in _between(row, factor, height):
        for c, share_c in _between(column, factor, width):
            patches = [padded[view, r + i, c + j] for i in range(kernel) for j in range(kernel)]
            found = found + (share_r * share_c)[:, None] * np.concatenate(patches, axis=1)
    return np.asarray(found, np.float32)


def _between(place: np.ndarray, factor: int, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns the two coarse places between which a fine one lies, and the share of each."""
    at = ((place + 0.5) / factor - 0.5).clip(0, count - 1)
    low = np.floor(at).astype(int)
    share = (at - low).astype(np.float32)
    return [(low, 1 - share), (np.minimum(low + 1, count - 1), share)]
