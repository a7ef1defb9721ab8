import numpy as np
import pytest

from tests.train.dark_predictor import DarkPredictor
from tests.train.made_spots import ellipse
from train.datasets.dataset import Record
from train.datasets.masks import covered
from train.datasets.negatives import KINDS
from train.evaluation.answers import Answers
from train.evaluation.gate import (
    BLUR_STEPS,
    DARKNESS_STEPS,
    bare_crop,
    bare_skin_metrics,
    degraded_metrics,
    everyday_metrics,
    negative_metrics,
)


def test_what_the_predictor_finds_unfamiliar_is_refused():
    found = negative_metrics(DarkPredictor(), count=5)
    assert list(found) == list(KINDS)
    assert found["plain"]["refused"]["value"] == 1
    assert found["plain"]["images"] == 5
    assert found["icon"]["refused"]["value"] < 1


def test_animals_are_told_from_things_by_their_wordnet_id():
    names = ("n01443537_goldfish", "n02655020_puffer", "n02666196_abacus")
    records = tuple(Record(name, None, False, name, name, "natural") for name in names)
    answers = Answers(records, np.zeros((3, 7)), np.zeros((3, 2)), np.array([True, False, True]))
    found = everyday_metrics(answers)
    assert found["kinds"]["animals"]["refused"]["value"] == 0.5
    assert found["kinds"]["things"]["refused"]["value"] == 1
    assert found["accepted"]["value"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("seed", range(5))
def test_a_crop_of_bare_skin_keeps_away_from_the_lesion(seed):
    mask = ellipse(600, 450, (200, 150, 380, 330))
    left, upper, right, lower = bare_crop(mask, np.random.default_rng(seed))
    assert covered(mask, (left - 20, upper - 20, right + 20, lower + 20)) == 0
    assert right - left == lower - upper >= 112
    assert 0 <= left < right <= 600
    assert 0 <= upper < lower <= 450


def test_a_lesion_that_fills_the_frame_leaves_no_bare_skin():
    assert bare_crop(np.ones((450, 600), bool), np.random.default_rng(0)) is None


def test_bare_skin_without_structure_is_refused_here(spots):
    found = bare_skin_metrics(DarkPredictor(), *spots)
    assert found["images"] == 5
    assert found["cannot_judge"]["value"] == 1
    assert found["signs"]["value"] == 0


def test_each_step_of_blur_and_darkness_tells_auc_and_refusals(spots, monkeypatch):
    monkeypatch.setattr("train.evaluation.gate.FEWEST", 1)
    found = degraded_metrics(DarkPredictor(), spots[0], count=99, resamples=20)
    assert found["images"] == 6
    assert [step["step"] for step in found["blur"]] == list(BLUR_STEPS)
    assert [step["step"] for step in found["darkness"]] == list(DARKNESS_STEPS)
    for step in found["blur"] + found["darkness"]:
        assert step["refused"]["value"] == 0
        assert step["difference"]["value"] == step["difference_accepted"]["value"]
    monkeypatch.setattr("train.evaluation.gate.FEWEST", 10)
    few = degraded_metrics(DarkPredictor(), spots[0], count=99, resamples=20)["blur"][0]
    assert few["difference_accepted"] is None and few["difference"]["value"] is not None
