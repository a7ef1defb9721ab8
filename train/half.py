"""Rounds a network to what 16-bit floats can hold, before both of its files are written.

A converter folds each batch normalisation into the convolution before it and rounds the product; Keras
keeps both. Where the product is on the 16-bit grid from the start, rounding changes nothing, and the LiteRT
file with 16-bit weights computes what the Keras file computes.
"""

import keras
import numpy as np
from keras import layers


def round_to_half(model: keras.Model) -> None:
    """Moves all weights by at most half a step of a 16-bit float, so that they keep to its grid.

    Args:
        model: A network, whose weights are changed in place. Its nested networks are rounded as well.
            What a batch normalisation has learned of means and variances stays, so that training can go on.
    """
    normalised = {}
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            normalised[layer.input._keras_history.operation.name] = layer
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            round_to_half(layer)
        elif layer.name in normalised:
            _round_product(layer, normalised[layer.name])
        elif not isinstance(layer, layers.BatchNormalization):
            layer.set_weights([_rounded(weight) for weight in layer.get_weights()])


def _round_product(layer: keras.Layer, normalisation: layers.BatchNormalization) -> None:
    """Rounds a convolution's kernel × scale and the bias − mean × scale that remains of it."""
    gamma, beta, mean, variance = (weight.astype(np.float64) for weight in normalisation.get_weights())
    scale = gamma / np.sqrt(variance + normalisation.epsilon)
    kernel, *bias = layer.get_weights()
    by_filter = scale[:, None] if isinstance(layer, layers.DepthwiseConv2D) else scale
    rounded = _rounded(kernel * by_filter)
    kernel = np.divide(rounded, by_filter, out=np.zeros_like(rounded), where=by_filter != 0)
    shift = mean - (bias[0] if bias else 0)
    layer.set_weights([kernel, *bias])
    normalisation.set_weights([gamma, _rounded(beta - shift * scale) + shift * scale, mean, variance])


def _rounded(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float16).astype(np.float64)
