import pytest

from train.datasets.dataset import Record
from train.datasets.details import details_of
from webapp.answer.details import NO_DETAILS, Details, Sex, Site


def record(**known):
    return Record("i", "nv", False, "l", "p", "made", **known)


@pytest.mark.parametrize(
    ("localization", "site"),
    [
        ("lower extremity", Site.LEG),
        ("back", Site.TRUNK),
        ("NOSE", Site.HEAD_NECK),
        ("FOREARM", Site.ARM),
        ("acral", None),
        ("unknown", None),
    ],
)
def test_places_of_both_collections_are_those_that_the_app_asks_for(localization, site):
    assert details_of(record(localization=localization)).site is site


def test_what_is_not_known_is_left_out():
    assert details_of(record()) == NO_DETAILS
    assert details_of(record(age=200.0, sex="unknown")) == NO_DETAILS
    assert details_of(record(age=45.0, sex="FEMALE")) == Details(45, Sex.FEMALE)
