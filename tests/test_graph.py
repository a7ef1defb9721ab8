"""Whether multiply-accumulates are counted right, on a network whose count can be done by hand."""

from pathlib import Path

import pytest

from benchmarks.graph import multiply_accumulates

pytestmark = pytest.mark.tensorflow


@pytest.mark.parametrize("views", [1, 4])
def test_each_view_counts_and_every_kind_of_layer(tmp_path: Path, views: int) -> None:
    import keras
    from keras import layers, ops

    image = keras.Input((16, 16, 3), dtype="uint8", name="image")
    x = layers.Rescaling(1.0)(image)
    if views > 1:
        x = ops.concatenate([ops.rot90(x, turns, (1, 2)) for turns in range(views)], axis=0)
    x = layers.Conv2D(8, 3, strides=2, padding="same")(x)  # 8 × 8 places of 8 filters of 3 × 3 × 3
    x = layers.DepthwiseConv2D(5, padding="same")(x)  # 8 × 8 places of 8 channels of 5 × 5
    x = layers.Conv2D(4, 1)(x)  # 8 × 8 places of 4 filters of 8
    outputs = {"out": layers.Dense(2)(layers.GlobalAveragePooling2D()(x))}  # 2 of 4
    file = tmp_path / "model.tflite"
    keras.Model(image, outputs).export(file, format="litert", verbose=False)
    found = multiply_accumulates(file)
    assert found == {
        "CONV_2D": views * 64 * (8 * 27 + 4 * 8),
        "DEPTHWISE_CONV_2D": views * 64 * 8 * 25,
        "FULLY_CONNECTED": views * 2 * 4,
    }
