import itertools
from dataclasses import replace

import numpy as np
import pytest

from webapp.answer.assessment import VERDICTS, Answers, Outcome, Reason, assess, find_reasons
from webapp.model.contract import Gate, OperatingPoint, PhotoKind, Thresholds
from webapp.model.predictor import Prediction
from webapp.photo.quality import Quality

THRESHOLDS = OperatingPoint(PhotoKind.DERMATOSCOPE, Thresholds(signs=0.2, unsure=0.05))
URGENCY = [Outcome.NO_SIGNS, Outcome.UNSURE, Outcome.SIGNS]
EVERY_ANSWER = [Answers(*ticks) for ticks in itertools.product([False, True], repeat=3)]


@pytest.mark.parametrize(
    ("malignancy", "outcome", "confidence"),
    [
        (1.0, Outcome.SIGNS, 1.0),
        (0.2, Outcome.SIGNS, 0.2),
        (0.19, Outcome.UNSURE, 0.19),
        (0.05, Outcome.UNSURE, 0.05),
        (0.04, Outcome.NO_SIGNS, 0.96),
        (0.0, Outcome.NO_SIGNS, 1.0),
    ],
)
def test_malignancy_decides(malignancy: float, outcome: Outcome, confidence: float) -> None:
    assessment = assess(Prediction(malignancy), THRESHOLDS, (), Answers())
    assert (assessment.outcome, assessment.confidence) == (outcome, pytest.approx(confidence))
    assert not assessment.raised_by_answers


def test_with_one_threshold_nothing_is_unsure() -> None:
    point = OperatingPoint(PhotoKind.PHONE, Thresholds(0.5, 0.5))
    for malignancy in (0.49, 0.5):
        assessment = assess(Prediction(malignancy), point, (), Answers())
        assert assessment.outcome is (Outcome.SIGNS if malignancy == 0.5 else Outcome.NO_SIGNS)


@pytest.mark.parametrize("answers", EVERY_ANSWER)
@pytest.mark.parametrize("malignancy", [0.0, 0.04, 0.05, 0.1, 0.2, 0.9])
def test_answers_raise_no_signs_and_never_lower_anything(malignancy: float, answers: Answers) -> None:
    alone = assess(Prediction(malignancy), THRESHOLDS, (), Answers())
    answered = assess(Prediction(malignancy), THRESHOLDS, (), answers)
    assert URGENCY.index(answered.outcome) >= URGENCY.index(alone.outcome)
    raised = alone.outcome is Outcome.NO_SIGNS and answers != Answers()
    assert answered.raised_by_answers is raised
    assert answered.outcome is (Outcome.UNSURE if raised else alone.outcome)
    assert answered.confidence == (malignancy if raised else alone.confidence)


def test_a_larger_photo_counts_instead_only_where_nothing_but_the_spots_size_was_in_the_way() -> None:
    small = np.full((24, 24), 0.1, np.float32)
    small[11:14, 11:14] = 0.99
    limits = Thresholds(signs=0.2, unsure=0.05, melanoma=0.03, unusual=5.0)
    point = OperatingPoint(PhotoKind.DERMATOSCOPE, limits)
    kinds = (0.0, 0.0, 0.2, 0.05, 0.02, 0.68, 0.05)
    low = Prediction(0.02, kinds, unfamiliarity=1.0, lesion_map=small)
    assert assess(low, point, (), Answers()).replaceable
    others = {
        "nothing kept it from no_signs": (replace(low, lesion_map=np.full((24, 24), 0.99)), Answers()),
        "unusual, too": (replace(low, unfamiliarity=7.0), Answers()),
        "something was ticked": (low, Answers(symptoms=True)),
        "the number is not low": (replace(low, malignancy=0.1), Answers()),
        "it has something of a melanoma": (
            replace(low, malignancy=0.04, probabilities=(0.0, 0.0, 0.18, 0.05, 0.04, 0.68, 0.05)),
            Answers(),
        ),
    }
    for why, (prediction, answers) in others.items():
        assert not assess(prediction, point, (), answers).replaceable, why


@pytest.mark.parametrize("answers", EVERY_ANSWER)
@pytest.mark.parametrize("malignancy", [0.0, 0.1, 0.9])
def test_a_reason_makes_any_photo_impossible_to_judge(malignancy: float, answers: Answers) -> None:
    assessment = assess(Prediction(malignancy), THRESHOLDS, (Reason.UNFAMILIAR,), answers)
    assert assessment.outcome is Outcome.CANNOT_JUDGE
    assert assessment.confidence is None
    assert assessment.reasons == (Reason.UNFAMILIAR,)
    assert not assessment.raised_by_answers
    assert assessment.prediction.malignancy == malignancy


def test_verdicts_are_these_sentences() -> None:
    assert VERDICTS == {
        "signs": "Signs of skin cancer detected",
        "unsure": "Unsure: have it looked at",
        "no_signs": "No signs of skin cancer detected",
        "cannot_judge": "This photo cannot be judged",
    }


@pytest.mark.parametrize(
    ("size", "side", "unfamiliarity", "limit", "reasons"),
    [
        ((600, 450), 450, 3.0, 10.0, ()),
        ((64, 64), 64, 10.0, 10.0, ()),
        ((600, 63), 63, 3.0, 10.0, (Reason.TOO_SMALL, Reason.TOO_NARROW)),
        ((600, 450), 63.5, 3.0, 10.0, (Reason.TOO_SMALL,)),
        ((400, 100), 100, 3.0, 10.0, ()),
        ((401, 100), 100, 3.0, 10.0, (Reason.TOO_NARROW,)),
        ((100, 401), 100, 3.0, 10.0, (Reason.TOO_NARROW,)),
        ((600, 450), 450, 10.1, 10.0, (Reason.UNFAMILIAR,)),
        ((600, 450), 450, 10.1, None, ()),
        ((600, 450), 450, None, None, ()),
        ((1, 1000), 1, 99.0, 10.0, (Reason.TOO_SMALL, Reason.TOO_NARROW, Reason.UNFAMILIAR)),
    ],
)
def test_every_reason_is_collected(
    size: tuple[int, int],
    side: float,
    unfamiliarity: float | None,
    limit: float | None,
    reasons: tuple[Reason, ...],
) -> None:
    prediction = Prediction(0.5, unfamiliarity=unfamiliarity)
    assert find_reasons(size, side, prediction, Gate(limit)) == reasons


def shown(*spots: tuple[int, float]) -> Prediction:
    """A map with spots of so many places and such a chance, side by side."""
    lesion_map = np.full((24, 24), 0.02, np.float32)
    for column, (places, chance) in enumerate(spots):
        lesion_map[4 : 4 + places, 2 + 3 * column] = chance
    return Prediction(0.01, lesion_map=lesion_map)


@pytest.mark.parametrize(
    ("prediction", "reasons"),
    [
        (shown((12, 0.99)), ()),
        (shown((12, 0.99), (5, 0.99)), ()),
        (shown((12, 0.99), (10, 0.9)), ()),
        (shown((12, 0.99), (10, 0.99)), (Reason.SEVERAL_SPOTS,)),
        (shown((7, 0.99), (4, 0.99), (4, 0.99)), (Reason.SEVERAL_SPOTS,)),
        (shown((12, 0.2)), (Reason.NO_SINGLE_SPOT,)),
        (shown(), (Reason.NO_SINGLE_SPOT,)),
        (Prediction(0.01), ()),
    ],
)
def test_no_spot_or_several_are_refused(prediction: Prediction, reasons: tuple[Reason, ...]) -> None:
    assert find_reasons((600, 450), 450, prediction, Gate(beside=0.4, sureness=0.3)) == reasons
    assert find_reasons((600, 450), 450, prediction, Gate()) == ()


@pytest.mark.parametrize(
    ("quality", "reasons"),
    [
        (Quality(sharpness=2.0, brightness=80.0, glare=0.1), ()),
        (Quality(sharpness=1.9, brightness=80.0, glare=0.1), (Reason.BLURRED,)),
        (Quality(sharpness=2.0, brightness=79.0, glare=0.1), (Reason.TOO_DARK,)),
        (Quality(sharpness=2.0, brightness=80.0, glare=0.11), (Reason.GLARE,)),
        (Quality(sharpness=0.0, brightness=0.0, glare=0.0), (Reason.TOO_DARK, Reason.BLURRED)),
    ],
)
def test_a_bad_photo_is_refused_for_what_is_bad_about_it(
    quality: Quality, reasons: tuple[Reason, ...]
) -> None:
    gate = Gate(sharpness=2.0, brightness=80.0, glare=0.1)
    prediction = Prediction(0.01, quality=quality)
    assert find_reasons((600, 450), 450, prediction, gate) == reasons
    assert find_reasons((600, 450), 450, prediction, Gate()) == ()
