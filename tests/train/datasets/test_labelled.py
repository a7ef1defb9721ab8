"""A stranger's folder and table, in the ways in which they come, and every fault in them named."""

import json

import pytest

from tests.rendered import render_lesion
from tests.train.dark_predictor import DarkPredictor
from train.__main__ import main
from train.datasets.dataset import DatasetError, Subset
from train.datasets.labelled import open_labelled
from train.evaluation.answers import predict
from train.evaluation.judging import limits_of
from train.evaluation.outside import outside_metrics, table
from webapp.model.bundle import BUNDLE_FOLDER

ISIC_2018 = """\
image,MEL,NV,BCC,AKIEC,BKL,DF,VASC
ISIC_1,1.0,0.0,0.0,0.0,0.0,0.0,0.0
ISIC_2,0.0,1.0,0.0,0.0,0.0,0.0,0.0
ISIC_3,0.0,0.0,0.0,0.0,0.0,0.0,1.0
"""


@pytest.fixture
def photos(tmp_path, jpeg):
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for name, colour in (("ISIC_1", "black"), ("ISIC_2", "white"), ("more/ISIC_3", "silver")):
        (folder / f"{name}.jpg").write_bytes(jpeg(colour=colour))
    return folder


@pytest.fixture
def open_with(photos, tmp_path):
    def open_(text, **options):
        labels = tmp_path / "labels.csv"
        labels.write_text(text, encoding="utf-8-sig")
        return open_labelled(photos, labels, **options)

    return open_


@pytest.mark.parametrize(
    "text",
    [
        ISIC_2018,
        "image_id,dx\nISIC_1,mel\nISIC_2,nv\nISIC_3,vasc\n",
        "image,dx\nISIC_1.jpg,MEL\nISIC_2.jpg, NV \nISIC_3.JPG,Vasc\n",
    ],
    ids=["one column a class", "dx", "with suffixes and capitals"],
)
def test_the_ways_in_which_labels_come(open_with, text):
    records = open_with(text).records
    assert [(record.dx, record.malignant) for record in records] == [
        ("mel", True),
        ("nv", False),
        ("vasc", False),
    ]
    assert records[0].aspect is None


def test_cancer_or_not_alone(open_with):
    records = open_with("image,malignant\nISIC_1,1\nISIC_2,0\nISIC_3,benign\n").records
    assert [(record.dx, record.malignant) for record in records] == [
        (None, True),
        (None, False),
        (None, False),
    ]


def test_images_that_the_labels_do_not_name_are_left_out(open_with):
    assert len(open_with("image,dx\nISIC_2,nv\n").records) == 1


def test_squashed_images_get_their_true_shape_back(open_with):
    assert open_with(ISIC_2018, aspect=4 / 3).records[0].aspect == pytest.approx(4 / 3)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("image,dx\nISIC_9,nv\n", "the image of ISIC_9 is missing"),
        ("image,dx\nISIC_1,scc\n", "ISIC_1 has the unknown dx 'scc'"),
        ("image,dx\nISIC_1,\n", "ISIC_1 has neither a dx nor a malignant label"),
        ("image,malignant\nISIC_1,perhaps\n", "ISIC_1 has 'perhaps' as malignant"),
        ("image,MEL,NV\nISIC_1,0,0\n", "ISIC_1 is none of"),
        ("image,MEL,NV\nISIC_1,1,1\n", "ISIC_1 is 2 classes (mel, nv)"),
        ("image,MEL,NV\nISIC_1,0.7,0.3\n", "ISIC_1 has 0.7 as MEL"),
        ("image,MEL,NV\nISIC_1,yes,no\n", "ISIC_1 has 'yes' as MEL"),
        ("image,dx\nISIC_1,nv\nISIC_1.jpg,nv\n", "ISIC_1 stands twice"),
        ("name,dx\nISIC_1,nv\n", "no column image or image_id"),
        ("image,age\nISIC_1,30\n", "neither a column dx nor malignant"),
        ("image,dx\n", "no image has a label"),
    ],
)
def test_a_fault_in_the_labels_is_named(open_with, text, named):
    with pytest.raises(DatasetError, match="(?s).*") as error:
        open_with(text)
    assert named in str(error.value)


def test_two_images_of_one_name_are_both_named(photos, open_with, jpeg):
    (photos / "more" / "ISIC_1.png").write_bytes(jpeg())
    with pytest.raises(DatasetError, match=r"ISIC_1\.jpg and .*ISIC_1\.png"):
        open_with(ISIC_2018)


@pytest.mark.parametrize("missing", ["photos", "labels.csv"])
def test_what_does_not_exist_is_named(tmp_path, missing):
    (tmp_path / ("labels.csv" if missing == "photos" else "photos")).mkdir()
    with pytest.raises(DatasetError, match=missing):
        open_labelled(tmp_path / "photos", tmp_path / "labels.csv")


def test_figures_of_the_seven_diagnoses(open_with):
    collection = open_with(ISIC_2018)
    predictor = DarkPredictor()
    answers = predict(predictor, Subset(collection, collection.records))
    figures = outside_metrics(answers, predictor.bundle.contract, 20)
    assert figures["accuracy"]["value"] == pytest.approx(2 / 3)  # vasc is taken for nv
    assert figures["malignancy_auc"]["value"] == 1
    limits = limits_of(predictor.bundle.contract, "dermatoscope")
    assert figures["operating_points"]["signs"]["threshold"] == limits.signs
    assert figures["accepted"]["value"] == 0  # photos of one colour, 30 pixels high
    text = table(figures)
    assert "3 images of 3 lesions, 1 images of cancers" in text
    assert "malignancy AUC                             1.000   1.000–1.000" in text
    assert "recall of df                               none in these photos" in text


def test_figures_of_cancer_or_not(open_with):
    collection = open_with("image,malignant\nISIC_1,1\nISIC_2,0\n")
    predictor = DarkPredictor()
    answers = predict(predictor, Subset(collection, collection.records))
    figures = outside_metrics(answers, predictor.bundle.contract, 20)
    assert figures["malignancy_auc"]["value"] == 1
    assert "accuracy" not in figures
    assert "accuracy" not in table(figures)


def test_the_command_measures_the_shipped_bundle_and_writes_nothing(tmp_path, capsys):
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(2):
        render_lesion(seed).save(folder / f"{seed}.jpg")
    labels = tmp_path / "labels.csv"
    labels.write_text("image,dx\n0,mel\n1,nv\n")
    before = {file.name: file.read_bytes() for file in BUNDLE_FOLDER.rglob("*") if file.is_file()}
    arguments = ["evaluate", "--images", str(folder), "--labels", str(labels), "--resamples", "10"]
    assert main([*arguments, "--format", "json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["images"] == 2
    assert 0 <= figures["balanced_accuracy"]["value"] <= 1
    assert {file.name: file.read_bytes() for file in BUNDLE_FOLDER.rglob("*") if file.is_file()} == before
    assert main(["evaluate", "--images", str(folder)]) == 1
    assert "--labels" in capsys.readouterr().err
