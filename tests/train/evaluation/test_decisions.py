import numpy as np
import pytest

from train.evaluation.decisions import (
    answers_given,
    missed_figures,
    operating_figures,
    operating_points,
    outcome_figures,
    outcomes,
    predictive_values,
)
from train.evaluation.metrics import Scored, with_intervals
from webapp.model.contract import Thresholds

LIMITS = Thresholds(signs=0.5, unsure=0.2)


def scored(malignancy, malignant, refused=None, limits=LIMITS):
    count = len(malignancy)
    return Scored(
        malignant=np.array(malignant),
        malignancy=np.array(malignancy),
        groups=np.arange(count).astype(str),
        limits=np.tile((limits.signs, limits.unsure), (count, 1)),
        refused=np.array(refused or [False] * count),
    )


def values(figures, photos):
    return {name: found["value"] for name, found in with_intervals(photos, figures).items()}


def test_what_is_at_the_threshold_counts_as_flagged():
    found = values(operating_figures("signs"), scored([0.5, 0.4, 0.6, 0.1], [True, True, False, False]))
    assert found == {"sensitivity": 0.5, "specificity": 0.5}


def test_each_photo_is_held_against_its_own_limit():
    photos = scored([0.3, 0.3], [True, True])
    photos.limits[1] = 0.25, 0.1
    assert values(operating_figures("signs"), photos)["sensitivity"] == 0.5
    assert values(operating_figures("unsure"), photos)["sensitivity"] == 1


def test_predictive_values_are_bayes():
    ppv, npv = predictive_values(0.9, 0.8, 0.01)  # of 1000: 9 of 10 cancers and 198 of 990 others flagged
    assert ppv == pytest.approx(9 / (9 + 198))
    assert npv == pytest.approx(792 / 793)


def test_rarer_cancers_make_more_false_alarms():
    point = operating_points(scored([0.9, 0.8, 0.7, 0.1], [True, True, False, False]), LIMITS)["signs"]
    of_flagged = [point["ppv"][prevalence]["value"] for prevalence in ("0.01", "0.05", "0.1", "0.2")]
    assert of_flagged == sorted(of_flagged)
    assert of_flagged[0] == pytest.approx(0.01 / (0.01 + 0.5 * 0.99))
    assert point["threshold"] == 0.5


def test_that_nothing_was_missed_does_not_say_that_nothing_ever_is():
    photos = scored([0.9, 0.1] * 20, [True, False] * 20)
    point = operating_points(photos, LIMITS)["unsure"]
    for found in (point["sensitivity"], point["npv"]["0.2"], answers_given(photos)["signs"]["cancers"]):
        assert found["low"] < 0.96
        assert (found["value"], found["high"]) == (1, 1)


def test_every_photo_ends_in_one_outcome_and_refusal_comes_first():
    found = values(
        outcome_figures, scored([0.9, 0.3, 0.1, 0.9], [True, True, True, True], [False, False, False, True])
    )
    ends = ("signs", "unsure", "no_signs", "cannot_judge")
    assert [found[f"cancer/{end}"] for end in ends] == [0.25] * 4
    assert np.isnan(found["harmless/signs"])


def test_outcomes_have_intervals():
    found = outcomes(scored([0.9, 0.1] * 20, [True, False] * 20))
    assert found["cancer"]["no_signs"]["value"] == found["cancer"]["no_signs"]["low"] == 0
    assert 0.1 < found["cancer"]["no_signs"]["high"] < 0.2
    assert found["harmless"]["no_signs"]["value"] == 1


def test_what_an_answer_means_is_counted_among_those_who_get_it():
    photos = scored([0.9, 0.8, 0.3, 0.1], [True, False, False, False], [False, False, False, True])
    found = answers_given(photos)
    assert found["signs"]["cancers"]["value"] == 0.5
    assert found["unsure"]["cancers"]["value"] == 0
    assert np.isnan(found["no_signs"]["cancers"]["value"])
    assert set(found) == {"signs", "unsure", "no_signs"}


def test_a_cancer_is_missed_if_it_gets_the_all_clear_not_if_it_is_refused():
    photos = scored([0.1, 0.1, 0.3, 0.1], [True, True, True, False], [False, True, False, False])
    assert values(missed_figures, photos) == {"missed": pytest.approx(1 / 3), "spared": 1}
