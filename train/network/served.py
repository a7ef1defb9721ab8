"""The network as it is served: one saved graph from raw pixels to everything that the app needs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from keras import layers, ops

from train.network.backbone import last_of_stage
from train.network.familiarity import Familiarity, Scale, Unfamiliarity
from train.network.heads import LogisticHead
from train.network.lesion_map import STAGES, LesionMap
from webapp.model.bundle import load_bundle
from webapp.model.labels import CLASSES


@dataclass(frozen=True)
class View:
    """One of the eight ways to lay a square: mirrored left to right or not, then turned by quarters."""

    quarters: int
    mirrored: bool = False

    def lay(self, x: Any) -> Any:
        """Lays a batch ``(batch, side, side, channels)`` this way."""
        return _turned(ops.flip(x, 2) if self.mirrored else x, self.quarters)

    def undo(self, x: Any) -> Any:
        """Brings a batch of feature maps of this view back."""
        x = _turned(x, -self.quarters)
        return ops.flip(x, 2) if self.mirrored else x


def _turned(x: Any, quarters: int) -> Any:
    return ops.rot90(x, quarters % 4, (1, 2)) if quarters % 4 else x


VIEWS: Final = {
    1: (View(0),),
    2: (View(0), View(1, mirrored=True)),
    4: (View(0), View(1), View(2), View(3)),
    8: tuple(View(quarters, mirrored) for mirrored in (False, True) for quarters in range(4)),
}
"""Which views are averaged. A photo of a spot has no upright, so no turn should change its answer: the
four and the eight are closed under turns, so that none does."""


@dataclass(frozen=True)
class Calibration:
    """What turns the network's logits into probabilities for natural frequencies.

    ``logits / temperature + log(natural_prior / training_prior)``: the first term is temperature
    scaling (Guo et al. 2017, arXiv:1706.04599), the second undoes the class-balanced sampling
    (Saerens et al. 2002). Priors are in the order of ``CLASSES`` and sum to 1.
    """

    temperature: float
    training_prior: tuple[float, ...]
    natural_prior: tuple[float, ...]

    @property
    def shift(self) -> np.ndarray:
        """``float64`` of shape ``(7,)``: what is added to the scaled logits."""
        return np.log(self.natural_prior) - np.log(self.training_prior)

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Returns calibrated probabilities ``(count, 7)`` of uncalibrated logits of that shape."""
        scores = logits / self.temperature + self.shift
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return scores / scores.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class Heads:
    """What is fitted on the finished network's features; ``None`` leaves an output out."""

    unfamiliarity: Unfamiliarity | None = None
    phone: LogisticHead | None = None
    lesion_map: LesionMap | None = None


def _stack_views(x: Any, views: int) -> Any:
    """Returns a batch and its turned copies, ``(views * batch, …)``."""
    return ops.concatenate([view.lay(x) for view in VIEWS[views]], axis=0)


def _mean_of_views(x: Any, views: int, name: str) -> Any:
    """Turns the feature maps of stacked views back and returns their mean ``(batch, …)``."""
    if views == 1:
        return x
    parts = ops.split(x, views, axis=0)
    return layers.Average(name=name)(
        [view.undo(part) for view, part in zip(VIEWS[views], parts, strict=True)]
    )


def build_served_model(
    classifier: keras.Model,
    size: int,
    calibration: Calibration,
    heads: Heads,
    views: int,
    with_features: bool = False,
) -> keras.Model:
    """Builds the graph that is saved, exported and served.

    The logits are the mean of the class-activation maps (Zhou et al. 2016, arXiv:1512.04150), so
    the maps show exactly what the answer was made of. Temperature and priors are folded into them.

    Args:
        classifier: A network from :func:`train.network.models.build_classifier`.
        size: Side of the input in pixels.
        calibration: From :mod:`train.steps.calibrate`.
        heads: From :mod:`train.steps.calibrate` too.
        views: 1, 2, 4 or 8 turned and mirrored views, averaged at the features.
        with_features: Whether to give out as well what the lesion map is fitted to: ``features_0 (batch,
            size / 8, size / 8, channels)``, ``features_1`` and ``features_2``, each half as fine.

    Returns:
        A model from ``image`` (``uint8``, ``(batch, size, size, 3)``) to a dict of ``float32``:
        ``probabilities (batch, 7)``, ``class_activation_maps (batch, size / 32, size / 32, 7)``,
        ``embedding (batch, 1280)`` and, with their heads, ``unfamiliarity (batch, 1)``, ``phone
        (batch, 1)`` and ``lesion_map (batch, size / 8, size / 8, 1)``.
    """
    dense = classifier.get_layer("logits")
    kernel, bias = dense.get_weights()
    last = classifier.get_layer("head_relu").output
    scales = _scales(classifier) if with_features or heads.lesion_map else []
    backbone = keras.Model(classifier.input, [last, *scales] if scales else last, name=classifier.name)

    image = keras.Input((size, size, 3), dtype="uint8", name="image")
    x = layers.Rescaling(1.0, name="as_float")(image)
    if views > 1:
        x = _stack_views(x, views)
    given = backbone(x)
    features, *scaled = given if scales else [given]
    features = _mean_of_views(features, views, "mean_of_views")
    scaled = [_mean_of_views(each, views, f"mean_of_views_{index}") for index, each in enumerate(scaled)]
    evidence = layers.Conv2D(len(CLASSES), 1, name="class_activation_maps")
    maps = evidence(features)
    evidence.set_weights(
        [kernel[None, None] / calibration.temperature, bias / calibration.temperature + calibration.shift]
    )
    logits = layers.GlobalAveragePooling2D(name="calibrated_logits")(maps)
    embedding = layers.GlobalAveragePooling2D(name="embedding")(features)
    outputs = {
        "probabilities": layers.Softmax(name="probabilities")(logits),
        "class_activation_maps": maps,
        "embedding": embedding,
    }
    if with_features:
        outputs |= {f"features_{index}": each for index, each in enumerate(scaled)}
    if heads.unfamiliarity is not None:
        outputs["unfamiliarity"] = heads.unfamiliarity.as_layers(embedding)
    if heads.phone is not None:
        outputs["phone"] = heads.phone.as_dense(embedding, "phone")
    if heads.lesion_map is not None:
        outputs["lesion_map"] = heads.lesion_map.as_layers(scaled)
    return keras.Model(image, outputs, name="skin_cancer_detector")


def _scales(classifier: keras.Model) -> list[Any]:
    """Returns what the stages that the lesion map reads give out."""
    variant = classifier.name.removeprefix("classifier_")
    return [last_of_stage(classifier, variant, stage).output for stage in STAGES]


def load_classifier_weights(classifier: keras.Model, bundle: Path) -> None:
    """Fills a network from :func:`train.network.models.build_classifier` with the one that a bundle serves.

    Takes temperature and priors out of the last layer again, so that training can go on from a release.

    Raises:
        BundleError: A file of the bundle is missing or damaged.
        ValueError: The bundle serves a network of another architecture.
    """
    loaded = load_bundle(bundle)
    contract = loaded.contract
    served = keras.saving.load_model(loaded.file("model.keras"), compile=False)
    backbone = served.get_layer(classifier.name)
    for layer in classifier.layers:
        if layer.weights and layer.name != "logits":
            layer.set_weights(backbone.get_layer(layer.name).get_weights())
    kernel, bias = served.get_layer("class_activation_maps").get_weights()
    calibration = Calibration(contract.temperature, contract.training_prior, contract.natural_prior)
    classifier.get_layer("logits").set_weights(
        [kernel[0, 0] * calibration.temperature, (bias - calibration.shift) * calibration.temperature]
    )


def save_heads(file: Path, heads: Heads) -> None:
    """Writes heads as one ``.npz``."""
    arrays: dict[str, Any] = {}
    if heads.phone is not None:
        arrays |= {f"phone/{key}": value for key, value in vars(heads.phone).items()}
    if heads.lesion_map is not None:
        parts = vars(heads.lesion_map) | {"kernels": None}
        arrays |= {f"lesion_map/{key}": value for key, value in parts.items() if value is not None}
        arrays |= {f"kernels/{index}": kernel for index, kernel in enumerate(heads.lesion_map.kernels)}
    if (score := heads.unfamiliarity) is not None:
        arrays |= {f"distance/{key}": value for key, value in vars(score.distance).items()}
        arrays |= {f"outlier/{key}": value for key, value in vars(score.outlier).items()}
        scales = (score.distance_scale, score.outlier_scale)
        arrays |= {"scales": np.array([(scale.usual, scale.limit) for scale in scales])}
    np.savez(file, **arrays)


def load_heads(file: Path) -> Heads:
    """Reads what :func:`save_heads` wrote."""
    with np.load(file) as arrays:
        groups: dict[str, dict[str, Any]] = {}
        for name in arrays.files:
            group, _, key = name.partition("/")
            groups.setdefault(group, {})[key] = arrays[name]

    def head(name: str) -> LogisticHead | None:
        found = groups.get(name)
        return LogisticHead(found["weights"], float(found["bias"])) if found else None

    unfamiliarity = None
    if (outlier := head("outlier")) is not None:
        distance_scale, outlier_scale = (Scale(*map(float, each)) for each in groups["scales"][""])
        unfamiliarity = Unfamiliarity(
            Familiarity(**groups["distance"]), distance_scale, outlier, outlier_scale
        )
    lesion_map = None
    if (found := groups.get("lesion_map")) is not None:
        kernels = tuple(kernel for _, kernel in sorted(groups["kernels"].items()))
        lesion_map = LesionMap(kernels, found["bias"], found["out"], float(found["out_bias"]))
    return Heads(unfamiliarity, head("phone"), lesion_map)
