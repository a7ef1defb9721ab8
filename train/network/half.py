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

    Raises:
        ValueError: A batch normalisation does not stand behind a plain convolution of its own, or a weight
            is above 65,504.
    """
    normalised = {}
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            before = layer.input._keras_history.operation
            if not _can_fold(before, layer):
                raise ValueError(f"{layer.name}: no convolution before it to fold it into")
            normalised[before.name] = layer
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            round_to_half(layer)
        elif layer.name in normalised:
            _round_product(layer, normalised[layer.name])
        elif not isinstance(layer, layers.BatchNormalization):
            layer.set_weights([_rounded(weight) for weight in layer.get_weights()])


def _can_fold(layer: keras.Layer, normalisation: layers.BatchNormalization) -> bool:
    is_convolution = isinstance(layer, layers.DepthwiseConv2D | layers.Conv2D)
    is_plain = is_convolution and layer.activation is keras.activations.linear
    is_alone = is_plain and len(layer._outbound_nodes) == 1 and getattr(layer, "depth_multiplier", 1) == 1
    return is_alone and normalisation.scale and normalisation.center


def _round_product(layer: keras.Layer, normalisation: layers.BatchNormalization) -> None:
    """Rounds a convolution's kernel × scale and the bias − mean × scale that remains of it."""
    gamma, beta, mean, variance = (weight.astype(np.float64) for weight in normalisation.get_weights())
    scale = gamma / np.sqrt(variance + normalisation.epsilon)
    kernel, *bias = layer.get_weights()
    by_filter = scale[:, None] if isinstance(layer, layers.DepthwiseConv2D) else scale
    rounded = _rounded(kernel * by_filter)
    # A filter that counts for nothing keeps its weights, with which training can go on.
    kernel = np.divide(rounded, by_filter, out=kernel.astype(np.float64), where=by_filter != 0)
    shift = mean - (bias[0] if bias else 0)
    layer.set_weights([kernel, *bias])
    normalisation.set_weights([gamma, _rounded(beta - shift * scale) + shift * scale, mean, variance])


def _rounded(values: np.ndarray) -> np.ndarray:
    if np.abs(values).max(initial=0) > np.finfo(np.float16).max:
        raise ValueError("a weight is too large for a 16-bit float")
    return values.astype(np.float16).astype(np.float64)
