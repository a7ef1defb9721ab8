"""The first two screens of a phone hold what a person must know: outcome, advice, emergency and photo."""

import dataclasses
from io import BytesIO

import numpy as np
import pytest
from bs4 import BeautifulSoup
from flask.testing import FlaskClient
from playwright.sync_api import expect

from tests.browser.conftest import IN_EACH_LANGUAGE, VIEWPORTS, PageOpener, Site
from tests.conftest import AppMaker
from tests.fakes import FEW_TESTED, FixedPredictor, made_bundle, made_prediction
from tests.rendered import render_lesion_jpeg
from webapp.answer.assessment import Answers, Caution, Outcome
from webapp.model.contract import DetailOffsets, PhotoKind, Thresholds, same_for_all
from webapp.model.predictor import Prediction
from webapp.photo.quality import Quality

pytestmark = pytest.mark.browser

UNLIKELY = (-2.0, -2.0, 0.0, 0.0, -2.0, 0.0, 0.0)  # what being female adds here to each of the seven kinds
BUNDLE = dataclasses.replace(
    made_bundle(),
    contract=dataclasses.replace(
        made_bundle().contract,
        thresholds=same_for_all(Thresholds(signs=0.2, unsure=0.05, melanoma=0.1, unusual=5.0)),
        details=dict.fromkeys(PhotoKind, DetailOffsets(sex={"female": UNLIKELY})),
    ),
)
SMALL_SPOT = np.full((24, 24), 0.1, np.float32)
SMALL_SPOT[11:14, 11:14] = 0.99

# Each outcome, and each thing that changes what stands above the photo.
ANSWERS: dict[str, tuple[Outcome, Prediction]] = {
    "signs": (Outcome.SIGNS, made_prediction(0.8731)),
    "unsure": (Outcome.UNSURE, made_prediction(0.1162)),
    "something of a melanoma": (Outcome.UNSURE, made_prediction(0.17)),
    Caution.UNUSUAL: (Outcome.UNSURE, made_prediction(0.0318, unfamiliarity=7)),
    Caution.SMALL_SPOT: (
        Outcome.UNSURE,
        dataclasses.replace(made_prediction(0.0318), lesion_map=SMALL_SPOT),
    ),
    Caution.DETAILS: (Outcome.UNSURE, made_prediction(0.07)),
    "no signs": (Outcome.NO_SIGNS, made_prediction(0.0318)),
    "no signs, few tested": (Outcome.NO_SIGNS, made_prediction(0.0318)),
    "unfamiliar": (Outcome.CANNOT_JUDGE, made_prediction(0.8731, unfamiliarity=99)),
    "dark and blurred": (
        Outcome.CANNOT_JUDGE,
        dataclasses.replace(made_prediction(0.8731), quality=Quality(1.0, 30.0, 0.0)),
    ),
    "dark, blurred and unfamiliar": (
        Outcome.CANNOT_JUDGE,
        dataclasses.replace(made_prediction(0.8731, unfamiliarity=99), quality=Quality(1.0, 30.0, 0.0)),
    ),
}
TICKS = [field.name for field in dataclasses.fields(Answers)]
PARTS = (".outcome", ".advice, .tight, .checks", ".urgent", ".photo-stack")
BOTTOMS = (
    """parts => parts.map(part => document.querySelector(part).getBoundingClientRect().bottom + scrollY)"""
)


def answer_page(client: FlaskClient, language: str, photo: bytes, fields: dict[str, str]) -> str:
    """Returns what the server answers to the form."""
    token = BeautifulSoup(client.get("/").text, "html.parser").select_one("input[name=csrf_token]")
    assert token is not None
    form = fields | {"csrf_token": token["value"], "photo": (BytesIO(photo), "spot.jpg")}
    response = client.post(f"/?lang={language}", data=form)
    assert response.status_code == 200
    return response.text


@IN_EACH_LANGUAGE
def test_two_screens_of_a_phone_hold_outcome_advice_emergency_and_photo(
    open_page: PageOpener, site: Site, make_app: AppMaker, locale: str
) -> None:
    """In this order, for all outcomes, with what makes them longer: ticks, cautions, several reasons.
    Where nothing is judged, the whole photo is shown, and one that was held upright takes most room."""
    page = open_page("phone")
    predictor = FixedPredictor(made_prediction(0.5), BUNDLE)
    client = make_app(predictor).test_client()
    photo = render_lesion_jpeg(1, 450, 600)
    address = f"{site.url}/answer"
    shown = ""
    page.route(address, lambda route: route.fulfill(body=shown, content_type="text/html"))
    too_long = {}
    for name, (outcome, predictor.prediction) in ANSWERS.items():
        sex = {"sex": "female"} if name == Caution.DETAILS else {}
        predictor.bundle = dataclasses.replace(BUNDLE, metrics=FEW_TESTED) if "few" in name else BUNDLE
        for ticked in ([], ["symptoms"], TICKS):
            shown = answer_page(client, locale, photo, sex | dict.fromkeys(ticked, "yes"))
            page.goto(address)
            expect(page.locator("html")).to_have_attribute("lang", locale)
            raised = outcome is Outcome.NO_SIGNS and ticked
            css_class = (Outcome.UNSURE if raised else outcome).replace("_", "-")
            expect(page.locator(".outcome")).to_have_class(f"outcome {css_class}")
            bottoms = page.evaluate(BOTTOMS, PARTS)
            assert bottoms == sorted(bottoms)
            if bottoms[-1] > 2 * VIEWPORTS["phone"][1]:
                too_long[f"{name}, {ticked}"] = bottoms
    assert too_long == {}
