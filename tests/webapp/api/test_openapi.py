"""The description of the API, held against the API itself by schemathesis."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from io import BytesIO
from typing import Any

import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from tests.conftest import AppMaker
from tests.fakes import FixedPredictor, made_prediction
from tests.rendered import render_lesion_jpeg
from webapp import create_app
from webapp.answer.assessment import Caution, Outcome, Reason, Urgency
from webapp.answer.details import Sex, Site
from webapp.answer.record import COLUMNS
from webapp.api.openapi import FIELDS, RECORD
from webapp.api.question import MAX_PHOTOS
from webapp.config import Settings

APP = create_app(
    # Without a limit: it would answer most of what is made up here, and 429 looks the same each time.
    Settings(secret_key="not a secret, only a test", ratelimit_enabled=False),
    FixedPredictor(made_prediction(0.9312)),  # type: ignore[arg-type]
)
SCHEMA = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", APP)
PREDICT = SCHEMA["/api/v1/predict"]["POST"]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
MANY = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
JPEG = render_lesion_jpeg(1, 300, 225)


@schemathesis.serializer("image/jpeg", "image/png", "image/webp", "image/heic", "image/avif")
def as_bytes(context: schemathesis.SerializationContext, value: Any) -> bytes:
    """Sends whatever is made up for a photo: without this, what is no bytes fails inside schemathesis."""
    return value if isinstance(value, bytes) else str(value).encode()


def test_a_diagnosis_that_is_not_the_likeliest_is_not_called_so() -> None:
    """A rare kind may be named though a common one is likelier: that is how every figure is measured."""
    said = RECORD["diagnosis"]
    assert "rare kinds are weighted up" in said and "need not be the largest of probabilities" in said
    assert "likeliest" not in said


@SCHEMA.parametrize()
@MANY
def test_the_api_keeps_what_its_description_promises(case: schemathesis.Case) -> None:
    # Not among the checks: that what fits the description is accepted. Made bytes are no photo.
    case.call_and_validate(checks=CHECKS)


def test_the_answers_to_real_photos_are_as_described() -> None:
    answers: Counter[str] = Counter()

    @given(
        case=PREDICT.as_strategy(),
        photos=st.lists(st.sampled_from([JPEG, JPEG, b"no photo"]), min_size=1, max_size=3),
        boxed=st.booleans(),
    )
    @MANY
    def send(case: schemathesis.Case, photos: list[bytes], boxed: bool) -> None:
        case.body["photo"] = photos
        if not boxed:  # boxes that are made up hardly ever fit the photos, and then none is looked at
            case.body.pop("box", None)
        response = case.call_and_validate(checks=CHECKS)
        if response.status_code == 200:
            answers["several" if "records" in response.json() else "single"] += 1

    send()
    assert answers["single"] and answers["several"], answers


@pytest.mark.parametrize(
    ("photos", "fields", "status"),
    [
        ([JPEG], {}, 200),
        ([JPEG], {"heat_map": "true"}, 200),
        ([JPEG, JPEG], {"heat_map": "true"}, 200),
        ([JPEG, b"no photo"], {"heat_map": "true"}, 200),
        ([], {}, 400),
        ([b"no photo"], {}, 415),
        ([JPEG[:2000]], {}, 422),
    ],
    ids=["single", "heat map", "several", "one of several unreadable", "none", "no photo", "damaged"],
)
def test_each_kind_of_answer_fits_the_description(
    photos: list[bytes], fields: dict[str, str], status: int
) -> None:
    files = [(BytesIO(photo), f"{number}.jpg") for number, photo in enumerate(photos)]
    response = APP.test_client().post("/api/v1/predict", data={"photo": files, **fields})
    assert response.status_code == status
    PREDICT.validate_response(response)


@pytest.mark.parametrize(
    "damage", [{"malignancy": 1.5}, {"outcome": "benign"}, {"heat_map": "map.png"}, {"more": 1}]
)
def test_an_answer_that_does_not_fit_the_description_would_be_noticed(damage: dict[str, object]) -> None:
    response = APP.test_client().post("/api/v1/predict", data={"photo": (BytesIO(JPEG), "spot.jpg")})
    assert PREDICT.is_valid_response(response)
    response.set_data(json.dumps(response.get_json() | damage))
    assert not PREDICT.is_valid_response(response)


def described(client: FlaskClient) -> dict[str, Any]:
    response = client.get("/api/v1/openapi.json")
    assert response.content_type == "application/json"
    document: dict[str, Any] = response.get_json()
    return document


def test_the_description_knows_every_field(client: FlaskClient) -> None:
    document = described(client)
    assert document["openapi"].startswith("3.1")
    record = document["components"]["schemas"]["Record"]
    assert record["required"] == list(COLUMNS)
    assert list(record["properties"]) == [*COLUMNS, "box", "heat_map"]
    operation = document["paths"]["/api/v1/predict"]["post"]
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["properties"]["photo"]["maxItems"] == MAX_PHOTOS
    assert document["servers"] == [{"url": "http://localhost"}]


@pytest.mark.parametrize(
    ("texts", "name", "values"),
    [
        (RECORD, "outcome", Outcome),
        (RECORD, "reasons", Reason),
        (RECORD, "cautions", Caution),
        (RECORD, "urgency", Urgency),
        (FIELDS, "sex", Sex),
        (FIELDS, "site", Site),
    ],
)
def test_every_value_stands_in_the_words_for_its_field(
    texts: Mapping[str, str], name: str, values: type[StrEnum]
) -> None:
    assert {value for value in values if not re.search(rf"\b{value}\b", texts[name])} == set()


def test_a_key_is_described_where_one_is_asked_for(make_app: AppMaker, client: FlaskClient) -> None:
    assert "security" not in described(client)["paths"]["/api/v1/predict"]["post"]
    document = described(make_app(api_keys=("the-key-of-a-program",)).test_client())
    assert document["paths"]["/api/v1/predict"]["post"]["security"] == [{"key": []}]
    assert "the-key-of-a-program" not in str(document)
