import numpy as np
import pytest

from tests.fakes import made_prediction
from train.steps.fit_details import design, fit_details, with_offsets
from webapp.answer.details import NO_DETAILS, Details, Sex, Site, weigh
from webapp.model.contract import DetailOffsets
from webapp.model.labels import CLASSES

NV, BCC = CLASSES.index("nv"), CLASSES.index("bcc")


def people(count, tells, seed=0, common=0.5):
    """Photos that all look alike. Of the old, half of the people, who have it on the head, ``tells`` is the
    share with a bcc; of the young the share with a mole is ``common``."""
    rng = np.random.default_rng(seed)
    old = np.arange(count) % 2 == 0
    truth = np.where(rng.random(count) < np.where(old, tells, 1 - common), BCC, NV)
    details = [
        Details(
            80 if is_old else 20,
            Sex.MALE if i % 4 < 2 else Sex.FEMALE,
            Site.HEAD_NECK if is_old else Site.LEG,
        )
        for i, is_old in enumerate(old)
    ]
    probabilities = np.full((count, len(CLASSES)), 0.01)
    probabilities[:, [NV, BCC]] = 0.475
    return probabilities, truth, details, [f"p{i}" for i in range(count)]


def test_details_that_tell_something_move_the_chance_and_those_left_out_nothing():
    probabilities, truth, details, groups = people(400, tells=0.95)
    fitted = fit_details(probabilities, truth, details, groups)
    assert fitted.gain > 0.05
    old = with_offsets(probabilities[:1], design([Details(80, None, Site.HEAD_NECK)]), fitted.offsets)[0]
    assert old[BCC] > 0.7
    by_age_alone = with_offsets(probabilities[:1], design([Details(age=80)]), fitted.offsets)[0]
    assert probabilities[0, BCC] < by_age_alone[BCC] < old[BCC]
    untold = with_offsets(probabilities[:1], design([NO_DETAILS]), fitted.offsets)
    assert untold == pytest.approx(probabilities[:1])


def test_what_limits_are_chosen_by_has_not_seen_the_photo():
    probabilities, truth, details, groups = people(100, tells=0.95)
    fitted = fit_details(probabilities, truth, details, groups)
    changed = truth.copy()
    changed[0] = NV if truth[0] == BCC else BCC
    again = fit_details(probabilities, changed, details, groups)
    assert again.penalty == fitted.penalty
    assert again.weighed[0] == pytest.approx(fitted.weighed[0]), "what it is told nothing of itself"
    assert np.abs(again.weighed[1:] - fitted.weighed[1:]).max() > 1e-4
    told = with_offsets(probabilities, design(details), fitted.offsets)
    assert np.abs(fitted.weighed - told).max() > 1e-3
    assert fitted.weighed[:, BCC][::2].mean() > 0.7 > 0.3 > fitted.weighed[:, BCC][1::2].mean()


def test_details_that_tell_nothing_are_left_out():
    probabilities, truth, details, groups = people(400, tells=0.5)
    fitted = fit_details(probabilities, truth, details, groups)
    assert fitted.offsets == DetailOffsets()
    assert fitted.gain == 0


def test_how_common_the_classes_are_is_not_what_a_detail_tells():
    # Nine in ten are cancers, among the old as among the young: to tell one's age must not raise the chance.
    probabilities, truth, details, groups = people(400, tells=0.9, common=0.1)
    assert fit_details(probabilities, truth, details, groups).offsets == DetailOffsets()


def test_a_place_of_which_there_are_few_photos_is_not_in_the_offsets():
    probabilities, truth, details, groups = people(400, tells=0.95)
    offsets = fit_details(probabilities, truth, details, groups).offsets
    assert set(offsets.site) == {Site.HEAD_NECK, Site.LEG}


def test_the_app_adds_the_same():
    fitted = fit_details(*people(400, tells=0.95))
    told = Details(66, Sex.MALE, Site.HEAD_NECK)
    prediction = made_prediction(0.3)
    by_app = weigh(prediction, told, fitted.offsets).probabilities
    here = with_offsets(np.array([prediction.probabilities]), design([told]), fitted.offsets)[0]
    assert by_app == pytest.approx(here)
