from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

pytestmark = pytest.mark.tensorflow


def exported(file: Path, *names: str) -> Path:
    """Exports a row of wide pointwise convolutions with these names."""
    import keras  # not at the top: collecting the tests must not take TensorFlow's 10 s
    from keras import layers

    keras.utils.set_random_seed(4)
    image = keras.Input((8, 8, 64), 1, name="image")
    x = image
    for name in names:
        x = layers.ReLU(6, name=f"{name}_relu")(layers.Conv2D(64, 1, name=f"{name}_conv")(x))
    keras.Model(image, x).export(file, format="litert", verbose=False)
    return file


def answer(file: Path) -> np.ndarray:
    seen = np.random.default_rng(0).uniform(-1, 1, (1, 8, 8, 64)).astype(np.float32)
    return next(iter(Interpreter(str(file)).get_signature_runner()(image=seen).values()))


def test_later_blocks_are_rounded_and_still_say_nearly_the_same(tmp_path: Path) -> None:
    from train.network.eight_bit import to_eight_bits

    names = ("block7_expand", "block8_expand", "block12_project", "head_relu")
    file = exported(tmp_path / "network.tflite", *names)
    size, before = file.stat().st_size, answer(file)
    to_eight_bits(file)
    # Three of four lose three quarters of their weights.
    assert 0.35 * size < file.stat().st_size < 0.7 * size
    np.testing.assert_allclose(answer(file), before, atol=0.05 * before.max())
    assert not np.array_equal(answer(file), before)


def test_a_file_without_such_convolutions_is_refused_and_left_alone(tmp_path: Path) -> None:
    from train.network.eight_bit import to_eight_bits

    file = exported(tmp_path / "network.tflite", "stem", "block0_expand")
    content = file.read_bytes()
    with pytest.raises(ValueError, match="no convolutions to round"):
        to_eight_bits(file)
    assert file.read_bytes() == content
