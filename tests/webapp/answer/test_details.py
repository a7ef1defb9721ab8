import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import made_prediction
from webapp.answer.details import MAX_AGE, Details, InvalidDetail, Sex, Site, read_details, weigh
from webapp.model.contract import DetailOffsets
from webapp.model.labels import CLASSES, MALIGNANT
from webapp.model.predictor import Prediction

shares = st.floats(0, 1).map(made_prediction)
seven = st.tuples(*7 * [st.floats(-4, 4)])
details = st.builds(
    Details,
    st.none() | st.integers(0, MAX_AGE),
    st.none() | st.sampled_from(Sex),
    st.none() | st.sampled_from(Site),
)


@st.composite
def offsets(draw: st.DrawFn) -> DetailOffsets:
    knots = sorted(draw(st.sets(st.integers(0, MAX_AGE), max_size=4)))
    return DetailOffsets(
        tuple(map(float, knots)),
        tuple(draw(seven) for _ in knots),
        {sex: draw(seven) for sex in draw(st.sets(st.sampled_from(Sex)))},
        {site: draw(seven) for site in draw(st.sets(st.sampled_from(Site)))},
    )


def towards_cancer(by: float) -> tuple[float, ...]:
    return tuple(by if dx in MALIGNANT else 0.0 for dx in CLASSES)


@given(shares, offsets())
def test_details_left_out_give_the_photos_own_answer_to_the_bit(
    prediction: Prediction, made: DetailOffsets
) -> None:
    weighed = weigh(prediction, Details(), made)
    assert (weighed.malignancy, weighed.probabilities) == (prediction.malignancy, prediction.probabilities)
    assert not weighed.counted


@given(shares, details)
def test_a_model_that_knows_nothing_of_them_gives_the_photos_own_answer(
    prediction: Prediction, told: Details
) -> None:
    weighed = weigh(prediction, told, DetailOffsets())
    assert (weighed.malignancy, weighed.probabilities) == (prediction.malignancy, prediction.probabilities)


@given(shares, details, offsets())
def test_a_detail_left_out_counts_as_if_the_model_had_no_numbers_for_it(
    prediction: Prediction, told: Details, made: DetailOffsets
) -> None:
    only_known = DetailOffsets(
        made.age_knots if told.age is not None else (),
        made.age_offsets if told.age is not None else (),
        made.sex if told.sex else {},
        made.site if told.site else {},
    )
    assert weigh(prediction, told, made) == weigh(prediction, told, only_known)


@given(shares, details, offsets())
def test_the_seven_still_sum_to_one_and_the_malignancy_is_theirs(
    prediction: Prediction, told: Details, made: DetailOffsets
) -> None:
    weighed = weigh(prediction, told, made)
    assert sum(weighed.probabilities) == pytest.approx(1)
    chance = sum(p for dx, p in zip(CLASSES, weighed.probabilities, strict=True) if dx in MALIGNANT)
    assert weighed.malignancy == pytest.approx(chance)
    assert 0 <= weighed.malignancy <= 1


@given(st.floats(0.001, 0.999), st.floats(0.01, 4))
def test_the_chance_moves_both_ways_by_exactly_the_log_odds(malignancy: float, by: float) -> None:
    made = DetailOffsets(sex={"male": towards_cancer(by), "female": towards_cancer(-by)})
    more = weigh(made_prediction(malignancy), Details(sex=Sex.MALE), made).malignancy
    less = weigh(made_prediction(malignancy), Details(sex=Sex.FEMALE), made).malignancy
    assert less < malignancy < more

    def log_odds(chance: float) -> float:
        return float(np.log(chance / (1 - chance)))

    assert log_odds(more) - log_odds(malignancy) == pytest.approx(by, rel=1e-6, abs=1e-6)
    assert log_odds(malignancy) - log_odds(less) == pytest.approx(by, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(("age", "by"), [(0, -1), (20, -1), (30, -0.5), (40, 0), (60, 1), (80, 2), (99, 2)])
def test_age_counts_linearly_between_the_knots_and_stays_beyond_them(age: int, by: float) -> None:
    made = DetailOffsets((20.0, 40.0, 80.0), tuple(map(towards_cancer, (-1, 0, 2))))
    assert weigh(made_prediction(0.5), Details(age=age), made).malignancy == pytest.approx(
        1 / (1 + np.exp(-by))
    )


def test_a_model_without_classes_has_nothing_to_add_to() -> None:
    made = DetailOffsets(sex={"male": towards_cancer(1)})
    assert weigh(Prediction(0.3), Details(sex=Sex.MALE), made).malignancy == 0.3


def test_what_was_typed_is_read_and_what_is_empty_left_out() -> None:
    assert read_details() == Details()
    assert not read_details("", "", "").any
    assert read_details("67", "male", "trunk") == Details(67, Sex.MALE, Site.TRUNK)
    assert read_details(age="0") == Details(age=0)
    assert read_details(age="0").any


@pytest.mark.parametrize(
    ("field", "text"),
    [("age", text) for text in ("-1", "121", "4.5", "old", " 40", "1e2", "٤٠", "²", "9" * 5000)]
    + [("sex", "Male"), ("sex", "m"), ("site", "back"), ("site", "HEAD_NECK")],
)
def test_what_is_none_is_refused_by_its_name(field: str, text: str) -> None:
    with pytest.raises(InvalidDetail) as caught:
        read_details(**{field: text})
    assert caught.value.field == field
