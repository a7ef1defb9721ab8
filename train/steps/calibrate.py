"""Chooses on validation everything that stands between logits and an answer.

Temperature, decision weights, thresholds for each kind of photo, the heads and the limits of what may be
judged: all of it is written to the run's ``calibration.json`` and ``heads.npz``; :mod:`train.steps.export`
puts them into the bundle. The test parts are not opened here.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from scipy.optimize import minimize_scalar

from train.datasets.dataset import Subset, true_centre_square
from train.datasets.details import details_of
from train.evaluation.metrics import auc, binary_figures, calibration_error, mean_recall_of, score
from train.network.heads import LogisticHead
from train.network.served import Calibration, Heads, build_served_model, load_heads, save_heads
from train.steps.cross_fit import refuse_seen, who_answers
from train.steps.fit_details import FittedDetails, fit_details
from train.steps.fit_heads import Network, PhotoSets, fit_heads, plain_views
from train.steps.fit_kind_prior import fit_kind_prior
from train.steps.fit_limits import Sample, choose_limits, shares_hurried
from train.steps.fit_spot_limits import made_photos_refused, with_spot_limits
from train.steps.run_folder import CLASSIFIER
from train.steps.training_set import training_prior
from webapp.model.contract import DetailOffsets, Gate, KindLimits, PhotoKind, Thresholds
from webapp.model.kind_prior import phone_share, with_kind_prior
from webapp.model.labels import CLASSES, MALIGNANT_INDICES
from webapp.photo.imaging import model_input
from webapp.photo.quality import measure_quality

CALIBRATION: Final = "calibration.json"
HEADS: Final = "heads.npz"

FLAT: Final = (1 / len(CLASSES),) * len(CLASSES)
UNCALIBRATED: Final = Calibration(1.0, FLAT, FLAT)
NO_OTHERS: Final = PhotoSets()
KIND_LIMITS: Final = KindLimits(dermatoscope=0.1, phone=0.9)
# Limits of quality leave room beyond the worst validation photo: those of HAM10000 were picked by doctors.
# Blurring by 2 of 192 pixels costs .02 of malignancy AUC, and 98 % of such photos lie below this.
SHARPNESS_ROOM: Final = 0.85
BRIGHTNESS_ROOM: Final = 0.6
# None in HAM10000, at most 0.06 in phone photos. Brightened until up to this share is white, validation
# photos lose .02 of malignancy AUC and no cancer more gets the all-clear; with more they lose .03 to .07.
GLARE: Final = 0.6


@dataclass(frozen=True)
class Choices:
    """What validation chose, and what the network is to be exported with."""

    size: int
    views: int
    calibration: Calibration
    decision_weights: tuple[float, ...]
    thresholds: dict[PhotoKind, Thresholds]
    kind_limits: KindLimits | None
    gate: Gate
    figures: dict[str, float]
    details: dict[PhotoKind, DetailOffsets] = dataclasses.field(default_factory=dict)
    malignancy_log_odds: dict[PhotoKind, float] = dataclasses.field(default_factory=dict)
    """What a photo of a kind adds to them, see :mod:`webapp.model.kind_prior`."""
    limits: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    """What other prices of the all-clear would cost, see :class:`train.steps.fit_limits.Limits`."""


def calibrate(
    run: Path,
    train: Subset,
    val: Subset,
    balance: float,
    size: int,
    views: int,
    others: PhotoSets = NO_OTHERS,
    cross_fitted: Sequence[Path] = (),
) -> Choices:
    """Fits calibration and heads and chooses thresholds for a finished run.

    Args:
        run: The run's folder, with its finished network.
        train: HAM10000's training part: priors, and what counts as familiar.
        val: Its validation part: everything that is chosen.
        balance: The recipe's class balance, which decides the training prior.
        size: Side of the served input in pixels.
        views: How many of :data:`train.network.served.VIEWS` are averaged.
        others: Phone photos, everyday photos and masks for the heads.
        cross_fitted: The runs of which ``run`` is the mean, where validation taught them
            (:mod:`train.steps.cross_fit`): each says what its own fold's chances are.

    Returns:
        The choices, which are also written to the run's folder.

    Raises:
        FitError: Validation taught ``run``, and ``cross_fitted`` is not one run a fold; or the other way.
    """
    refuse_seen(run, cross_fitted)
    classifier = keras.saving.load_model(run / CLASSIFIER, compile=False)
    network, closer = (
        _predicting(build_served_model(classifier, size, UNCALIBRATED, Heads(), views, with_features))
        for with_features in (False, True)
    )
    looked = [
        _look(network, subset, size)
        for subset in (val, *([others.phone_val] if others.phone_val else []), *others.elsewhere)
    ]
    if cross_fitted:
        at_home = 2 if others.phone_val else 1
        looked[:at_home] = [_cross_fitted(each, cross_fitted, size, views) for each in looked[:at_home]]
    seen, phone = looked[0], looked[1] if others.phone_val else None
    counts = np.bincount(train.classes, minlength=len(CLASSES))
    calibration = fit_temperature(
        seen.logits, val.classes, tuple(training_prior(train, balance)), tuple(counts / counts.sum())
    )
    probabilities = calibration.probabilities(seen.logits)
    weights = _decision_weights(probabilities, val.classes, np.array(calibration.natural_prior))
    scored = score(probabilities, val.classes, [r.lesion_id for r in val.records], weights)
    figures = {
        "val_balanced_accuracy": mean_recall_of(scored, weights),
        "val_malignancy_auc": binary_figures(scored)["malignancy_auc"],
    }
    heads, head_figures = fit_heads(
        network, train, seen.embeddings, size, others, closer, phone.embeddings if phone else None
    )
    save_heads(run / HEADS, heads)
    log_odds: dict[PhotoKind, float] = {}
    if phone and heads.phone:
        log_odds = _kind_prior(phone, calibration.probabilities(phone.logits), heads.phone, figures)

    def as_served(each: _Looked) -> np.ndarray:
        found = calibration.probabilities(each.logits)
        if not log_odds or heads.phone is None:
            return found
        return with_kind_prior(found, heads.phone.probabilities(each.embeddings), KIND_LIMITS, log_odds)

    told = {PhotoKind.DERMATOSCOPE: _details(seen, as_served(seen), figures, "dermoscopy")}
    if phone:
        figures["val_phone_auc"] = auc(_malignant(phone.subset), _malignancy(as_served(phone)))
        told[PhotoKind.PHONE] = _details(phone, as_served(phone), figures, "phone")
    samples = []
    for each in looked:
        kind = PhotoKind.PHONE if each is phone else PhotoKind.DERMATOSCOPE
        weighed = told[kind].weighed if each in (seen, phone) else None
        samples.append(_sample(each, as_served(each), heads, kind, weighed))
    limits = choose_limits(samples, log_odds)
    for each, found in zip(looked, samples, strict=True):
        hurried = shares_hurried(found, limits.thresholds[found.kind])
        figures |= {
            f"val_{name}_hurried_{each.subset.collection.name}": share for name, share in hurried.items()
        }
    gate = _gate([val, *([others.phone_val] if others.phone_val else [])], size)
    if heads.lesion_map is not None:
        assert others.masks is not None
        whole = _predicting(build_served_model(classifier, size, calibration, heads, views))
        gate = with_spot_limits(gate, [whole(each.pixels)["lesion_map"][..., 0] for each in looked])
        figures |= made_photos_refused(whole, val, others.masks, size, gate)
    choices = Choices(
        size=size,
        views=views,
        calibration=calibration,
        decision_weights=tuple(weights / weights.mean()),
        thresholds=limits.thresholds,
        kind_limits=KIND_LIMITS if heads.phone else None,
        gate=gate,
        figures=figures | head_figures,
        details={kind: found.offsets for kind, found in told.items() if found.offsets != DetailOffsets()},
        malignancy_log_odds=log_odds,
        limits=limits.table,
    )
    (run / CALIBRATION).write_text(json.dumps(dataclasses.asdict(choices), indent=2) + "\n", encoding="utf-8")
    return choices


def _predicting(model: keras.Model) -> Network:
    def network(pixels: np.ndarray) -> dict[str, np.ndarray]:
        outputs: dict[str, np.ndarray] = model.predict(pixels, 32, verbose=0)
        return outputs

    return network


def load_choices(run: Path) -> tuple[Choices, Heads]:
    """Reads what :func:`calibrate` wrote."""
    tree: dict[str, Any] = json.loads((run / CALIBRATION).read_text(encoding="utf-8"))
    tree["calibration"] = Calibration(**{k: _tuple(v) for k, v in tree["calibration"].items()})
    tree["thresholds"] = {PhotoKind(k): Thresholds(**v) for k, v in tree["thresholds"].items()}
    tree["kind_limits"] = tree["kind_limits"] and KindLimits(**tree["kind_limits"])
    tree["gate"] = Gate(**tree["gate"])
    tree["details"] = {PhotoKind(k): _offsets(v) for k, v in tree["details"].items()}
    # Runs that were calibrated before there was such a thing have none.
    tree["malignancy_log_odds"] = {PhotoKind(k): v for k, v in tree.get("malignancy_log_odds", {}).items()}
    prices = tree.pop("limits")
    choices = Choices(**{key: _tuple(value) for key, value in tree.items()}, limits=prices)
    return choices, load_heads(run / HEADS)


def _offsets(tree: Mapping[str, Any]) -> DetailOffsets:
    return DetailOffsets(
        tuple(tree["age_knots"]),
        tuple(map(tuple, tree["age_offsets"])),
        {name: tuple(row) for name, row in tree["sex"].items()},
        {name: tuple(row) for name, row in tree["site"].items()},
    )


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@dataclass(frozen=True, eq=False)
class _Looked:
    """A collection as the bare network sees it, ``pixels (count, size, size, 3)``, and what it says: ``logits
    (count, 7)`` and ``embeddings (count, 1280)``."""

    subset: Subset
    pixels: np.ndarray
    logits: np.ndarray
    embeddings: np.ndarray


def _look(network: Network, subset: Subset, size: int) -> _Looked:
    pixels = plain_views(subset, size)
    outputs = network(pixels)
    return _Looked(subset, pixels, _logits(outputs), outputs["embedding"])


def _cross_fitted(looked: _Looked, runs: Sequence[Path], size: int, views: int) -> _Looked:
    """Returns the same with the logits of those networks that were not shown a photo. The embeddings stay
    those of the mean, which the heads will be asked about."""
    logits = np.empty_like(looked.logits)
    for run, indices in who_answers(looked.subset, runs):
        classifier = keras.saving.load_model(run / CLASSIFIER, compile=False)
        network = _predicting(build_served_model(classifier, size, UNCALIBRATED, Heads(), views, False))
        logits[indices] = _logits(network(looked.pixels[indices]))
    return dataclasses.replace(looked, logits=logits)


def _logits(outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.asarray(np.log(outputs["probabilities"].astype(np.float64) + 1e-12))


def _kind_prior(
    phone: _Looked, probabilities: np.ndarray, head: LogisticHead, figures: dict[str, float]
) -> dict[PhotoKind, float]:
    """Fits how much more common cancers are among a phone's photos, and notes what that gains."""
    malignancy, malignant = _malignancy(probabilities), _malignant(phone.subset)
    share = phone_share(head.probabilities(phone.embeddings), KIND_LIMITS)
    fitted = fit_kind_prior(malignancy, malignant, share, [r.patient_id for r in phone.subset.records])
    figures["val_kind_prior_gain_phone"] = fitted.gain
    for name, scores in (("own", malignancy), ("kind", fitted.cross_validated)):
        figures[f"val_ece_phone_{name}_prior"] = calibration_error(scores, malignant)
    return {PhotoKind.PHONE: fitted.log_odds} if fitted.log_odds else {}


def _details(
    looked: _Looked, probabilities: np.ndarray, figures: dict[str, float], name: str
) -> FittedDetails:
    """Fits what age, sex and place tell, and notes what that gains."""
    told = [details_of(record) for record in looked.subset.records]
    truth = looked.subset.classes
    groups = [record.patient_id for record in looked.subset.records]  # a lesion's, where no patient is named
    fitted = fit_details(probabilities, truth, told, groups)
    figures[f"val_details_gain_{name}"] = fitted.gain
    malignant = np.isin(truth, MALIGNANT_INDICES)
    figures[f"val_details_auc_{name}"] = auc(malignant, _malignancy(np.exp(fitted.cross_validated)))
    return fitted


def _sample(
    looked: _Looked,
    probabilities: np.ndarray,
    heads: Heads,
    kind: PhotoKind,
    weighed: np.ndarray | None,
) -> Sample:
    """Returns what limits are chosen from; ``weighed`` where details are known, at home."""
    subset = looked.subset
    melanoma = CLASSES.index("mel")
    assert heads.unfamiliarity is not None  # drawn pictures suffice for it
    return Sample(
        name=subset.collection.name,
        kind=kind,
        home=weighed is not None,
        malignancy=_malignancy(probabilities),
        malignant=_malignant(subset),
        unfamiliarity=heads.unfamiliarity.score(looked.embeddings),
        melanoma=probabilities[:, melanoma],
        diagnosed_melanoma=np.array([record.dx == "mel" for record in subset.records]),
        weighed=None if weighed is None else _malignancy(weighed),
    )


def _malignancy(probabilities: np.ndarray) -> np.ndarray:
    return np.asarray(probabilities[:, MALIGNANT_INDICES].sum(axis=1))


def _malignant(subset: Subset) -> np.ndarray:
    return np.array([record.malignant for record in subset.records])


def _gate(familiar: list[Subset], size: int) -> Gate:
    """Returns the limits of quality; that of unfamiliarity is 1, because the score is in units of it."""
    measured = [
        measure_quality(
            model_input(image, size, true_centre_square(image.width, image.height, record.aspect))
        )
        for subset in familiar
        for record, image in subset.images()
    ]
    return Gate(
        unfamiliarity=1.0,
        sharpness=SHARPNESS_ROOM * min(quality.sharpness for quality in measured),
        brightness=BRIGHTNESS_ROOM * min(quality.brightness for quality in measured),
        glare=GLARE,
    )


def fit_temperature(
    logits: np.ndarray, truth: np.ndarray, training: tuple[float, ...], natural: tuple[float, ...]
) -> Calibration:
    """Returns the calibration whose temperature makes the truth likeliest (Guo et al. 2017).

    Args:
        logits: The network's, ``(count, 7)``.
        truth: Class indices, ``int (count,)``.
        training: Each class's share of what the network was shown.
        natural: Each class's share where its chances shall come true.
    """

    def loss(log_temperature: float) -> float:
        calibration = Calibration(float(np.exp(log_temperature)), training, natural)
        chosen = calibration.probabilities(logits)[np.arange(len(truth)), truth]
        return float(-np.log(chosen + 1e-12).mean())

    found = minimize_scalar(loss, bounds=(np.log(0.1), np.log(10)), method="bounded")
    return Calibration(float(np.exp(found.x)), training, natural)


def _decision_weights(probabilities: np.ndarray, truth: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Returns prior ** -power with the power (0 to 1.2 by tenths) that is best on validation."""
    groups = np.zeros(len(truth), str)
    powers = np.arange(0, 13) / 10
    scored = score(probabilities, truth, list(groups), np.ones(len(prior)))
    best = max(powers, key=lambda power: mean_recall_of(scored, prior**-power))
    return np.asarray(prior**-best)
