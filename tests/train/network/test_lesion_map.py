"""The lesion map: what it is fitted to it finds, and the graph says what was fitted."""

import numpy as np
import pytest

pytestmark = pytest.mark.tensorflow


def made(count: int, seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Squares of places, some of which are lesion: the fine features say where, the coarse ones whether."""
    rng = np.random.default_rng(seed)
    lesion = np.zeros((count, 8, 8), np.float32)
    for square in lesion[::2]:
        row, column = rng.integers(0, 5, 2)
        square[row : row + 3, column : column + 3] = 1
    fine, middle, coarse = (rng.normal(0, 0.3, (count, n, n, 6)).astype(np.float32) for n in (8, 4, 2))
    fine[..., 0] += 40 * lesion  # on another scale than the rest
    coarse[1::2, ..., 1] += 1
    fine[1::2, :4, :4, 0] += 40  # what looks like one near by, and is none
    return [fine, middle, coarse], lesion


def test_the_map_finds_what_it_was_fitted_to_and_lies_in_the_graph():
    import keras

    from train.network.lesion_map import fit_lesion_map

    fitted = fit_lesion_map(*made(1200, 0))
    features, lesion = made(60, 1)
    inputs = [keras.Input(each.shape[1:]) for each in features]
    found = keras.Model(inputs, fitted.as_layers(inputs)).predict(features, verbose=0)
    assert found.shape == (60, 8, 8, 1) and found.min() >= 0 and found.max() <= 1
    assert ((found[..., 0] > 0.5) == (lesion > 0.5)).mean() > 0.97
    again = fit_lesion_map(*made(1200, 0))
    assert all(np.array_equal(one, other) for one, other in zip(fitted.kernels, again.kernels, strict=True))
