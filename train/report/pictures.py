"""The report's pictures, each from ``metrics.json`` alone and only where its figures are there."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from train.report.charts import Axis, Row, Series, histogram, intervals, matrix, plot, unit_axis
from webapp.model.labels import CLASSES

Metrics = Mapping[str, Any]

SETS: Final = {
    "test": "HAM10000 test",
    "phone": "smartphone photos (PAD-UFES-20 test)",
    "isic2018": "ISIC 2018 validation",
}
FACTORS: Final = {
    "age": "age",
    "sex": "sex",
    "site": "body site",
    "diagnosis_method": "diagnosis method",
    "skin_type": "Fitzpatrick skin type",
}
CHANGES: Final = {
    "rotated_15": "turned by 15°",
    "rotated_45": "turned by 45°",
    "rotated_90": "turned by 90°",
    "jpeg_quality_30": "JPEG quality 30",
    "brightness_70": "30 % darker",
    "brightness_130": "30 % brighter",
    "half_size": "half size",
    "blurred": "moderately blurred",
}


def pictures(metrics: Metrics) -> dict[str, str]:
    """Returns file names without suffix and the SVG text of every picture that the figures allow."""
    found: dict[str, str] = {}
    for draw in DRAWN:
        found |= dict(draw(metrics))
    return found


Drawn = Iterator[tuple[str, str]]


def _sets(metrics: Metrics, branch: str) -> Iterator[tuple[str, str, Any]]:
    for key, name in SETS.items():
        if branch in metrics.get(key, {}):
            yield key, name, metrics[key][branch]


def _percent(figure: Mapping[str, float]) -> str:
    return f"{100 * figure['value']:.1f} %"


def _roc(metrics: Metrics) -> Drawn:
    series = [
        Series(_with_auc(metrics[key], name), list(zip(roc["fpr"], roc["tpr"], strict=True)))
        for key, name, roc in _sets(metrics, "roc")
        if roc["fpr"]
    ]
    if not series:
        return
    description = "Receiver operating characteristic of the malignancy score. "
    points = []
    for name, point in metrics.get("test", {}).get("roc", {}).get("at", {}).items():
        points.append((point["fpr"], point["tpr"]))
        description += (
            f"HAM10000 test, at the limit of {name}: sensitivity {100 * point['tpr']:.1f} %, "
            f"specificity {100 * (1 - point['fpr']):.1f} %. "
        )
    yield (
        "roc",
        plot(
            "Cancers found against harmless spots flagged (ROC)",
            description,
            unit_axis("1 − specificity"),
            unit_axis("sensitivity"),
            [*series, Series("limits of signs and unsure, HAM10000 test", points, line=False, dots=True)],
            reference=[(0, 0), (1, 1)],
        ),
    )


def _with_auc(test_set: Mapping[str, Any], name: str) -> str:
    figure = test_set["malignancy_auc"]
    return f"{name}: AUC {figure['value']:.3f} ({figure['low']:.3f}–{figure['high']:.3f})"


def _precision_recall(metrics: Metrics) -> Drawn:
    series = [
        Series(
            f"{name}: {100 * curve['cancers']:.0f} % are cancers",
            list(zip(curve["recall"], curve["precision"], strict=True)),
        )
        for _, name, curve in _sets(metrics, "precision_recall")
        if curve["recall"]
    ]
    if series:
        yield (
            "precision_recall",
            plot(
                "Precision and recall of the malignancy score",
                "Of those flagged, the share that is cancer, against the share of cancers flagged. "
                "It depends on how many of the photos show cancers.",
                unit_axis("recall (sensitivity)"),
                unit_axis("precision"),
                series,
            ),
        )


def _reliability(metrics: Metrics) -> Drawn:
    series = []
    for key, name, calibration in _sets(metrics, "calibration"):
        if key != "isic2018":
            series.append(_reliability_series(f"{name}, malignancy", calibration["bins"]))
            if "class_bins" in calibration:
                series.append(_reliability_series(f"{name}, likeliest diagnosis", calibration["class_bins"]))
    if series:
        yield (
            "reliability",
            plot(
                "What was said and what was true (reliability)",
                "Groups of photos by the probability that the network stated, against how often it was "
                "so. On the diagonal both agree.",
                unit_axis("stated probability"),
                unit_axis("observed share"),
                series,
                reference=[(0, 0), (1, 1)],
            ),
        )


def _reliability_series(name: str, bins: Sequence[Mapping[str, float]]) -> Series:
    return Series(name, [(group["predicted"], group["observed"]) for group in bins], dots=True)


def _confusion(metrics: Metrics) -> Drawn:
    if counts := metrics.get("test", {}).get("confusion"):
        description = " ".join(
            f"{dx}: {row[i]} of {sum(row)} named rightly."
            for i, (dx, row) in enumerate(zip(CLASSES, counts, strict=True))
        )
        title = "Confusion of the seven diagnoses, HAM10000 test"
        yield "confusion", matrix(title, description, CLASSES, counts)


def _histograms(metrics: Metrics) -> Drawn:
    for key, name, found in _sets(metrics, "histogram"):
        suffix = "" if key == "test" else f"_{key}"
        yield (
            f"scores{suffix}",
            histogram(
                f"Malignancy scores, {name}",
                "How the scores of cancers and of harmless spots are spread.",
                found["edges"],
                {"cancers": found["cancer"], "harmless": found["harmless"]},
            ),
        )


def _training(metrics: Metrics) -> Drawn:
    history = metrics.get("training")
    if not history or len(history["epoch"]) < 2:
        return
    epochs = range(1, len(history["epoch"]) + 1)

    def known(column: str) -> list[tuple[float, float]]:
        values = history.get(column, ())
        return [(e, value) for e, value in zip(epochs, values, strict=False) if value is not None]

    last = len(epochs)
    step = max(1, -(-last // 10))
    x = Axis("epoch", 1, last, (1, *range(step, last + 1, step)) if step > 1 else tuple(epochs))
    if loss := known("loss"):
        highest = max(value for _, value in loss)
        top = 0.5 * (int(highest / 0.5) + 1)
        y = Axis("loss", 0, top, tuple(top * i / 5 for i in range(6)))
        description = f"Training loss from {loss[0][1]:.2f} to {loss[-1][1]:.2f}."
        yield "training_loss", plot("Training loss", description, x, y, [Series("", loss)])
    names = {
        "val_malignancy_auc": "malignancy AUC",
        "val_balanced_accuracy": "balanced accuracy, 7 diagnoses",
    }
    series = [Series(name, known(column), dots=True) for column, name in names.items() if known(column)]
    if series:
        y = Axis("on the validation part", 0.5, 1, (0.5, 0.6, 0.7, 0.8, 0.9, 1.0))
        description = " ".join(f"{one.name}: {one.points[-1][1]:.3f} at the end." for one in series)
        yield "training_validation", plot("Validation during training", description, x, y, series)


def _groups(metrics: Metrics) -> Drawn:
    for key, name, factors in _sets(metrics, "groups"):
        if key == "isic2018":
            continue
        overall = metrics[key]["malignancy_auc"]["value"]
        for factor, groups in factors.items():
            rows = [_group_row(group, found) for group, found in groups.items()]
            suffix = "" if key == "test" else f"_{key}"
            title = f"By {FACTORS.get(factor, factor)}: {name}"
            yield f"by_{factor}{suffix}", _auc_intervals(title, rows, overall)


def _group_row(name: str, found: Mapping[str, Any]) -> Row:
    figure = found["malignancy_auc"] or {"value": None, "low": None, "high": None}
    label = f"{name} ({found['images']})"
    value = figure["value"]
    return Row(label, value, figure["low"], figure["high"], "" if value is None else f"{value:.3f}")


def _auc_intervals(title: str, rows: Sequence[Row], overall: float | None) -> str:
    axis = Axis("malignancy AUC (dashed: all photos)", 0.5, 1, (0.5, 0.6, 0.7, 0.8, 0.9, 1.0))
    description = " ".join(f"{row.name}: {row.note or 'too few photos'}." for row in rows)
    return intervals(title, description, axis, rows, aim=overall)


def _robustness(metrics: Metrics) -> Drawn:
    found = metrics.get("robustness")
    if not found:
        return
    rows = [
        _group_row(label, {"malignancy_auc": found["changes"][change]["malignancy_auc"], "images": ""})
        for change, label in CHANGES.items()
        if change in found["changes"]
    ]
    rows = [Row(row.name.removesuffix(" ()"), row.value, row.low, row.high, row.note) for row in rows]
    title = f"Changed photos: {found['images']} of the HAM10000 test"
    yield "robustness", _auc_intervals(title, rows, found["malignancy_auc"]["value"])


def _degraded(metrics: Metrics) -> Drawn:
    labels = {
        "blur": "blur (standard deviation, % of the shorter side)",
        "darkness": "light left (%)",
    }
    for key, found in metrics.get("gate", {}).get("degraded", {}).items():
        for name, label in labels.items():
            steps = [100 * step["step"] for step in found[name]]
            x = Axis(label, 0, max(steps), tuple(sorted(steps)))
            series = [
                Series(text, _steps(steps, found[name], figure), dots=True)
                for figure, text in (("refused", "refused"), ("malignancy_auc", "malignancy AUC, all photos"))
            ]
            photos = SETS["test" if key == "dermoscopy" else key]
            description = "; ".join(
                f"{step['step']:g}: {_percent(step['refused'])} refused" for step in found[name]
            )
            title = f"Graded {name}, {photos}"
            yield f"{name}_{key}", plot(title, description, x, unit_axis("share, AUC"), series)


def _steps(
    steps: Sequence[float], rows: Sequence[Mapping[str, Any]], figure: str
) -> list[tuple[float, float]]:
    pairs = zip(steps, (row[figure]["value"] for row in rows), strict=True)
    return sorted((step, value) for step, value in pairs if value is not None)


DRAWN: Final[tuple[Callable[[Metrics], Drawn], ...]] = (
    _roc,
    _precision_recall,
    _reliability,
    _confusion,
    _histograms,
    _training,
    _groups,
    _robustness,
    _degraded,
)
