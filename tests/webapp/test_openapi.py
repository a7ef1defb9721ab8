"""The description of the API, held against the API itself by schemathesis."""

from typing import Any

import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from tests.conftest import AppMaker
from tests.fakes import FixedPredictor, made_prediction
from webapp import create_app
from webapp.api_question import MAX_PHOTOS
from webapp.config import Settings
from webapp.record import COLUMNS

APP = create_app(
    Settings(secret_key="not a secret, only a test"),
    FixedPredictor(made_prediction(0.9312)),  # type: ignore[arg-type]
)
SCHEMA = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", APP)


@schemathesis.serializer("image/jpeg", "image/png", "image/webp", "image/heic", "image/avif")
def as_bytes(context: schemathesis.SerializationContext, value: Any) -> bytes:
    """Sends whatever is made up for a photo: without this, what is no bytes fails inside schemathesis."""
    return value if isinstance(value, bytes) else str(value).encode()


@SCHEMA.parametrize()
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_api_keeps_what_its_description_promises(case: schemathesis.Case) -> None:
    # Not among the checks: that what fits the description is accepted. Made bytes are no photo.
    case.call_and_validate(
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ]
    )


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
    assert list(record["properties"]) == [*COLUMNS, "heat_map"]
    operation = document["paths"]["/api/v1/predict"]["post"]
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["properties"]["photo"]["maxItems"] == MAX_PHOTOS
    assert document["servers"] == [{"url": "http://localhost"}]


def test_a_key_is_described_where_one_is_asked_for(make_app: AppMaker, client: FlaskClient) -> None:
    assert "security" not in described(client)["paths"]["/api/v1/predict"]["post"]
    document = described(make_app(api_keys=("the-key-of-a-program",)).test_client())
    assert document["paths"]["/api/v1/predict"]["post"]["security"] == [{"key": []}]
    assert "the-key-of-a-program" not in str(document)
