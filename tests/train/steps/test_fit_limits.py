import dataclasses

import numpy as np
import pytest

from train.steps.fit_limits import (
    FAMILIAR,
    HURRIED,
    MISSED_AT_HOME,
    MISSED_UNSEEN,
    PRICES,
    SPECIFICITY,
    Sample,
    choose_limits,
    melanoma_limit,
    shares_cleared,
    shares_hurried,
    thresholds_for,
)
from webapp.model.contract import PhotoKind

HOME, PHONE = PhotoKind.DERMATOSCOPE, PhotoKind.PHONE
PER_PHOTO = ("malignancy", "malignant", "unfamiliarity", "melanoma", "diagnosed_melanoma")


def sample(name, shift, kind=HOME, home=False, count=2000, seed=0):
    """Photos of a collection, a fifth cancers, whose scores lie ``shift`` log-odds above the harmless'."""
    rng = np.random.default_rng(seed)
    malignant = np.arange(count) % 5 == 0
    malignancy = 1 / (1 + np.exp(-rng.normal(np.where(malignant, shift, 0) - 2, 1)))
    return Sample(
        name,
        kind,
        home,
        malignancy,
        malignant,
        unfamiliarity=rng.uniform(0, 1, count),
        melanoma=malignancy / 2,
        diagnosed_melanoma=malignant & (np.arange(count) % 2 == 0),
    )


@pytest.fixture
def samples():
    return [
        sample("home", 3, home=True),
        sample("phones", 4, PHONE, home=True, seed=1),
        sample("near", 2.5, seed=2),
        sample("far", 1, seed=3),
    ]


def test_no_collection_misses_more_than_it_may(samples):
    limits = choose_limits(samples).thresholds
    for each in samples:
        missed = shares_cleared(each, limits[each.kind])["missed"]
        assert missed <= (MISSED_AT_HOME if each.home else MISSED_UNSEEN)


def test_the_worst_collection_decides(samples):
    alone = thresholds_for(HOME, samples[:1], 0.05)
    worst = thresholds_for(HOME, samples, 0.05)
    assert worst.unsure < thresholds_for(HOME, samples[:3], 0.05).unsure <= alone.unsure
    assert worst.signs == alone.signs


def test_nine_in_ten_harmless_at_home_have_no_signs_with_details_and_without(samples):
    home = dataclasses.replace(samples[0], weighed=np.sqrt(samples[0].malignancy))
    limits = thresholds_for(HOME, [home])
    for scores in (home.malignancy, home.weighed):
        assert (scores[~home.malignant] < limits.signs).mean() >= SPECIFICITY - 1e-9
    assert limits.unsure <= limits.signs


def test_a_phone_is_given_the_all_clear_no_sooner_than_a_dermatoscope(samples):
    limits = choose_limits(samples).thresholds
    assert limits[PHONE].unsure <= limits[HOME].unsure
    assert limits[PHONE].unusual != limits[HOME].unusual


def test_an_unusual_photo_gets_no_all_clear(samples):
    home = samples[0]
    limits = thresholds_for(HOME, samples)
    assert (home.unfamiliarity <= limits.unusual).mean() == pytest.approx(FAMILIAR, abs=0.001)
    strange = dataclasses.replace(home, unfamiliarity=np.full(len(home.malignant), limits.unusual + 0.01))
    assert shares_cleared(strange, limits) == {"missed": 0, "spared": 0}


def test_details_only_take_the_all_clear_back(samples):
    limits, home = thresholds_for(HOME, samples), samples[0]
    worse = dataclasses.replace(home, weighed=np.ones(len(home.malignant)))
    better = dataclasses.replace(home, weighed=np.zeros(len(home.malignant)))
    assert not worse.cleared(limits).any()
    assert (better.cleared(limits) == home.cleared(limits)).all()


def test_of_the_harmless_that_are_told_unsure_at_most_a_third_is_hurried(samples):
    rng = np.random.default_rng(5)
    part = np.where(samples[0].diagnosed_melanoma, rng.uniform(0.4, 0.9, 2000), rng.uniform(0.1, 0.8, 2000))
    home = dataclasses.replace(samples[0], melanoma=samples[0].malignancy * part)
    limits = thresholds_for(HOME, [home])
    hurried = shares_hurried(home, limits)
    assert HURRIED - 0.01 < hurried["harmless"] <= HURRIED
    assert hurried["melanomas"] > hurried["harmless"]
    for count in range(1700, 1704):
        some = dataclasses.replace(home, **{name: getattr(home, name)[:count] for name in PER_PHOTO})
        share = shares_hurried(some, thresholds_for(HOME, [some]))["harmless"]
        assert HURRIED - 0.05 < share <= HURRIED
    few = dataclasses.replace(home, malignant=np.ones(len(home.malignant), bool))
    assert melanoma_limit(few, limits.signs, limits.unsure) is None
    assert shares_hurried(home, dataclasses.replace(limits, melanoma=None)) == {}


def test_what_a_kind_adds_to_the_chance_gives_no_photo_another_answer(samples):
    """The phone's all-clear asks as little of the photo itself, and so where its collection is left out."""
    added = {PHONE: 1.3}
    weighed = [
        dataclasses.replace(each, malignancy=1 / (1 + np.exp(-1.3) * (1 / each.malignancy - 1)))
        if each.kind is PHONE
        else each
        for each in samples
    ]
    before, after = choose_limits(samples), choose_limits(weighed, added)
    assert after.thresholds[HOME] == before.thresholds[HOME]
    assert after.thresholds[PHONE].unsure > before.thresholds[PHONE].unsure
    for each, moved in zip(samples, weighed, strict=True):
        same = each.cleared(before.thresholds[each.kind]) == moved.cleared(after.thresholds[each.kind])
        assert same.mean() > 0.999
    for row, other in zip(before.table, after.table, strict=True):
        assert row["collections"]["phones"]["left_out"] == pytest.approx(
            other["collections"]["phones"]["left_out"], abs=0.003
        )


def test_the_price_is_the_highest_that_holds_where_the_limit_has_not_been(samples):
    table = choose_limits([*samples[:2], sample("near", 2.5, seed=2), sample("nearer", 2.7, seed=3)]).table
    assert [row["price"] for row in table] == list(PRICES)
    spared = [row["collections"]["home"]["spared"] for row in table]
    assert spared == sorted(spared)
    worst = [
        max(found["left_out"]["missed"] for name, found in row["collections"].items() if name != "home")
        for row in table
    ]
    chosen = [row["chosen"] for row in table].index(True)
    assert worst[chosen] <= MISSED_UNSEEN < worst[chosen + 1]
    # Nothing can be chosen without a home.
    assert table[0]["collections"]["home"]["left_out"] is None


def test_where_no_price_holds_the_lowest_is_taken_and_the_table_says_what_it_misses(samples):
    hopeless = sample("hopeless", -4, seed=4)
    found = choose_limits([*samples, hopeless])
    assert found.table[0]["chosen"]
    assert found.table[0]["collections"]["hopeless"]["left_out"]["missed"] > MISSED_UNSEEN


def test_a_collection_with_few_cancers_has_no_say(samples):
    few = sample("few", -3, count=60)
    assert thresholds_for(HOME, [samples[0], few], 0.05) == thresholds_for(HOME, samples[:1], 0.05)
