"""Small logistic heads on the finished network's features, each a layer of the served graph.

They answer what the seven classes cannot: through a dermatoscope or with a phone, and a spot at all. Fitted
after training, so they cost the diagnosis nothing.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from keras import layers
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

# For standardised features: hundreds of photos stand against 1,280 weights.
REGULARISATION: Final = 0.01


@dataclass(frozen=True)
class LogisticHead:
    """``weights`` ``(channels,)`` and ``bias`` of a logistic regression."""

    weights: np.ndarray
    bias: float

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Returns log-odds of shape ``(…,)`` of features ``(…, channels)``."""
        return np.asarray(features @ self.weights + self.bias)

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Returns chances (0–1) of shape ``(…,)`` of features ``(…, channels)``."""
        return np.asarray(expit(self.logits(features).astype(np.float64)))

    def as_dense(self, embedding: Any, name: str, probability: bool = True) -> Any:
        """Returns the probability, or the log-odds, as part of a Keras graph, ``(batch, 1)`` of an
        embedding."""
        activation = "sigmoid" if probability else None
        layer = layers.Dense(1, activation=activation, name=name)
        y = layer(embedding)
        layer.set_weights([self.weights[:, None], np.array([self.bias])])
        return y


def fit_head(
    features: np.ndarray,
    positive: np.ndarray,
    weights: np.ndarray | None = None,
    regularisation: float = REGULARISATION,
) -> LogisticHead:
    """Fits a head; both sides weigh the same together, however many photos each has.

    Args:
        features: ``(count, channels)``.
        positive: ``bool (count,)``.
        weights: ``(count,)``, how much each counts within its side; equally if ``None``.
        regularisation: Inverse strength of the L2 penalty on standardised features.
    """
    weights = np.ones(len(positive)) if weights is None else weights.astype(np.float64)
    balanced = np.where(positive, weights / weights[positive].sum(), weights / weights[~positive].sum())
    centre, scale = features.mean(axis=0), features.std(axis=0) + 1e-3
    model = LogisticRegression(C=regularisation, max_iter=500)
    model.fit((features - centre) / scale, positive, sample_weight=balanced * len(positive) / 2)
    slopes = model.coef_[0] / scale
    return LogisticHead(slopes.astype(np.float32), float(model.intercept_[0] - centre @ slopes))
