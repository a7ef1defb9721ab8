from xml.etree import ElementTree

import pytest

from tests.fakes import METRICS, figure
from train.report.charts import Axis, Row, Series, histogram, intervals, matrix, plot, unit_axis
from train.report.pictures import pictures

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg):
    return [node.text for node in ElementTree.fromstring(svg).iter(f"{SVG}text") if node.text]


def test_a_line_goes_from_the_lower_left_to_the_upper_right():
    svg = plot("Up", "A line.", unit_axis("x"), unit_axis("y"), [Series("one", [(0, 0), (1, 1)])])
    (line,) = ElementTree.fromstring(svg).iter(f"{SVG}polyline")
    first, last = ([float(part) for part in point.split(",")] for point in line.get("points").split())
    assert first[0] < last[0]
    assert first[1] > last[1]  # downwards in SVG
    assert "one" in texts(svg)


def test_what_a_picture_says_is_escaped_and_described():
    svg = plot("A < B & C", 'Says "<b>".', unit_axis("x"), unit_axis("y"), [])
    root = ElementTree.fromstring(svg)
    assert root.find(f"{SVG}title").text == "A < B & C"
    assert root.find(f"{SVG}desc").text == 'Says "<b>".'
    assert root.get("role") == "img"


def test_values_outside_an_axis_are_held_at_its_ends():
    axis = Axis("AUC", 0.5, 1, (0.5, 1.0))
    assert axis.share(0.2) == 0
    assert axis.share(0.75) == 0.5


def test_a_group_without_a_figure_says_so():
    rows = [Row("many", 0.9, 0.8, 0.95, "0.900"), Row("few", None)]
    svg = intervals("Groups", "…", Axis("AUC", 0.5, 1, (0.5, 1.0)), rows)
    assert "too few photos" in texts(svg)
    assert len(list(ElementTree.fromstring(svg).iter(f"{SVG}circle"))) == 1


def test_a_histogram_shows_shares_of_each_group():
    svg = histogram("Scores", "…", [0, 0.5, 1], {"cancers": [1, 3], "harmless": [300, 100]})
    bars = [bar for bar in ElementTree.fromstring(svg).iter(f"{SVG}rect") if bar.get("height") != "100%"]
    heights = [float(bar.get("height")) for bar in bars]
    assert heights == pytest.approx([heights[0], 3 * heights[0], 3 * heights[0], heights[0]], abs=0.2)
    assert {"cancers (4)", "harmless (400)"} <= set(texts(svg))


def test_a_matrix_shows_every_count():
    assert {"7", "0", "2", "9"} <= set(texts(matrix("M", "…", ["a", "b"], [[7, 0], [2, 9]])))


def test_only_pictures_whose_figures_exist_are_drawn():
    found = pictures(METRICS)
    assert set(found) == {"roc", "reliability", "confusion", "by_sex", "by_sex_phone"}
    assert pictures({}) == {}


def test_each_branch_of_the_metrics_brings_its_pictures():
    group = {"images": 20, "cancers": 10, "malignancy_auc": figure(0.8)}
    steps = [{"step": step, "malignancy_auc": figure(0.9), "refused": figure(0.1)} for step in (0.01, 0.04)]
    curve = {"recall": [0.1, 1.0], "precision": [0.9, 0.2], "cancers": 0.2}
    metrics = {
        "test": {
            **METRICS["test"],
            "precision_recall": curve,
            "histogram": {"edges": [0, 0.5, 1], "cancer": [1, 2], "harmless": [3, 1]},
            "groups": {"age": {"under 30": group, "unknown": {**group, "malignancy_auc": None}}},
        },
        "phone": {**METRICS["phone"], "groups": {"skin_type": {"1-2": group}}},
        "training": {"epoch": [1, 2], "loss": [2.0, 1.0], "val_malignancy_auc": [None, 0.9]},
        "robustness": {
            "images": 5,
            "malignancy_auc": figure(0.9),
            "changes": {"half_size": {"malignancy_auc": figure(0.88)}},
        },
        "gate": {"degraded": {"dermoscopy": {"images": 5, "blur": steps, "darkness": steps}}},
    }
    found = pictures(metrics)
    assert set(found) == {
        *("roc", "precision_recall", "reliability", "confusion", "scores", "by_age", "by_skin_type_phone"),
        *("training_loss", "training_validation", "robustness", "blur_dermoscopy", "darkness_dermoscopy"),
    }
    for svg in found.values():
        ElementTree.fromstring(svg)
    assert sum(map(len, found.values())) < 100_000
    assert found == pictures(metrics)
