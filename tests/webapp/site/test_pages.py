"""What a person sees, for every outcome and every kind of model: asserted on the pages as they are sent."""

import colorsys
import dataclasses
import itertools
import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from bs4 import BeautifulSoup, Tag
from flask.testing import FlaskClient

from tests.conftest import AppMaker
from tests.fakes import METRICS, FixedPredictor, made_bundle, made_prediction
from tests.rendered import render_lesion, to_bytes
from webapp import create_app
from webapp.answer.assessment import VERDICTS, Outcome
from webapp.answer.messages import STATUS_MESSAGES
from webapp.config import Settings
from webapp.model.bundle import Bundle
from webapp.model.contract import Gate, ModelFile, Thresholds, same_for_all
from webapp.model.labels import CLASSES
from webapp.model.predictor import Prediction
from webapp.photo.quality import Quality

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


def send(client: FlaskClient, photo: bytes, *ticked: str) -> BeautifulSoup:
    """Sends the form of the start page and returns the page that comes back."""
    token = get(client, "/").select_one("input[name=csrf_token]")
    assert token is not None
    form = {"csrf_token": token["value"], "photo": (BytesIO(photo), "spot.jpg")}
    answer = client.post("/", data=form | dict.fromkeys(ticked, "yes"))
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


def test_words_colour_and_advice_agree_for_every_score_gate_and_answer(
    make_app: AppMaker, photo: bytes
) -> None:
    """Nothing lowers urgency: not an answer, not an unfamiliar photo; and the advice fits the banner."""
    weeks = {"": 99, "within four weeks": 4, "within two weeks": 2, "within one week": 1}
    predictor = FixedPredictor(PREDICTIONS[Outcome.SIGNS])
    client = make_app(predictor).test_client()

    def urgency(malignancy: float, unfamiliarity: float, *ticked: str) -> tuple[Outcome, int]:
        predictor.prediction = made_prediction(malignancy, unfamiliarity)
        page = send(client, photo, *ticked)
        outcome = next(o for o in Outcome if words(page.h1).startswith(VERDICTS[o]))
        banner = page.select_one(".outcome")
        assert banner is not None and CLASS[outcome] in banner["class"]
        advised = {said for said in weeks if said and said in words(page.main)}
        assert len(advised) <= 1, "two different times on one page"
        said = advised.pop() if advised else ""
        if outcome in (Outcome.SIGNS, Outcome.UNSURE):
            assert said and f"Book a visit {said}" in words(page.select_one(".advice"))
        for question in QUESTIONS:
            assert (QUESTIONS[question] in words(page.select_one(".facts"))) == (question in ticked)
        return outcome, weeks[said]

    for malignancy, unfamiliarity in itertools.product((0.01, 0.049, 0.05, 0.19, 0.2, 0.99), (1.0, 99.0)):
        plain, plain_weeks = urgency(malignancy, unfamiliarity)
        expected = (
            Outcome.CANNOT_JUDGE
            if unfamiliarity > 10
            else Outcome.SIGNS
            if malignancy >= 0.2
            else Outcome.UNSURE
            if malignancy >= 0.05
            else Outcome.NO_SIGNS
        )
        assert plain == expected
        for ticked in (("changed",), ("symptoms",), ("different",), tuple(QUESTIONS)):
            outcome, told_weeks = urgency(malignancy, unfamiliarity, *ticked)
            assert outcome == (Outcome.UNSURE if plain == Outcome.NO_SIGNS else plain)
            assert told_weeks < plain_weeks


@pytest.mark.parametrize(
    ("outcome", "named", "number", "chance"),
    [
        (Outcome.SIGNS, "Confidence that the photo shows skin cancer", "87.31%", "87.31%"),
        (Outcome.UNSURE, "Confidence that the photo shows skin cancer", "11.62%", "11.62%"),
        (Outcome.NO_SIGNS, "Confidence that the photo shows no skin cancer", "96.82%", "3.18%"),
    ],
)
def test_the_confidence_is_named(
    results: dict[Outcome, BeautifulSoup], outcome: Outcome, named: str, number: str, chance: str
) -> None:
    page = results[outcome]
    assert words(page.select_one(".confidence")) == f"{named}: {number}"
    assert (
        f"Estimated chance of cancer {chance}; we flag everything above 5% so that few cancers are missed."
        in words(page.main)
    )
    here = page.select(".scale-key .here")
    assert len(here) == 1 and CLASS[outcome] in here[0]["class"]


def test_answers_that_raise_the_outcome_say_so_and_leave_the_number_alone(
    make_app: AppMaker, photo: bytes
) -> None:
    page = send(make_app(FixedPredictor(PREDICTIONS[Outcome.NO_SIGNS])).test_client(), photo, "symptoms")
    assert words(page.h1) == "Unsure: have it looked at."
    assert "you told us that the spot bleeds, itches or does not heal" in words(page.select_one(".notice"))
    assert words(page.select_one(".confidence")).endswith("3.18%")
    assert "no-signs" in page.select(".scale-key .here")[0]["class"]
    assert "This number is about the photo alone, without your answers." in words(page.main)


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
        "Actinic keratosis or Bowen’s disease Early form of cancer",
    }


def test_natural_frequencies_come_from_the_figures(results: dict[Outcome, BeautifulSoup]) -> None:
    signs, no_signs = (words(results[o].select_one(".hundreds")) for o in (Outcome.SIGNS, Outcome.NO_SIGNS))
    assert "Of 100 confirmed cancers in our test, this setting flags 82." in signs
    assert "It calls 13 “unsure” and misses 5." in signs
    assert "Of 100 harmless spots, it also flags 10, by mistake." in signs
    assert "this setting flags 95. It misses 5." in no_signs
    assert "Of 100 harmless spots, it also flags 30, by mistake." in no_signs
    assert "in our test it missed 5 of 100 cancers" in words(results[Outcome.NO_SIGNS].select_one(".lead"))


def test_the_dots_are_as_many_as_the_words_say(results: dict[Outcome, BeautifulSoup]) -> None:
    filled = results[Outcome.SIGNS].select('.hundreds path[fill="url(#dot-full)"]')
    # 82 dots: eight full rows of ten, then two of the ninth.
    assert filled[0]["d"] == "M0 0h100v80H20v10H0z"
    assert filled[1]["d"] == "M0 0h100v10H0v0H0z"


def test_a_test_without_a_miss_never_reads_as_if_nothing_were_ever_missed(
    make_app: AppMaker, photo: bytes
) -> None:
    points = {name: {**point, "sensitivity": {"value": 1.0}} for name, point in operating_points().items()}
    metrics = {**METRICS, "test": {**METRICS["test"], "operating_points": points}}
    bundle = dataclasses.replace(made_bundle(), metrics=metrics)
    page = send(make_app(FixedPredictor(PREDICTIONS[Outcome.NO_SIGNS], bundle)).test_client(), photo)
    assert "this setting flags 99. It misses 1." in words(page.select_one(".hundreds"))


def operating_points() -> dict[str, dict[str, object]]:
    points: dict[str, dict[str, object]] = METRICS["test"]["operating_points"]
    return points


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
    assert verdicts[0.0].startswith(VERDICTS[Outcome.SIGNS]) and "above 5%" in text[0.0]
    assert verdicts[0.5].startswith(VERDICTS[Outcome.SIGNS]) and "above 3%" in text[0.5]
    assert verdicts[1.0].startswith(VERDICTS[Outcome.UNSURE]) and "above 3%" in text[1.0]
    assert "this setting flags 82" in text[0.0] and "through a skin microscope" in text[0.0]
    assert "this setting flags 93" in text[1.0] and "on phone photos" in text[1.0]


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
    assert all(words(check.p) for check in page.select(".checks .failed"))
    assert "Have it looked at within four weeks, whatever a photo shows." in words(page.select_one(".notice"))
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
    assert "nobody has measured how many cancers this model misses" in text
    assert "a model of their own, without figures from a test" in text
    assert "It does not say which kind of spot it sees." in text
    assert "this model cannot say where it looked" in text
    assert not page.select(".diagnoses, .heat-map, .hundreds, .scale .unsure")
    assert "mine.h5" in words(page.select_one(".facts"))
    assert "seven kinds" not in text


def test_an_own_model_has_a_page_about_it_without_figures(own_model: FlaskClient) -> None:
    text = words(get(own_model, "/about").main)
    assert "nobody has told us how good it is" in text
    assert "mine.h5" in text and "d" * 64 in text
    assert "How good it is" not in text and "HAM10000" not in text


def test_the_page_about_the_model_shows_the_bundle(client: FlaskClient) -> None:
    page = get(client, "/about")
    text = words(page.main)
    assert "of 100 confirmed skin cancers in our test it flags 95 and misses 5" in text
    assert "9.9.9, 29 February 2024" in text
    assert "a" * 64 in text and "b" * 64 in text
    assert "1,503 photos of spots that it had never seen" in text
    assert "Area under it: 0.940" in text
    assert "Average error: 0.030" in text
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


def test_a_figure_that_too_few_photos_tell_is_not_printed(make_app: AppMaker) -> None:
    nothing = {"value": None, "low": None, "high": None}
    kinds = {dx: {"images": 0, "recall": nothing, "precision": nothing} for dx in CLASSES}
    phone = {**METRICS["phone"], "skin_types": {"5-6": {"images": 4, "malignancy_auc": None}}}
    metrics = {**METRICS, "test": {**METRICS["test"], "per_class": kinds}, "phone": phone}
    bundle = dataclasses.replace(made_bundle(), metrics=metrics)
    page = get(make_app(FixedPredictor(PREDICTIONS[Outcome.SIGNS], bundle)).test_client(), "/about")
    assert "Melanoma (mel) too few too few 0" in words(page.table)
    assert "Phone, dark skin (types 5–6) too few 4" in words(page.main)


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
