from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def round_to_half() -> Callable[[Any], None]:
    from train.network import half  # not at the top: collecting the tests must not take TensorFlow's 10 s

    return half.round_to_half


@pytest.fixture
def network() -> Any:
    import keras
    from keras import layers

    keras.utils.set_random_seed(3)
    inner = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(6, 3, use_bias=False, name="wide"),
            layers.BatchNormalization(name="wide_bn"),
            layers.DepthwiseConv2D(3, name="deep"),
            layers.BatchNormalization(name="deep_bn"),
        ]
    )
    image = keras.Input((8, 8, 3))
    network = keras.Model(image, layers.Dense(2, name="last")(layers.Flatten()(inner(image))))
    chance = np.random.default_rng(0)
    for layer in inner.layers:
        layer.set_weights([chance.uniform(0.3, 2, weight.shape) for weight in layer.get_weights()])
    return network


def off_the_grid(values: np.ndarray) -> float:
    return float(np.max(np.abs(values.astype(np.float16) - values) / np.maximum(np.abs(values), 1e-3)))


def test_every_folded_product_is_a_sixteen_bit_float(
    network: Any, round_to_half: Callable[[Any], None]
) -> None:
    inner = network.layers[1]
    statistics = [inner.get_layer(f"{name}_bn").get_weights()[2:] for name in ("wide", "deep")]
    photos = np.random.default_rng(1).uniform(0, 1, (4, 8, 8, 3)).astype(np.float32)
    before = network.predict(photos, verbose=0)
    round_to_half(network)
    for name, by_filter in (("wide", np.s_[:]), ("deep", np.s_[:, None])):
        kernel, *bias = inner.get_layer(name).get_weights()
        gamma, beta, mean, variance = inner.get_layer(f"{name}_bn").get_weights()
        scale = gamma / np.sqrt(variance + inner.get_layer(f"{name}_bn").epsilon)
        assert off_the_grid(kernel * scale[by_filter]) < 1e-6
        assert off_the_grid(beta - (mean - (bias[0] if bias else 0)) * scale) < 1e-6
    for weight in network.get_layer("last").get_weights():
        assert off_the_grid(weight) == 0
    kept = [inner.get_layer(f"{name}_bn").get_weights()[2:] for name in ("wide", "deep")]
    np.testing.assert_array_equal(np.concatenate(kept, axis=1), np.concatenate(statistics, axis=1))
    np.testing.assert_allclose(network.predict(photos, verbose=0), before, rtol=2e-3, atol=2e-2)


def test_rounding_twice_changes_nothing_more(network: Any, round_to_half: Callable[[Any], None]) -> None:
    round_to_half(network)
    once = network.get_weights()
    round_to_half(network)
    for first, second in zip(once, network.get_weights(), strict=True):
        np.testing.assert_allclose(second, first, rtol=1e-6, atol=1e-6)


def test_what_no_converter_could_fold_is_refused(round_to_half: Callable[[Any], None]) -> None:
    import keras
    from keras import layers

    behind_activation = [layers.Conv2D(2, 3, activation="relu"), layers.BatchNormalization()]
    without_scale = [layers.Conv2D(2, 3), layers.BatchNormalization(scale=False)]
    twice_as_deep = [layers.DepthwiseConv2D(3, depth_multiplier=2), layers.BatchNormalization()]
    behind_nothing = [layers.BatchNormalization()]
    for odd in (behind_activation, without_scale, twice_as_deep, behind_nothing):
        with pytest.raises(ValueError, match="no convolution before it"):
            round_to_half(keras.Sequential([keras.Input((8, 8, 2)), *odd]))


def test_a_filter_without_weight_is_kept_and_one_too_heavy_is_refused(
    round_to_half: Callable[[Any], None],
) -> None:
    import keras
    from keras import layers

    network = keras.Sequential(
        [keras.Input((8, 8, 2)), layers.Conv2D(2, 3, name="conv"), layers.BatchNormalization(name="norm")]
    )
    kernel = network.get_layer("conv").get_weights()[0]
    norm = network.get_layer("norm")
    norm.set_weights([np.array([0.0, 1.0]), *norm.get_weights()[1:]])
    round_to_half(network)
    np.testing.assert_array_equal(network.get_layer("conv").get_weights()[0][..., 0], kernel[..., 0])
    norm.set_weights([np.array([0.0, 1e9]), *norm.get_weights()[1:]])
    with pytest.raises(ValueError, match="too large"):
        round_to_half(network)
