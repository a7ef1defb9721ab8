import numpy as np

from train.datasets.dataset import Record
from train.evaluation.groups import DERMOSCOPY_FACTORS, PHONE_FACTORS, age_group, by_factor
from train.evaluation.metrics import Scored


def record(number, **known):
    return Record(f"i{number}", "nv", False, f"l{number}", f"p{number}", "made", **known)


def scored(count):
    malignant = np.arange(count) % 2 == 0
    return Scored(
        malignant,
        malignant * 0.5 + 0.25,
        np.arange(count).astype(str),
        limits=np.tile((0.5, 0.2), (count, 1)),
        refused=np.zeros(count, bool),
    )


def test_ages_fall_into_groups_in_order_and_unknown_comes_last():
    records = [record(i, age=age) for i, age in enumerate([None, 80.0, 29.0, 30.0, 30.0])]
    found = by_factor(scored(5), records, DERMOSCOPY_FACTORS, 5)["age"]
    assert list(found) == ["under 30", "30–44", "75 and over", "unknown"]
    assert found["30–44"]["images"] == 2
    assert age_group(record(0, age=0.0)) == "under 30"


def test_too_few_photos_give_no_figure():
    records = [record(i, sex="male" if i < 60 else "female") for i in range(70)]
    found = by_factor(scored(70), records, DERMOSCOPY_FACTORS, 20)["sex"]
    assert found["male"]["malignancy_auc"]["value"] == 1
    assert found["male"]["sensitivity"]["value"] == 1
    assert found["female"] == {
        "images": 10,
        "cancers": 5,
        "malignancy_auc": None,
        "sensitivity": None,
        "specificity": None,
        "missed": None,
        "spared": None,
    }


def test_a_promise_is_checked_where_a_group_has_fifty_cancers():
    records = [record(i, localization="back" if i < 110 else "foot") for i in range(200)]
    found = by_factor(scored(200), records, DERMOSCOPY_FACTORS, 20)["site"]
    assert found["trunk"]["missed"]["value"] == 0
    assert found["trunk"]["spared"]["value"] == 0  # 0.25 is above the limit
    assert (found["foot"]["cancers"], found["foot"]["missed"]) == (45, None)


def test_a_factor_that_nothing_is_known_of_is_left_out():
    records = [record(i, skin_type="2.0") for i in range(4)]
    found = by_factor(scored(4), records, PHONE_FACTORS, 5)
    assert list(found) == ["skin_type"]
    assert list(found["skin_type"]) == ["1-2"]
