"""How unlike photos of a skin spot a photo is, from the network's own embedding.

Three measures, the largest of which counts, each on a scale on which 1 is too unfamiliar to be judged and 0.5
the edge of the usual. Two logistic heads were shown everyday photos, nails and rendered pictures (outlier
exposure; Hendrycks et al. 2019, arXiv:1812.04606): one holds them against photos of every collection and
refuses, the other against those from home alone and says what is unusual, but never refuses. The Mahalanobis
distance to the nearest class (Lee et al. 2018, arXiv:1807.03888) in the space of the embedding's leading
principal components stands for what looks like nothing that the heads have seen.
"""

from dataclasses import dataclass
from typing import Any, Final

import keras
import numpy as np
from keras import layers

from train.network.heads import LogisticHead

COMPONENTS: Final = 128
MOST_UNUSUAL: Final = 0.99
"""What the head that only knows home says at most: below the limit of refusal, rounding included."""
# Directions with less than this share of the largest variance are noise: dividing by it would make the
# score a matter of rounding, different in every runtime.
FLOOR: Final = 1e-3


@dataclass(frozen=True)
class Scale:
    """Maps a measure to a line: ``usual`` becomes 0.5, ``limit``, which is higher, 1."""

    usual: float
    limit: float

    @property
    def slope(self) -> float:
        return 0.5 / max(self.limit - self.usual, 1e-6)

    @property
    def offset(self) -> float:
        return 1 - self.limit * self.slope

    def of(self, values: np.ndarray) -> np.ndarray:
        """Returns ``(count,)`` of a measure's values ``(count,)``."""
        return values * self.slope + self.offset


@dataclass(frozen=True)
class Unfamiliarity:
    """The measures and their scales: above 1 a photo is too unfamiliar to be judged.

    The heads' are in log-odds. As probabilities, which hardly differ between photos of spots, they had
    no say below the limit, where they are the better ones by far. One head for both questions refused 85 % of
    the everyday photos where two refuse nearly all: photos of another clinic's spots are unusual to it, and
    they draw the limit of refusal away (``train/LOG.md``).
    """

    distance: "Familiarity"
    distance_scale: Scale
    outlier: LogisticHead
    outlier_scale: Scale
    unusual: LogisticHead
    unusual_scale: Scale

    def score(self, embeddings: np.ndarray) -> np.ndarray:
        """Returns ``(count,)`` of embeddings ``(count, 1280)``."""
        measures = (
            self.distance_scale.of(self.distance.score(embeddings)),
            self.outlier_scale.of(self.outlier.logits(embeddings)),
            np.minimum(self.unusual_scale.of(self.unusual.logits(embeddings)), MOST_UNUSUAL),
        )
        return np.max(measures, axis=0)

    def as_layers(self, embedding: Any) -> Any:
        """Returns the same score as part of a Keras graph, of shape ``(batch, 1)``."""
        parts = (
            (self.distance.as_layers(embedding), self.distance_scale),
            (self.outlier.as_dense(embedding, "outlier", probability=False), self.outlier_scale),
        )
        measures = [layers.Rescaling(scale.slope, scale.offset)(part) for part, scale in parts]
        unusual = self.unusual.as_dense(embedding, "unusual", probability=False)
        unusual = layers.Rescaling(self.unusual_scale.slope, self.unusual_scale.offset)(unusual)
        measures.append(keras.ops.minimum(unusual, MOST_UNUSUAL))
        return layers.Maximum(name="unfamiliarity")(measures)


@dataclass(frozen=True)
class Familiarity:
    """``whitening`` ``(1280, k)`` and ``centre`` ``(1280,)`` map an embedding to a space where the
    training photos of each class have unit covariance; ``means`` ``(classes, k)`` are the classes there.
    """

    centre: np.ndarray
    whitening: np.ndarray
    means: np.ndarray

    def score(self, embeddings: np.ndarray) -> np.ndarray:
        """Returns the distance to the nearest class mean, in units of that space's dimension.

        Args:
            embeddings: ``(count, 1280)``.

        Returns:
            ``(count,)``, 1 on average for the training photos, larger for unfamiliar ones.
        """
        z = (embeddings - self.centre) @ self.whitening
        distances = ((z[:, None] - self.means[None]) ** 2).mean(axis=2)
        return distances.min(axis=1)

    def as_layers(self, embedding: Any) -> Any:
        """Returns the same score as part of a Keras graph, of shape ``(batch, 1)``."""
        k = self.means.shape[1]
        project = layers.Dense(k, name="whitened")
        z = project(embedding)
        project.set_weights([self.whitening, -self.centre @ self.whitening])
        # |z - m|² = |z|² - 2 z·m + |m|²: the last two terms are a Dense layer.
        cross = layers.Dense(len(self.means), name="nearest_class")
        linear = cross(z)
        cross.set_weights([-2 * self.means.T / k, (self.means**2).mean(axis=1)])
        squares = keras.ops.mean(keras.ops.square(z), axis=1, keepdims=True)
        nearest = keras.ops.min(linear, axis=1, keepdims=True)
        return layers.Add(name="distance")([squares, nearest])


def fit_familiarity(embeddings: np.ndarray, labels: np.ndarray, components: int = COMPONENTS) -> Familiarity:
    """Fits class means and a shared covariance.

    Args:
        embeddings: ``(count, 1280)`` of the training photos, without augmentation.
        labels: ``(count,)`` class indices.
        components: How many principal components of the within-class scatter to keep.
    """
    embeddings = embeddings.astype(np.float64)
    classes = np.unique(labels)
    means = np.stack([embeddings[labels == c].mean(axis=0) for c in classes])
    residuals = embeddings - means[np.searchsorted(classes, labels)]
    covariance = residuals.T @ residuals / len(residuals)
    values, vectors = np.linalg.eigh(covariance)
    rank = max(1, len(residuals) - len(classes))
    keep = np.argsort(values)[::-1][: min(components, rank)]
    whitening = vectors[:, keep] / np.sqrt(values[keep] + FLOOR * values[keep][0])
    centre = embeddings.mean(axis=0)
    return Familiarity(
        centre.astype(np.float32),
        whitening.astype(np.float32),
        ((means - centre) @ whitening).astype(np.float32),
    )
