"""What a person sees, for every outcome and every kind of model: asserted on the pages as they are sent."""

import colorsys
import dataclasses
import itertools
import json
import re
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from bs4 import BeautifulSoup, Tag
from flask.testing import FlaskClient

from tests.conftest import AppMaker
from tests.fakes import FEW_TESTED, METRICS, FixedPredictor, ends, made_bundle, made_prediction
from tests.rendered import render_lesion, to_bytes
from webapp import create_app
from webapp.answer.assessment import VERDICTS, Outcome
from webapp.answer.details import Sex, Site
from webapp.answer.messages import STATUS_MESSAGES
from webapp.config import Settings
from webapp.model.bundle import Bundle
from webapp.model.contract import DetailOffsets, Gate, ModelFile, PhotoKind, Thresholds, same_for_all
from webapp.model.labels import CLASSES, MALIGNANT
from webapp.model.predictor import Prediction
from webapp.photo.quality import Quality
from webapp.site.figures import frequencies

ROOT = Path(__file__).parents[3]
PREDICTIONS = {
    Outcome.SIGNS: made_prediction(0.8731),
    Outcome.UNSURE: made_prediction(0.1162),
    Outcome.NO_SIGNS: made_prediction(0.0318),
    Outcome.CANNOT_JUDGE: made_prediction(0.8731, unfamiliarity=99),
}
CLASS = {
    Outcome.SIGNS: "signs",
    Outcome.UNSURE: "unsure",
    Outcome.NO_SIGNS: "no-signs",
    Outcome.CANNOT_JUDGE: "cannot-judge",
}
QUESTIONS = {
    "changed": "It has changed in size, shape or colour",
    "symptoms": "It bleeds, itches or does not heal",
    "different": "It looks unlike my other spots",
}


def words(part: Tag | None) -> str:
    """The text of a part of a page, as a person reads it."""
    assert part is not None
    return re.sub(r" (?=[.,;:])", "", " ".join(part.get_text(" ").split()))


def get(client: FlaskClient, address: str) -> BeautifulSoup:
    return BeautifulSoup(client.get(address).text, "html.parser")


def send(client: FlaskClient, photo: bytes, *ticked: str, **filled: str) -> BeautifulSoup:
    """Sends the form of the start page and returns the page that comes back."""
    token = get(client, "/").select_one("input[name=csrf_token]")
    assert token is not None
    form = {"csrf_token": token["value"], "photo": (BytesIO(photo), "spot.jpg")}
    answer = client.post("/", data=form | dict.fromkeys(ticked, "yes") | filled)
    return BeautifulSoup(answer.text, "html.parser")


@pytest.fixture(scope="module")
def results(photo: bytes) -> dict[Outcome, BeautifulSoup]:
    """The result page of each outcome, without answers."""
    predictor = FixedPredictor(PREDICTIONS[Outcome.SIGNS])
    client = create_app(Settings(secret_key="not a secret, only a test"), predictor).test_client()  # type: ignore[arg-type]
    pages = {}
    for outcome, predictor.prediction in PREDICTIONS.items():
        pages[outcome] = send(client, photo)
    return pages


@pytest.fixture
def own_model(make_app: AppMaker) -> FlaskClient:
    """A browser on an app that serves a person's own Keras file without a contract."""
    bare = dataclasses.replace(
        made_bundle().contract,
        version="mine.h5 dddddddddddd",
        created="",
        licence="",
        training_data=(),
        classes=(),
        files={"mine.h5": ModelFile("d" * 64, 12_000_000)},
        thresholds=same_for_all(Thresholds(signs=0.5, unsure=0.5)),
        kind_limits=None,
        gate=Gate(),
    )
    bundle = Bundle(Path("nowhere"), bare, None, has_contract=False)
    return make_app(FixedPredictor(Prediction(malignancy=0.31), bundle)).test_client()


@pytest.mark.parametrize("outcome", Outcome)
def test_the_outcome_is_title_heading_and_colour(
    results: dict[Outcome, BeautifulSoup], outcome: Outcome
) -> None:
    page = results[outcome]
    heading = words(page.h1)
    assert heading.startswith(VERDICTS[outcome])
    assert words(page.title) == f"{heading} – Skin Cancer Detector"
    banner = page.select_one("main section")
    assert banner is not None and banner["class"] == ["outcome", CLASS[outcome]]
    assert banner.find("svg") is not None  # never colour alone


WEEKS = {"within four weeks": 4, "within two weeks": 2, "within one week": 1}
MALE, FEMALE = (tuple(by if dx in MALIGNANT else 0.0 for dx in CLASSES) for by in (2.0, -2.0))
SMALL = np.pad(np.full((1, 1), 0.9, np.float32), ((2, 3), (2, 3)))
"""A lesion map on which the spot covers a thirty-sixth of the photo."""


def knowing_bundle() -> Bundle:
    """The made-up model with every limit and detail that a contract may have."""
    thresholds = Thresholds(signs=0.2, unsure=0.05, melanoma=0.1, unusual=5.0)
    contract = dataclasses.replace(
        made_bundle().contract,
        thresholds=same_for_all(thresholds),
        details=dict.fromkeys(PhotoKind, DetailOffsets(sex={"male": MALE, "female": FEMALE})),
    )
    return dataclasses.replace(made_bundle(), contract=contract)


def shifted(chance: float, log_odds: float) -> float:
    odds = chance / (1 - chance) * np.exp(log_odds)
    return float(odds / (1 + odds))


def test_words_colour_and_advice_agree_for_every_score_gate_answer_and_detail(make_app: AppMaker) -> None:
    """Nothing lowers urgency but age, sex and place, and they never to an all-clear; words and dates fit."""
    predictor = FixedPredictor(PREDICTIONS[Outcome.SIGNS], knowing_bundle())
    client = make_app(predictor).test_client()
    photo = to_bytes(render_lesion(1, 80, 80), "JPEG")
    tokens = get(client, "/").select_one("input[name=csrf_token]")
    assert tokens is not None
    for malignancy, unfamiliarity, sex, small, ticked in itertools.product(
        (0.01, 0.06, 0.16, 0.9),
        (1.0, 7.0, 99.0),
        ("", "male", "female"),
        (False, True),
        ((), ("symptoms",), tuple(QUESTIONS)),
    ):
        predictor.prediction = dataclasses.replace(
            made_prediction(malignancy, unfamiliarity), lesion_map=SMALL if small else None
        )
        form = dict.fromkeys(ticked, "yes") | {"csrf_token": tokens["value"], "sex": sex}
        answer = client.post("/", data=form | {"photo": (BytesIO(photo), "spot.jpg")})
        page = BeautifulSoup(answer.text, "html.parser")
        case = f"{malignancy=} {unfamiliarity=} {sex=} {small=} {ticked=}"

        chance = shifted(malignancy, {"male": 2, "female": -2, "": 0}[sex])
        low_but = unfamiliarity > 5 or small or malignancy >= 0.05
        melanoma = 0.7 * max(malignancy, chance) >= 0.1
        if unfamiliarity > 10:
            expected, weeks = Outcome.CANNOT_JUDGE, 4 if ticked else None
        elif chance >= 0.2:
            expected, weeks = Outcome.SIGNS, 1 if ticked else 2
        elif chance >= 0.05 or low_but:
            expected, weeks = Outcome.UNSURE, (2 if melanoma else 4) // (2 if ticked else 1)
        elif ticked:
            expected, weeks = Outcome.UNSURE, 4
        else:
            expected, weeks = Outcome.NO_SIGNS, None

        assert words(page.h1).startswith(VERDICTS[expected]), case
        banner = page.select_one(".outcome")
        assert banner is not None and banner["class"] == ["outcome", CLASS[expected]], case
        said = {WEEKS[words_] for words_ in WEEKS if words_ in words(page.main)}
        assert said == ({weeks} if weeks else set()), case
        times = [str(time["datetime"]) for time in page.select("main time")]
        days = [time for time in times if "T" not in time]
        look_again = 4 if expected is Outcome.NO_SIGNS else None
        due = look_again if expected in (Outcome.NO_SIGNS, Outcome.CANNOT_JUDGE) else weeks
        (made,) = {datetime.fromisoformat(time).date() for time in times if "T" in time}
        assert days == ([(made + timedelta(weeks=due)).isoformat()] if due else []), case
        for question, sentence in QUESTIONS.items():
            assert (sentence in words(page.select_one(".facts"))) == (question in ticked), case
        if expected is Outcome.CANNOT_JUDGE:
            continue
        assert words(page.select_one("#sure data")) == (
            f"{1 - chance:.2%}" if expected is Outcome.NO_SIGNS else f"{chance:.2%}"
        ), case
        low = chance < 0.05
        here = page.select(".scale-key .here")
        assert len(here) == 1 and CLASS[Outcome.NO_SIGNS if low else expected] in here[0]["class"], case
        lead = words(page.select_one(".lead"))
        differs = "This photo differs from those we were tested on. So we do not say “no signs”."
        assert (differs in lead) == (low and unfamiliarity > 5), case
        assert ("The spot is small in this photo." in lead) == (low and small and unfamiliarity <= 5), case
        only_with = "low only with your age, sex and place"
        assert (only_with in lead) == (low and malignancy >= 0.05 and unfamiliarity <= 5 and not small), case
        told = words(page.select(".facts")[0])
        both = f"Photo alone: {malignancy:.2%}. With sex: {chance:.2%}."
        assert (both in told) == bool(sex), case


def test_red_never_says_that_most_were_cancer_where_they_were_not(make_app: AppMaker, photo: bytes) -> None:
    few = {"male": {"images": 703, "cancers": 20}, "female": {"images": 800, "cancers": 20}}
    metrics = {**METRICS, "test": {**METRICS["test"], "groups": {"sex": few}}}
    for figures, said in (
        (METRICS, "most spots with this answer were skin cancer or an early form: 67 of 100."),
        (metrics, "18 of 100 spots with this answer were skin cancer or an early form."),
    ):
        bundle = dataclasses.replace(made_bundle(), metrics=figures)
        page = send(make_app(FixedPredictor(PREDICTIONS[Outcome.SIGNS], bundle)).test_client(), photo)
        assert (
            words(page.select_one(".lead")) == f"In our test, which had more cancers than daily life, {said}"
        )


def test_of_an_answer_that_few_photos_of_the_test_got_no_share_is_told(
    make_app: AppMaker, photo: bytes
) -> None:
    bundle = dataclasses.replace(made_bundle(), metrics=FEW_TESTED)
    told = (
        "Only 15 of the photos in our test got this answer. Skin cancer or an early form of it: 3 of them. "
        "That is too few to say how safe it is."
    )
    page = send(make_app(FixedPredictor(PREDICTIONS[Outcome.NO_SIGNS], bundle)).test_client(), photo)
    lead = "Too few photos in our test got this answer to say how safe it is: 15."
    assert words(page.select_one(".lead")) == f"This does not rule it out. {lead}"
    hundreds = words(page.select_one(".hundreds"))
    assert hundreds.startswith(told) and "spots with this answer" not in hundreds
    assert "The model misses 2" in hundreds, "what is known of all cancers is told all the same"
    page = send(make_app(FixedPredictor(PREDICTIONS[Outcome.SIGNS], bundle)).test_client(), photo)
    assert "were skin cancer or an early form: 88 of 100" in words(page.select_one(".lead"))


@pytest.mark.parametrize(
    ("spots", "sentence"),
    [(0, "We see no single spot"), (2, "This looks like more than one spot")],
)
def test_no_spot_or_several_are_not_judged_and_the_remedy_is_the_frame(
    make_app: AppMaker, photo: bytes, spots: int, sentence: str
) -> None:
    lesion_map = np.full((24, 24), 0.1, np.float32)
    for column in range(spots):
        lesion_map[4:10, 4 + 10 * column : 9 + 10 * column] = 0.99
    gate = Gate(unfamiliarity=10.0, beside=0.4, sureness=0.5)
    bundle = dataclasses.replace(
        made_bundle(), contract=dataclasses.replace(made_bundle().contract, gate=gate)
    )
    prediction = dataclasses.replace(PREDICTIONS[Outcome.SIGNS], lesion_map=lesion_map)
    page = send(make_app(FixedPredictor(prediction, bundle)).test_client(), photo)
    assert words(page.h1).startswith(VERDICTS[Outcome.CANNOT_JUDGE])
    text = words(page.main)
    assert sentence in text and "put the frame around one spot" in text
    assert "Looks like a spot on skin" not in text


def test_a_spot_that_is_small_in_what_was_judged_gets_no_all_clear(make_app: AppMaker, photo: bytes) -> None:
    small = dataclasses.replace(PREDICTIONS[Outcome.NO_SIGNS], lesion_map=SMALL)
    client = make_app(FixedPredictor(small)).test_client()
    unframed = send(client, photo)
    # The page's script always sends a frame, touched or not: a box alone makes no spot large.
    framed = send(client, photo, box="0,0,450,450")
    for page in (unframed, framed):
        assert words(page.h1).startswith(VERDICTS[Outcome.UNSURE])
    large = make_app(FixedPredictor(PREDICTIONS[Outcome.NO_SIGNS])).test_client()
    mended = send(large, photo, box="0,0,450,450")
    assert words(mended.h1).startswith(VERDICTS[Outcome.NO_SIGNS])
    first = unframed.select_one(".advice li")
    assert "put the spot so that it fills about half of the frame" in words(first)
    assert first is not None and first.a is not None and first.a["href"] == "/"
    assert "Do not rely on this number." in words(unframed.select_one("#sure"))
    assert (
        "You can send the same spot again, larger: if no signs are found then, that answer counts instead"
        in words(unframed.main)
    )
    assert "This answer stays as it is." not in words(unframed.main)
    with_symptoms = send(client, photo, "symptoms")
    assert words(with_symptoms.select_one(".advice li")).startswith("See a doctor by")
    assert "Keep your visit, whatever another photo says." in words(with_symptoms.main)
    for page, replaceable in ((mended, False), (framed, True), (unframed, True), (with_symptoms, False)):
        kept = page.select_one("[data-keep]")
        assert kept is not None
        answer = json.loads(str(kept["data-answer"]))
        assert answer["replaceable"] is replaceable
        assert (answer["due"] is None) == (answer["outcome"] == "no_signs"), "no warning is lost"


def test_a_low_number_that_did_not_decide_is_not_said_to_decide(make_app: AppMaker, photo: bytes) -> None:
    client = make_app(FixedPredictor(PREDICTIONS[Outcome.NO_SIGNS])).test_client()
    for ticked, said in (
        ((), "We go by that number; but a low one alone is not enough for “no signs”."),
        (("symptoms",), "That number is low, but it did not decide: the top of this page says why."),
    ):
        page = send(client, photo, *ticked)
        assert f"add up to 3.18%. {said}" in words(page.select_one("#kinds"))
    on_paper = get(client, "/spots/compare").find("section", {"aria-labelledby": "for-doctor"})
    assert isinstance(on_paper, Tag) and "Below them it says “unsure”, too" in words(on_paper)


def test_two_likely_kinds_stand_in_words_before_the_numbers(results: dict[Outcome, BeautifulSoup]) -> None:
    told = {
        outcome: words(page.select_one("#kinds p"))
        for outcome, page in results.items()
        if page.select("#kinds")
    }
    assert told[Outcome.SIGNS].startswith(
        "Most like this: Melanoma (Cancer). Next: Basal cell carcinoma (Cancer)."
    )
    assert told[Outcome.NO_SIGNS].startswith(
        "Most like this: Mole (Harmless). Next: Age spot or similar growth"
    )
    assert "the model can mistake a cancer for either" in told[Outcome.NO_SIGNS]
    assert "mistake" not in told[Outcome.SIGNS]


def test_all_that_is_not_needed_at_once_is_closed(results: dict[Outcome, BeautifulSoup]) -> None:
    for outcome, page in results.items():
        folds = page.select(".folds > details")
        assert [fold["id"] for fold in folds] == (
            ["checked", "report"]
            if outcome is Outcome.CANNOT_JUDGE
            else ["sure", "kinds", "look-for", "report"]
        )
        assert not any(fold.has_attr("open") for fold in folds)
        assert all(fold.select_one("summary h2") and words(fold.select_one(".gist")) for fold in folds)
        order = [part.get("aria-labelledby") for part in page.select(".result > section")]
        assert order[0] == "outcome" and order[2:4] == ["today", "sent" if "sent" in order else "where"]


def test_only_a_model_that_knows_what_they_mean_asks_for_age_sex_and_place(make_app: AppMaker) -> None:
    assert not get(make_app().test_client(), "/").select("#age, #sex, #site")
    page = get(make_app(FixedPredictor(made_prediction(0.5), knowing_bundle())).test_client(), "/")
    fold = page.select_one("form details")
    assert fold is not None and not fold.has_attr("open")
    assert [option["value"] for option in fold.select("#site option")] == ["", *map(str, Site)]
    assert [option["value"] for option in fold.select("#sex option")] == ["", *map(str, Sex)]
    for field in fold.select("input, select"):
        label = fold.find("label", {"for": field["id"]})
        assert isinstance(label, Tag) and words(label).endswith("(optional)")


def test_an_age_that_is_none_shows_the_form_again_open_at_the_field(make_app: AppMaker, photo: bytes) -> None:
    client = make_app(FixedPredictor(made_prediction(0.5), knowing_bundle())).test_client()
    page = send(client, photo, "changed", age="old", sex="male", site="leg")
    assert words(page.title).startswith("Error: ")
    assert "Give the age in whole years, from 0 to 120, or leave it out." in words(
        page.select_one("[role=alert]")
    )
    fold = page.select_one("form details")
    assert fold is not None and fold.has_attr("open")
    age = page.select_one("#age")
    assert age is not None and age["aria-invalid"] == "true" and age["value"] == "old"
    described = page.find(id=str(age["aria-describedby"]).split()[0])
    assert isinstance(described, Tag) and "whole years" in words(described)
    assert [option["value"] for option in page.select("option[selected]")] == ["male", "leg"]
    assert page.select("input[name=changed][checked]")
    assert words(send(client, photo, age=" 67 ").h1).startswith(VERDICTS[Outcome.SIGNS])


def test_a_model_that_does_not_know_what_they_mean_says_so(make_app: AppMaker, photo: bytes) -> None:
    page = send(make_app(FixedPredictor(made_prediction(0.5))).test_client(), photo, age="67")
    assert "Not at all: this model does not know what they mean" in words(page.select_one("#sure .facts"))
    assert words(page.select_one("#sure data")) == "50.00%"


@pytest.mark.parametrize(
    ("outcome", "named", "number", "gist", "limits"),
    [
        (
            Outcome.SIGNS,
            "Confidence that the photo shows skin cancer",
            "87.31%",
            "87.31% estimated chance of cancer",
            "At 20% or more we speak of signs. Between 5% and 20% we say “unsure”.",
        ),
        (
            Outcome.UNSURE,
            "Confidence that the photo shows skin cancer",
            "11.62%",
            "11.62% estimated chance of cancer",
            "Below 5% we say “no signs”, so that few cancers are missed. At 20% or more we speak of signs.",
        ),
        (
            Outcome.NO_SIGNS,
            "Confidence that the photo shows no skin cancer",
            "96.82%",
            "3.18% estimated chance of cancer",
            "The estimated chance of cancer is 3.18%. Below 5% we say “no signs”. It is never zero.",
        ),
    ],
)
def test_the_confidence_is_named(
    results: dict[Outcome, BeautifulSoup], outcome: Outcome, named: str, number: str, gist: str, limits: str
) -> None:
    sure = results[outcome].select_one("#sure")
    assert sure is not None
    assert words(sure.select_one(".confidence")) == f"{named}: {number}"
    assert words(sure.select_one(".gist")) == gist
    assert limits in words(sure)
    here = sure.select(".scale-key .here")
    assert len(here) == 1 and CLASS[outcome] in here[0]["class"]


def test_answers_that_raise_the_outcome_say_so_and_leave_the_number_alone(
    make_app: AppMaker, photo: bytes
) -> None:
    page = send(make_app(FixedPredictor(PREDICTIONS[Outcome.NO_SIGNS])).test_client(), photo, "symptoms")
    assert words(page.h1) == "Unsure: have it looked at within four weeks."
    assert "you told us that the spot bleeds, itches or does not heal" in words(page.select_one(".notice"))
    assert words(page.select_one(".confidence")).endswith("3.18%")
    assert "no-signs" in page.select(".scale-key .here")[0]["class"]
    assert "This number is not the whole answer. It leaves out what you ticked." in words(page.main)


@pytest.mark.parametrize("outcome", [Outcome.SIGNS, Outcome.UNSURE, Outcome.NO_SIGNS])
def test_seven_probabilities_stand_sorted_as_numbers_with_bars_of_their_length(
    results: dict[Outcome, BeautifulSoup], outcome: Outcome
) -> None:
    rows = results[outcome].select(".diagnoses li")
    shown = [float(words(row.data).removesuffix("%")) for row in rows]
    expected = sorted((100 * p for p in PREDICTIONS[outcome].probabilities or ()), reverse=True)
    assert shown == pytest.approx(expected, abs=0.005)
    widths = [float(str(row.select(".amount")[0]["width"]).removesuffix("%")) for row in rows]
    assert widths == shown
    malignant = {words(row.h3).split(" Cancer")[0] for row in rows if "harmless" not in row.get("class", [])}
    assert malignant == {
        "Melanoma",
        "Basal cell carcinoma",
        "Actinic keratosis, Bowen’s disease or squamous cell carcinoma",
    }


def test_natural_frequencies_come_from_the_figures(results: dict[Outcome, BeautifulSoup]) -> None:
    told = {o: words(results[o].select_one(".hundreds")) for o in Outcome if o is not Outcome.CANNOT_JUDGE}
    for text in told.values():
        assert "Of 100 confirmed cancers, 82 get “signs”, 13 “unsure”. The model misses 5" in text
        assert (
            "Of 100 harmless spots, 10 get “signs”, by mistake. 20 get “unsure”, and 70 “no signs”." in text
        )
    # Of 300 cancers 246 get "signs", 39 "unsure" and 15 "no signs"; of 1,203 harmless spots 120, 235 and 842.
    right = {Outcome.SIGNS: 67, Outcome.UNSURE: 14, Outcome.NO_SIGNS: 2}
    for outcome, count in right.items():
        cancers = f"Of 100 spots with this answer, {count} were skin cancer or an early form of it."
        assert f"{cancers} {100 - count} were harmless." in told[outcome]
    assert "13 unsure" not in words(results[Outcome.CANNOT_JUDGE].main)
    lead = words(results[Outcome.NO_SIGNS].select_one(".lead"))
    assert lead == "This does not rule it out. In our test the model missed 5 of 100 skin cancers."
    assert "14 of 100 spots with this answer were skin cancer" in words(
        results[Outcome.UNSURE].select_one(".lead")
    )


def test_the_dots_are_as_many_as_the_words_say(results: dict[Outcome, BeautifulSoup]) -> None:
    filled = results[Outcome.SIGNS].select('.hundreds path[fill="url(#dot-full)"]')
    # 67 dots: six full rows of ten, then seven of the seventh; 82; 10.
    assert [path["d"] for path in filled] == [
        "M0 0h100v60H70v10H0z",
        "M0 0h100v80H20v10H0z",
        "M0 0h100v10H0v0H0z",
    ]


def test_a_test_without_a_miss_never_reads_as_if_nothing_were_ever_missed(
    make_app: AppMaker, photo: bytes
) -> None:
    outcomes = {"cancer": ends(0.9, 0.1, 0.0), "harmless": ends(0.0, 0.0, 1.0)}
    metrics = {**METRICS, "test": {**METRICS["test"], "outcomes": outcomes}}
    bundle = dataclasses.replace(made_bundle(), metrics=metrics)
    page = send(make_app(FixedPredictor(PREDICTIONS[Outcome.NO_SIGNS], bundle)).test_client(), photo)
    text = words(page.select_one(".hundreds"))
    assert "Of 100 confirmed cancers, 89 get “signs”, 10 “unsure”. The model misses 1:" in text
    assert "Of 100 spots with this answer, 1 were skin cancer" in text
    assert "Of 100 harmless spots, 1 get “signs”, by mistake. 0 get “unsure”, and 99 “no signs”." in text


@pytest.mark.parametrize(
    "shares", [(0.335, 0.335, 0.33), (0.9633, 0.0133, 0.02), (0.004, 0.004, 0.992), (1, 0, 0)]
)
def test_of_hundred_adds_up_to_a_hundred(shares: tuple[float, float, float]) -> None:
    metrics = {"test": {"images": 10, "outcomes": dict.fromkeys(("cancer", "harmless"), ends(*shares))}}
    told = frequencies(metrics, Outcome.SIGNS)
    for found in (told.cancers, told.harmless):
        assert sum(dataclasses.astuple(found)) == 100 and min(dataclasses.astuple(found)) >= 0
    assert told.cancers.no_signs >= 1 and told.harmless.signs >= 1 and told.right is None


def test_the_heat_map_lies_over_the_photo_and_is_told_in_words(
    results: dict[Outcome, BeautifulSoup],
) -> None:
    where = results[Outcome.SIGNS].find("section", {"aria-labelledby": "where"})
    assert isinstance(where, Tag)
    assert "Here it was the upper right of the photo." in words(where)
    switch = where.select_one("input[role=switch]")
    assert switch is not None and switch.has_attr("checked")
    sources = [str(image["src"]).partition(",")[0] for image in where.select(".photo-stack img")]
    assert sources == ["data:image/jpeg;base64", "data:image/png;base64"]


def test_a_photo_without_any_sign_of_cancer_has_no_heat_map(make_app: AppMaker, photo: bytes) -> None:
    empty = dataclasses.replace(PREDICTIONS[Outcome.NO_SIGNS], activation_map=np.zeros((6, 6), np.float32))
    page = send(make_app(FixedPredictor(empty)).test_client(), photo)
    assert not page.select(".heat-map, .switch")
    assert "no part of the photo looked more like skin cancer than like a harmless spot" in words(page.main)


def test_only_a_photo_that_is_not_square_is_said_to_be_cut(make_app: AppMaker, photo: bytes) -> None:
    client = make_app().test_client()
    cut = "The model looked at the square in the middle of your photo only."
    assert cut in words(send(client, photo).main)
    assert cut not in words(send(client, to_bytes(render_lesion(1, 300, 300), "JPEG")).main)


def test_wherever_a_photo_is_chosen_the_page_says_that_a_copy_of_it_goes_ahead(
    client: FlaskClient, results: dict[Outcome, BeautifulSoup]
) -> None:
    copy = "your browser sends us a small copy. We find the spot in it, then drop it."
    start = get(client, "/")
    for page in (start, results[Outcome.CANNOT_JUDGE]):
        said = page.select_one("#photo-hint .needs-script:not(.mouse-only)")
        assert copy in words(said), "by the script alone: without it nothing goes ahead"
        assert "Nothing is sent yet" not in page.get_text()
    fate = start.find("section", {"aria-labelledby": "your-photo"})
    assert isinstance(fate, Tag) and copy in words(fate.select_one(".needs-script"))


def test_what_cannot_be_judged_shows_no_number_and_no_kind(results: dict[Outcome, BeautifulSoup]) -> None:
    page = results[Outcome.CANNOT_JUDGE]
    assert "%" not in words(page.main)
    assert "Melanoma" not in words(page.main)
    assert not page.select(".confidence, .diagnoses, .heat-map, .scale")


def test_a_photo_of_bad_quality_is_told_what_is_bad_about_it(make_app: AppMaker, photo: bytes) -> None:
    dim = dataclasses.replace(made_prediction(0.01), quality=Quality(1.0, 30.0, 0.5))
    page = send(make_app(FixedPredictor(dim)).test_client(), photo)
    assert words(page.h1).startswith(VERDICTS[Outcome.CANNOT_JUDGE])
    assert [words(check.strong) for check in page.select(".checks .failed")] == [
        "Too dark",
        "Not sharp",
        "Too much glare",
    ]


def test_a_phone_photo_is_held_against_the_limits_and_the_figures_of_phone_photos(
    make_app: AppMaker, photo: bytes
) -> None:
    pages = {
        phone: send(make_app(FixedPredictor(made_prediction(0.3, phone=phone))).test_client(), photo)
        for phone in (0.0, 0.5, 1.0)
    }
    text = {phone: words(page.main) for phone, page in pages.items()}
    verdicts = {phone: words(page.h1) for phone, page in pages.items()}
    assert verdicts[0.0].startswith(VERDICTS[Outcome.SIGNS]) and "Between 5% and 20%" in text[0.0]
    assert verdicts[0.5].startswith(VERDICTS[Outcome.SIGNS]) and "Between 3% and 20%" in text[0.5]
    assert verdicts[1.0].startswith(VERDICTS[Outcome.UNSURE]) and "Below 3%" in text[1.0]
    assert "82 get “signs”" in text[0.0] and "through a skin microscope" in text[0.0]
    assert "78 get “signs”" in text[1.0] and "on phone photos" in text[1.0]


@pytest.mark.parametrize(
    ("size", "unfamiliarity", "failed"),
    [
        ((600, 450), 99.0, ["We could not find one clear spot"]),
        ((50, 50), 1.0, ["Too few details"]),
        ((600, 100), 1.0, ["Too long and narrow"]),
        ((300, 30), 99.0, ["We could not find one clear spot", "Too few details", "Too long and narrow"]),
    ],
)
def test_what_cannot_be_judged_says_why_and_offers_another_try(
    make_app: AppMaker, size: tuple[int, int], unfamiliarity: float, failed: list[str]
) -> None:
    client = make_app(FixedPredictor(made_prediction(0.5, unfamiliarity))).test_client()
    page = send(client, to_bytes(render_lesion(1, *size), "JPEG"), "symptoms")
    assert [words(check.strong) for check in page.select(".checks .failed")] == failed
    assert len(page.select(".checks li")) == 6
    assert len(page.select("#checked .checks li")) == 6 - len(failed)
    assert all(words(check.p) for check in page.select(".checks .failed"))
    assert "Have the spot looked at within four weeks, whatever a photo shows." in words(
        page.select_one(".notice")
    )
    form = page.form
    assert form is not None and form.select_one("input[name=csrf_token]") is not None
    ticked = [box["name"] for box in form.select("input[type=checkbox]") if box.has_attr("checked")]
    assert ticked == ["symptoms"]


def test_an_own_model_says_plainly_what_it_does_not_have(own_model: FlaskClient, photo: bytes) -> None:
    page = send(own_model, photo)
    text = words(page.main)
    assert words(page.h1).startswith("No signs of skin cancer detected")
    assert "Confidence that the photo shows no skin cancer: 69.00%" in text
    assert "Estimated chance of cancer 31.00%; this model flags everything above 50%." in text
    assert "Nobody has measured how many cancers this model misses" in text
    assert "a model of their own, without figures from a test" in text
    assert "It does not say which kind of spot it sees." in text
    assert "this model cannot say where it looked" in text
    assert not page.select(".diagnoses, .heat-map, .hundreds, .scale .unsure")
    assert "mine.h5" in words(page.select_one("#report .facts"))
    assert "seven kinds" not in text


def test_an_own_model_has_a_page_about_it_without_figures(own_model: FlaskClient) -> None:
    text = words(get(own_model, "/about").main)
    assert "nobody has told us how good it is" in text
    assert "mine.h5" in text and "d" * 64 in text
    assert "How good it is" not in text and "HAM10000" not in text


def test_another_projects_model_is_not_called_ours_and_cites_what_taught_it(make_app: AppMaker) -> None:
    contract = made_bundle().contract
    theirs = dataclasses.replace(
        contract, name="clinic", training_data=("ISIC 2017 challenge, 2,000 images",)
    )
    bundle = Bundle(Path("nowhere"), theirs, None)
    text = words(
        get(make_app(FixedPredictor(PREDICTIONS[Outcome.SIGNS], bundle)).test_client(), "/about").main
    )
    assert "arXiv 1710.05006" in text and "PAD-UFES-20" not in text and "Made by" not in text


def test_the_page_about_the_model_shows_the_bundle(client: FlaskClient) -> None:
    page = get(client, "/about")
    text = words(page.main)
    assert (
        "of 100 confirmed skin cancers in our test with photos through a skin microscope, "
        "82 get “signs”, 13 “unsure”, and it misses 5." in text
    )
    assert "Of 100 harmless spots, 10 get “signs”, 20 “unsure” and 70 “no signs”." in text
    assert "9.9.9, 29 February 2024" in text
    assert "a" * 64 in text and "b" * 64 in text
    assert "1,503 photos of spots that it had never seen" in text
    assert "Area under it: 0.940" in text
    assert "Average error: 0.030" in text
    assert "rare kinds are weighted up, so that each kind counts alike" in words(page.caption)
    assert "An answer lists the kinds by their plain chance." in words(page.caption)
    assert "in per cent and weighted as in the table above (confusion matrix)" in text
    table, by_photos = page.select("table")
    assert [words(row) for row in table.select("tbody tr")][CLASSES.index("mel")] == (
        "Melanoma (mel) 77 75–79 66 64–68 50"
    )
    assert "Phone, all 0.80 0.78–0.82 2,298" in words(by_photos)
    drawings = page.select("svg.figure")
    assert len(drawings) == 3 and all(drawing["role"] == "img" for drawing in drawings)
    assert "finds 82 of 100 cancers and flags 10 of 100 harmless spots" in str(drawings[0]["aria-label"])
    assert "Melanoma: 88 of 100 named rightly" in str(drawings[2]["aria-label"])


def test_another_collection_stands_below_the_test_where_it_was_measured(make_app: AppMaker) -> None:
    auc = {"value": 0.741, "low": 0.7, "high": 0.78}
    metrics = {**METRICS, "isic2017": {"images": 961, "malignancy_auc": auc}}
    bundle = dataclasses.replace(made_bundle(), metrics=metrics)
    page = get(make_app(FixedPredictor(PREDICTIONS[Outcome.SIGNS], bundle)).test_client(), "/about")
    assert "Skin microscope, another collection 0.74 0.70–0.78 961" in words(page.select("table")[1])


def test_the_dots_lie_on_the_curve_and_earlier_figures_still_draw_them(make_app: AppMaker) -> None:
    test = METRICS["test"]
    curve = {name: points for name, points in test["roc"].items() if name != "at"}
    earlier = METRICS | {"test": test | {"roc": curve}}
    for metrics, mistaken in ((METRICS, 28), (earlier, 30)):  # at the limit; flagged by the app in all
        bundle = dataclasses.replace(made_bundle(), metrics=metrics)
        page = get(make_app(FixedPredictor(PREDICTIONS[Outcome.SIGNS], bundle)).test_client(), "/about")
        assert f"at the limit for “unsure” it is 95 and {mistaken}." in str(page)


def test_a_figure_that_too_few_photos_tell_is_not_printed(make_app: AppMaker) -> None:
    nothing = {"value": None, "low": None, "high": None}
    kinds = {dx: {"images": 0, "recall": nothing, "precision": nothing} for dx in CLASSES}
    phone = {**METRICS["phone"], "skin_types": {"5-6": {"images": 4, "malignancy_auc": None}}}
    metrics = {**METRICS, "test": {**METRICS["test"], "per_class": kinds}, "phone": phone}
    bundle = dataclasses.replace(made_bundle(), metrics=metrics)
    page = get(make_app(FixedPredictor(PREDICTIONS[Outcome.SIGNS], bundle)).test_client(), "/about")
    assert "Melanoma (mel) too few too few 0" in words(page.table)
    assert "Phone, dark skin (types 5–6) too few 4" in words(page.main)


def test_what_was_measured_of_dark_skin_and_of_keratosis_is_told_and_nothing_else(make_app: AppMaker) -> None:
    for images, own, said in (
        (4, None, "On dark skin it is less reliable, and it was tested on few such photos."),
        (0, 0.746, "no photo in our test is known to show it."),
    ):
        phone = {**METRICS["phone"], "skin_types": {"5-6": {"images": images, "malignancy_auc": None}}}
        if own:
            phone["pad_definition"] = {"malignancy_auc": {"value": own, "low": 0.68, "high": 0.81}}
        bundle = dataclasses.replace(made_bundle(), metrics={**METRICS, "phone": phone})
        text = words(
            get(make_app(FixedPredictor(PREDICTIONS[Outcome.SIGNS], bundle)).test_client(), "/about").main
        )
        assert said in text
        told = "Where it counts as harmless, phone photos score 0.75 (0.68–0.81)." in text
        assert told is (own is not None)


@pytest.mark.parametrize("status", STATUS_MESSAGES)
def test_every_error_page_says_what_to_do(make_app: AppMaker, status: int) -> None:
    app = make_app(max_upload_bytes=2_500_000)

    @app.get("/fail")
    def fail() -> tuple[str, int]:
        from flask import abort

        abort(status)

    page = get(app.test_client(), "/fail")
    assert words(page.select_one(".error-code")) == f"Error {status}"
    assert words(page.title) == f"{words(page.h1)} – Skin Cancer Detector"
    assert page.select("main ul li") and words(page.select_one(".lead"))
    button = page.select_one("main a.button")
    assert button is not None and button["href"] == "/"
    assert "Show it to a doctor." in words(page.main)
    if status == 413:
        assert "up to 2.5\xa0MB" in page.get_text()


def test_a_refused_photo_shows_the_form_again_with_the_reason(client: FlaskClient) -> None:
    page = send(client, b"no photo at all", "changed")
    assert words(page.title).startswith("Error: Check a spot")
    notice = page.select_one("[role=alert]")
    assert "not a photo that we can read" in words(notice)
    field = page.select_one("#photo")
    assert field is not None and field["aria-invalid"] == "true"
    described = [page.find(id=name) for name in str(field["aria-describedby"]).split()]
    assert "not a photo that we can read" in words(described[0])  # type: ignore[arg-type]
    box = page.select_one("input[name=changed]")
    assert box is not None and box.has_attr("checked")


def all_pages(client: FlaskClient, results: dict[Outcome, BeautifulSoup]) -> list[BeautifulSoup]:
    return [*results.values(), *(get(client, address) for address in ("/", "/about", "/nothing-here"))]


def test_every_page_is_in_order(client: FlaskClient, results: dict[Outcome, BeautifulSoup]) -> None:
    """One heading, a language, no inline styles or scripts, no name twice, nothing from elsewhere."""
    for page in all_pages(client, results):
        assert page.html is not None and page.html["lang"] == "en"
        assert len(page.select("h1")) == 1
        assert not page.select("[style], style, [onclick], script:not([src])")
        names = [part["id"] for part in page.select("[id]")]
        assert len(names) == len(set(names))
        for part in page.select("[src], link[href]"):
            assert str(part.get("src") or part.get("href")).startswith(("/static/", "data:image/"))
        for part in page.select("[aria-labelledby], [aria-describedby]"):
            for name in f"{part.get('aria-labelledby', '')} {part.get('aria-describedby', '')}".split():
                assert name in names
        assert "Not a diagnosis and not a medical device." in words(page.footer)
        assert len(page.select(".language")) == 1


def test_no_page_promises_anything(client: FlaskClient, results: dict[Outcome, BeautifulSoup]) -> None:
    for page in all_pages(client, results):
        assert not re.search(
            r"\b(safe|nothing to worry|all clear|healthy|AI thinks)\b", words(page.body), re.IGNORECASE
        )


def test_pages_are_light_without_the_photo(
    client: FlaskClient, results: dict[Outcome, BeautifulSoup]
) -> None:
    for page in all_pages(client, results):
        files = {str(part.get("src") or part.get("href")) for part in page.select("[src], link[href]")}
        photos = {uri for uri in files if uri.startswith("data:image/jpeg")}
        weight = len(str(page).encode())
        weight -= sum(len(uri) * str(page).count(uri) for uri in photos)
        weight += sum((ROOT / file[1:]).stat().st_size for file in files if file.startswith("/static/"))
        assert weight < 150_000


def test_no_signs_is_never_green() -> None:
    tokens = (ROOT / "static" / "tokens.css").read_text()
    colours = re.findall(r"--no-signs-\w+: #(\w{6})", tokens)
    assert len(colours) == 6  # fill, ink and edge, light and dark
    for colour in colours:
        hue, _, saturation = colorsys.rgb_to_hls(*(int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)))
        assert saturation < 0.05 or not 60 < 360 * hue < 180, colour
