"""Measures a bundle once on the test parts and writes its ``metrics.json``.

Every photo goes the way that a visitor's photo goes: file, :mod:`webapp.photo.imaging`, the bundle's
LiteRT file. Nothing is chosen here.
"""

import dataclasses
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from train.datasets.dataset import DatasetError, Record, Subset
from train.datasets.details import details_of
from train.datasets.masks import Masks
from train.evaluation.agreement import agreement
from train.evaluation.answers import (
    Answers,
    open_served,
    predict,
    scored_classes,
    scored_malignancy,
    with_details,
)
from train.evaluation.decisions import answers_given, operating_points, outcomes
from train.evaluation.gate import (
    NEGATIVES,
    accepted,
    bare_skin_metrics,
    degraded_metrics,
    everyday_metrics,
    negative_metrics,
    several_spots_metrics,
)
from train.evaluation.groups import DERMOSCOPY_FACTORS, PHONE_FACTORS, SKIN_TYPES, by_factor, skin_type_group
from train.evaluation.heat_map import heat_map_metrics
from train.evaluation.judging import IN_DOUBT, limits_of
from train.evaluation.metrics import (
    METRICS,
    RESAMPLES,
    Scored,
    binary_figures,
    calibration_with_intervals,
    class_figures,
    confusion_counts,
    half_threshold_figures,
    per_class_figures,
    rounded,
    share_with_interval,
    with_intervals,
)
from train.evaluation.proposals import coverage_metrics, far_metrics, gain_metrics
from train.evaluation.robustness import drawn, paired_figures, robustness_metrics
from train.report import history
from train.report.curves import (
    class_reliability_bins,
    precision_recall_points,
    reliability_bins,
    roc_points,
    score_histogram,
)
from webapp.model.contract import Contract, PhotoKind, Thresholds
from webapp.model.labels import CLASSES

# PAD's own definition counts actinic keratosis as harmless; ours counts it as cancer.
PAD_HARMLESS_KERATOSIS: Final = "ACK"
PHONE_COLLECTION: Final = "PAD-UFES-20"  # as a contract names it
SAME: Final = 1e-3  # figures may differ by this between machines, whose last digits of a score differ
WRITE_UP_ACCURACY: Final = 0.7079  # the origin's claim, on a split by image
SEVERAL_SPOTS: Final = 300  # test photos whose lesions are laid side by side
FAR_PHOTOS: Final = 300  # test photos that are made to look taken from too far away: four looks each
NO_PHOTOS: Final = {"images": 0, "malignancy_auc": None}


def dermoscopy_metrics(answers: Answers, contract: Contract, resamples: int = RESAMPLES) -> dict[str, Any]:
    """Returns every figure of a dermoscopy test set with seven classes."""
    scored = scored_classes(answers, contract.decision_weights)
    limits = limits_of(contract, PhotoKind.DERMATOSCOPE)
    per_class = with_intervals(scored, per_class_figures)
    counts = Counter(record.dx for record in answers.records)
    return {
        "images": len(scored),
        "lesions": len(set(scored.groups)),
        **with_intervals(scored, class_figures, resamples),
        **calibration_with_intervals(scored, resamples),
        "binary": with_intervals(scored, half_threshold_figures, resamples),
        "per_class": {
            dx: {
                "images": counts[dx],
                "recall": per_class[f"{dx}/recall"],
                "precision": per_class[f"{dx}/precision"],
            }
            for dx in CLASSES
        },
        "operating_points": operating_points(scored, limits),
        "outcomes": outcomes(scored),
        "answers": answers_given(scored),
        "groups": by_factor(scored, answers.records, DERMOSCOPY_FACTORS, resamples),
        **_told(answers, contract, PhotoKind.DERMATOSCOPE, resamples),
        "confusion": confusion_counts(scored),
        **_curves(scored, limits),
    }


def _told(answers: Answers, contract: Contract, kind: PhotoKind, resamples: int) -> dict[str, Any]:
    """Returns the branch ``with_details``: the figures if everybody told age, sex and place as far as they
    are known; nothing for a model that does not know what they tell, or photos of which none is known."""
    if answers.weighed is None or not any(details_of(record).any for record in answers.records):
        return {}
    told, phone = with_details(answers), kind is PhotoKind.PHONE
    if phone or any(record.dx is None for record in answers.records):
        scored = scored_malignancy(told, by_patient=phone)
        tree = with_intervals(scored, binary_figures, resamples)
    else:
        scored = scored_classes(told, contract.decision_weights)
        tree = with_intervals(scored, class_figures, resamples)
    factors = PHONE_FACTORS if phone else DERMOSCOPY_FACTORS
    return {
        "with_details": {
            **tree,
            **calibration_with_intervals(scored, resamples),
            "outcomes": outcomes(scored),
            "answers": answers_given(scored),
            "groups": by_factor(scored, answers.records, factors, resamples),
        }
    }


def _curves(scored: Scored, limits: Thresholds) -> dict[str, Any]:
    calibration = {"bins": reliability_bins(scored)}
    if scored.probabilities is not None:
        calibration["class_bins"] = class_reliability_bins(scored)
    return {
        "roc": roc_points(scored, limits),
        "precision_recall": precision_recall_points(scored),
        "histogram": score_histogram(scored),
        "calibration": calibration,
    }


def phone_metrics(answers: Answers, contract: Contract, resamples: int = RESAMPLES) -> dict[str, Any]:
    """Returns the figures of PAD-UFES-20's test patients: both definitions of cancer, and by group."""
    scored, limits = scored_malignancy(answers, by_patient=True), limits_of(contract, PhotoKind.PHONE)
    keratosis = np.array([record.dx_original == PAD_HARMLESS_KERATOSIS for record in answers.records])
    own = dataclasses.replace(scored, malignant=scored.malignant & ~keratosis)
    skin_types = by_factor(scored, answers.records, {"": skin_type_group}, resamples).get("", {})
    return {
        "images": len(scored),
        "patients": len(set(scored.groups)),
        **with_intervals(scored, binary_figures, resamples),
        **calibration_with_intervals(scored, resamples),
        "pad_definition": with_intervals(own, binary_figures, resamples),
        "operating_points": operating_points(scored, limits),
        "outcomes": outcomes(scored),
        "answers": answers_given(scored),
        **_told(answers, contract, PhotoKind.PHONE, resamples),
        "skin_types": {name: skin_types.get(name, NO_PHOTOS) for name in SKIN_TYPES},
        "groups": by_factor(scored, answers.records, PHONE_FACTORS, resamples),
        **_curves(scored, limits),
    }


def taken_for(answers: Answers) -> dict[str, Any]:
    """Returns which share of photos the app takes for a dermatoscope's, which for a phone's, for neither."""
    groups = np.array([record.patient_id for record in answers.records])
    kinds = np.array(answers.kinds)
    return {kind: share_with_interval(kinds == kind, groups) for kind in (*map(str, PhotoKind), IN_DOUBT)}


def without_phone_photos(
    bundle: Path, phone: Subset, test: Subset, now: Answers, resamples: int = RESAMPLES
) -> dict[str, Any]:
    """Returns the figures of an earlier release that learned from dermoscopy alone, to stand beside.

    Args:
        bundle: Its bundle's folder.
        phone: PAD-UFES-20's test patients.
        test: HAM10000's test part.
        now: What the bundle that is measured says to that.

    Raises:
        DatasetError: It has learned from phone photos, too.
    """
    predictor = open_served(bundle)
    contract = predictor.bundle.contract
    if any(PHONE_COLLECTION in data for data in contract.training_data):
        raise DatasetError(f"{bundle} has learned from phone photos, too")
    figures = phone_metrics(predict(predictor, phone), contract, resamples)
    return {
        "model_version": contract.version,
        "malignancy_auc": figures["malignancy_auc"],
        "pad_definition": {"malignancy_auc": figures["pad_definition"]["malignancy_auc"]},
        "dermoscopy_difference": paired_figures(predict(predictor, test), now, resamples)["difference"],
    }


def binary_baseline(
    malignancy: np.ndarray, records: Sequence[Record], resamples: int = RESAMPLES
) -> dict[str, Any]:
    """Returns loss, accuracy, balanced accuracy and AUC of a network that only says cancer or not.

    Args:
        malignancy: ``(count,)``, 0–1; 0.5 and more means cancer.
        records: The photos.
    """
    scored = Scored(
        malignant=np.array([record.malignant for record in records]),
        malignancy=malignancy,
        groups=np.array([record.lesion_id for record in records]),
    )
    return with_intervals(scored, half_threshold_figures, resamples)


def measure(
    bundle: Path,
    *,
    test: Subset,
    phone: Subset | None = None,
    natural: Subset | None = None,
    nails: Subset | None = None,
    isic2018: Subset | None = None,
    isic2017: Subset | None = None,
    baseline_run: Path | None = None,
    runs: Sequence[Path] = (),
    seed_runs: Sequence[Path] = (),
    dermoscopy_bundle: Path | None = None,
    earlier: Mapping[str, Any] | None = None,
    continues: bool = False,
    left_out: Mapping[str, Any] | None = None,
    masks: Masks | None = None,
    robustness_images: int = 0,
    negatives: int = NEGATIVES,
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """Measures a bundle on every test set that is given.

    Args:
        bundle: The bundle's folder.
        test: HAM10000's test part.
        phone: PAD-UFES-20's test patients.
        natural: Everyday photos that chose nothing.
        nails: Photos of nails that chose nothing.
        isic2018: Another dermoscopy set with the seven classes.
        isic2017: Another one, which names melanomas, naevi and benign keratoses.
        baseline_run: A finished run of the origin's CNN.
        runs: The runs that led to the bundle, first to last, for their logs.
        seed_runs: Runs of its last training stage that differ in their seed alone.
        dermoscopy_bundle: An earlier release that has seen no phone photos, to stand beside.
        earlier: The tree of an earlier release, or of the same one: its training where there are no ``runs``,
            and the figures of the origin's CNN where ``baseline_run`` is not at hand.
        continues: Whether ``runs`` went on from the release of ``earlier``, whose training then comes first.
        left_out: What :func:`train.steps.left_out.left_out_figures` found.
        masks: Outlines of HAM10000's lesions.
        robustness_images: How many test photos are changed and looked at again.
        negatives: How many pictures of each kind are drawn for the gate to refuse.
        resamples: How often the bootstrap draws.

    Returns:
        The tree of ``metrics.json``.
    """
    predictor = open_served(bundle)
    contract = predictor.bundle.contract
    answers = dermoscopy = predict(predictor, test)
    metrics: dict[str, Any] = {
        "model_version": contract.version,
        "test": dermoscopy_metrics(answers, contract, resamples) | {"taken_for": taken_for(answers)},
        "agreement": agreement(bundle, test),
        "gate": {
            "dermoscopy": accepted(answers),
            "negatives": negative_metrics(predictor, negatives),
            "degraded": {},
        },
        "baselines": {
            "write_up": {"accuracy": {"value": WRITE_UP_ACCURACY}},
            "always_benign": binary_baseline(np.zeros(len(test.records)), test.records, resamples),
        },
    }
    if masks:
        metrics["heat_map"] = heat_map_metrics(predictor, test, masks, resamples)
        metrics["gate"]["skin_without_lesion"] = bare_skin_metrics(predictor, test, masks)
        metrics["gate"]["several_spots"] = several_spots_metrics(predictor, test, masks, SEVERAL_SPOTS)
        metrics["crop_proposal"] = coverage_metrics(predictor, test, masks, resamples)
        metrics["crop_proposal"]["far"] = far_metrics(predictor, drawn(test, FAR_PHOTOS), masks, resamples)
    if robustness_images:
        metrics["robustness"] = robustness_metrics(predictor, test, robustness_images, resamples)
        metrics["gate"]["degraded"]["dermoscopy"] = degraded_metrics(
            predictor, test, robustness_images, resamples=resamples
        )
    if phone:
        answers = predict(predictor, phone)
        metrics["phone"] = phone_metrics(answers, contract, resamples) | {"taken_for": taken_for(answers)}
        if dermoscopy_bundle:
            metrics["phone"]["without_phone_photos"] = without_phone_photos(
                dermoscopy_bundle, phone, test, dermoscopy, resamples
            )
        metrics["gate"]["phone"] = accepted(answers)
        if robustness_images:
            metrics["gate"]["degraded"]["phone"] = degraded_metrics(
                predictor, phone, robustness_images, by_patient=True, resamples=resamples
            )
        metrics["phone"]["crop_proposal"] = gain_metrics(predictor, phone, answers, resamples)
    if natural:
        metrics["gate"]["natural"] = everyday_metrics(predict(predictor, natural))
    if nails:
        metrics["gate"]["nails"] = accepted(predict(predictor, nails))
    # What calibration asked of validation, for the model card: how the limits do where they have not been.
    exported = json.loads((bundle / "contract.json").read_text(encoding="utf-8"))
    metrics |= {name: exported[name] for name in ("prices",) if name in exported}
    if isic2018:
        metrics["isic2018"] = dermoscopy_metrics(predict(predictor, isic2018), contract, resamples)
    if isic2017:
        answers = predict(predictor, isic2017)
        metrics["isic2017"] = dermoscopy_metrics(answers, contract, resamples) | {
            "taken_for": taken_for(answers)
        }
        metrics["gate"]["isic2017"] = accepted(answers)
    before = earlier.get("training") if earlier and (continues or not runs) else None
    if before or runs:
        metrics["training"] = history.continued(before, history.training_history(runs))
        recipes = [*(earlier.get("recipes", []) if earlier and before else []), *history.recipes(runs)]
        metrics |= {"recipes": recipes} if recipes else {}
    if left_out:
        metrics["left_out"] = dict(left_out)
    if seed_runs:
        metrics["seeds"] = history.seed_spread(seed_runs)
    if baseline_run:
        malignancy = predict_seed_cnn(baseline_run, test)
        metrics["baselines"]["seed_cnn"] = binary_baseline(malignancy, test.records, resamples)
    elif earlier:
        metrics["baselines"]["seed_cnn"] = earlier["baselines"]["seed_cnn"]
    return metrics


def predict_seed_cnn(run: Path, subset: Subset) -> np.ndarray:
    """Returns the origin's CNN's probability of cancer, ``(count,)``, from its ``.keras`` and ``.h5`` alike.

    Raises:
        ValueError: The two saved files do not give the same answers.
    """
    import keras

    from train.network.names import SEED_CNN_SIZE
    from train.steps.batches import inputs
    from train.steps.run_folder import CLASSIFIER

    pixels = inputs(subset, SEED_CNN_SIZE) / np.float32(255)
    first, second = (
        keras.saving.load_model(run / name, compile=False).predict(pixels, 64, verbose=0)[:, 0]
        for name in (CLASSIFIER, "classifier.h5")
    )
    if np.abs(first - second).max() > 1e-6:
        raise ValueError(f"{run}: {CLASSIFIER} and classifier.h5 disagree")
    return np.asarray(first)


def write_metrics(bundle: Path, metrics: dict[str, Any]) -> None:
    """Writes ``metrics.json`` into a bundle and enters it in the contract."""
    from train.steps.export import add_file

    text = json.dumps(rounded(metrics), indent=1) + "\n"
    (bundle / METRICS).write_text(text, encoding="utf-8")
    add_file(bundle, METRICS)


def differences(found: Any, committed: Any, path: str = "") -> list[str]:
    """Returns where figures measured again are others than committed ones, a line each.

    What only one of the two has is left out: not every set of images is always at hand.

    Args:
        found: A tree of :func:`measure`, rounded.
        committed: Another.
        path: Where in the trees these two stand.
    """
    if isinstance(found, Mapping) and isinstance(committed, Mapping):
        shared = [key for key in found if key in committed]
        return [line for key in shared for line in differences(found[key], committed[key], f"{path}.{key}")]
    if isinstance(found, list) and isinstance(committed, list) and len(found) == len(committed):
        pairs = enumerate(zip(found, committed, strict=True))
        return [line for i, pair in pairs for line in differences(*pair, f"{path}[{i}]")]
    if isinstance(found, float) and isinstance(committed, float | int):
        same = abs(found - committed) <= SAME
    else:
        same = found == committed
    return [] if same else [f"{path.lstrip('.')}: {found}, committed {committed}"]
