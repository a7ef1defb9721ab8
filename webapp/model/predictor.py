"""From a photo to a prediction: cut out, run the network, read its outputs."""

import os
import queue
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, cast

import numpy as np
from flask import current_app
from PIL import Image

from webapp.config import Settings
from webapp.model.bundle import BUNDLE_FOLDER, Bundle, load_bundle
from webapp.model.contract import Contract
from webapp.model.kind_prior import with_kind_prior
from webapp.model.labels import CLASSES, MALIGNANT_INDICES
from webapp.model.own_model import open_own_model
from webapp.model.runtimes import KerasRuntime, LiteRtRuntime, Runtime
from webapp.photo.imaging import Box, correct_exposure, model_input
from webapp.photo.quality import Quality, measure_quality

INTERPRETERS: Final = 2  # each further one costs 34 MB, and the smallest machines have two cores at most
CORES: Final = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_MALIGNANT: Final = np.isin(np.arange(len(CLASSES)), MALIGNANT_INDICES)


@dataclass(frozen=True)
class Prediction:
    """What the network says about one photo.

    Attributes:
        malignancy: Calibrated probability of mel + bcc + akiec, 0–1.
        probabilities: Calibrated, one for each of ``labels.CLASSES``, sum 1.
        diagnosis: The class with the largest probability times the contract's decision weight.
        activation_map: ``float32`` array of shape ``(height, width)``, 0–1: where the network saw
            signs of cancer in the square it was given.
        unfamiliarity: How unlike the training photos it is, 0 upwards.
        phone: Chance (0–1) that it was taken with a phone and not through a dermatoscope.
        lesion_map: ``float32`` array of shape ``(height, width)``: chance (0–1) that a place of the square
            belongs to the lesion.
        quality: How good the photo is.

    What the model does not tell is ``None``.
    """

    malignancy: float
    probabilities: tuple[float, ...] | None = None
    diagnosis: str | None = None
    activation_map: np.ndarray | None = field(default=None, compare=False)
    unfamiliarity: float | None = None
    phone: float | None = None
    lesion_map: np.ndarray | None = field(default=None, compare=False)
    quality: Quality | None = None

    def __post_init__(self) -> None:
        # A NaN is below every threshold: without this a broken model would answer "no signs".
        if not 0 <= self.malignancy <= 1:
            raise ValueError(f"a malignancy of {self.malignancy} is no probability")


class Predictor:
    """Runs one bundle's network, from any number of threads at once."""

    def __init__(
        self, bundle: Bundle, runtimes: Sequence[Runtime], further: Callable[[], Runtime] | None = None
    ) -> None:
        """Takes the interpreters there are; ``further`` opens another one, where there may be more."""
        self.bundle = bundle
        self._opened, self._further = len(runtimes), further
        self._free: queue.LifoQueue[Runtime] = queue.LifoQueue()  # last in, first out: its memory is warm
        for runtime in runtimes:
            self._free.put(runtime)

    def use_cores(self, cores: int) -> None:
        """Opens an interpreter for each core; each takes 34 MB. For batches, before they begin."""
        while self._further and self._opened < cores:
            self._free.put(self._further())
            self._opened += 1

    def predict(self, image: Image.Image, box: Box | None = None) -> Prediction:
        """Predicts from one photo; waits for a free interpreter where all are busy.

        Args:
            image: Upright RGB photo of any size.
            box: The part to look at; the centre square if ``None``.
        """
        contract = self.bundle.contract
        pixels = model_input(image, contract.input.size, box)
        quality = measure_quality(pixels)
        seen = correct_exposure(pixels, quality.brightness) if contract.input.corrects_exposure else pixels
        outputs = self.run(seen[np.newaxis])
        return replace(read_outputs(outputs, contract), quality=quality)

    def run(self, pixels: np.ndarray) -> Mapping[str, np.ndarray]:
        """Runs the network (:meth:`webapp.model.runtimes.Runtime.run`) on whichever interpreter is free."""
        runtime = self._free.get()
        try:
            return runtime.run(pixels)
        finally:
            self._free.put(runtime)


def read_outputs(outputs: Mapping[str, np.ndarray], contract: Contract) -> Prediction:
    """Reads the network's outputs by their names.

    Args:
        outputs: As a :class:`Runtime` returns them.
        contract: Says which output is which.
    """
    names = contract.outputs
    probabilities = outputs[names.probabilities][0].astype(np.float64)
    if not contract.classes:
        return Prediction(malignancy=float(probabilities[0]))
    lesion_map = outputs[names.lesion_map][0, :, :, 0] if names.lesion_map else None
    # By the network's own: the weights are for the classes' shares that it was calibrated for.
    diagnosis = CLASSES[int(np.argmax(probabilities * contract.decision_weights))]
    phone = float(outputs[names.phone][0, 0]) if names.phone else None
    if contract.malignancy_log_odds and contract.kind_limits and phone is not None:
        one = probabilities[np.newaxis], np.array([phone])
        (probabilities,) = with_kind_prior(*one, contract.kind_limits, contract.malignancy_log_odds)
    return Prediction(
        malignancy=min(1.0, float(probabilities[list(MALIGNANT_INDICES)].sum())),  # float32 sums to 1 + 1e-7
        probabilities=tuple(map(float, probabilities)),
        diagnosis=diagnosis,
        activation_map=_malignant_activation(outputs[names.class_activation_maps][0], lesion_map)
        if names.class_activation_maps
        else None,
        unfamiliarity=float(outputs[names.unfamiliarity][0, 0]) if names.unfamiliarity else None,
        phone=phone,
        lesion_map=lesion_map,
    )


def _malignant_activation(maps: np.ndarray, lesion_map: np.ndarray | None) -> np.ndarray:
    """Where the evidence for cancer is strongest: the log-odds of cancer at each place, stretched to 0–1.

    From the class activation maps (Zhou et al. 2016, arXiv:1512.04150), which are logits place by place. A
    harmless spot speaks *against* cancer, so that the skin around it would seem the most suspicious part of
    the photo. So each place counts by how surely it is lesion: on off-centre crops of validation photos the
    highest place then lies in the lesion in 95 % (``train/LOG.md``).
    """
    cancer, harmless = (np.logaddexp.reduce(maps[..., part], axis=-1) for part in (_MALIGNANT, ~_MALIGNANT))
    evidence = _stretched(cancer - harmless)
    if lesion_map is None or np.ptp(lesion_map) == 0:
        return evidence
    if evidence.shape != lesion_map.shape:  # the lesion map may be finer
        size = lesion_map.shape[1], lesion_map.shape[0]
        evidence = np.asarray(Image.fromarray(evidence).resize(size, Image.Resampling.BILINEAR))
    chance = lesion_map.astype(np.float64).clip(1e-7, 1 - 1e-7)
    lesion = _stretched(np.log(chance / (1 - chance)))
    return _stretched((0.5 + evidence) * lesion**2)


def _stretched(values: np.ndarray) -> np.ndarray:
    values = values - values.min()
    stretched: np.ndarray = values / max(float(values.max()), np.finfo(np.float32).tiny)
    return stretched.astype(np.float32)


def open_predictor(settings: Settings) -> Predictor:
    """Opens the model that the settings ask for.

    Raises:
        BundleError: A file is missing, damaged or not the one that its contract names.
    """
    if settings.model_path is not None:
        bundle, runtime = open_own_model(settings.model_path)
        return Predictor(bundle, [runtime])
    bundle = load_bundle(BUNDLE_FOLDER)
    if settings.runtime == "keras":
        # One is enough: TensorFlow spreads each photo over all cores.
        return Predictor(bundle, [KerasRuntime(bundle.file("model.keras"), bundle.contract)])
    further = partial(LiteRtRuntime, bundle.file("model.tflite"), bundle.contract)
    return Predictor(bundle, [further() for _ in range(interpreters(settings.web_concurrency))], further)


def interpreters(workers: int, cores: int = CORES) -> int:
    """Returns how many interpreters each of several worker processes opens, so that no core stands still.

    The network takes a third of an answer: while it looks at one photo, the worker's other photo is decoded
    or its page rendered. More of them than cores would take memory and save no time.
    """
    return max(1, min(INTERPRETERS, -(-cores // workers)))


def current_predictor() -> Predictor:
    """Returns the predictor of the app that answers the current request or command."""
    return cast(Predictor, current_app.extensions["predictor"])
