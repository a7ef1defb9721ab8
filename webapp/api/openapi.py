"""The API's description as OpenAPI 3.1, made from the names and limits that the code itself uses."""

from collections.abc import Mapping
from typing import Any, Final

from webapp.answer.assessment import VERDICTS, Caution, Outcome, Reason, Urgency
from webapp.answer.details import Sex, Site
from webapp.answer.messages import N_
from webapp.answer.record import COLUMNS
from webapp.api.question import AUTO, MAX_PHOTOS
from webapp.config import Settings
from webapp.model.labels import CLASSES

VERSION: Final = "1.2"
"""Of this description. The second number rises with each field that is added; the first would need another
address than ``/api/v1``."""

FIELDS: Final[Mapping[str, str]] = {
    "photo": N_(
        "The photo: JPEG, PNG, WebP, HEIC or AVIF. Repeat the field to send several, up to %(photos)s."
    ),
    "box": N_(
        "The part to look at: left,top,right,bottom in pixels of the upright photo. The square in the middle "
        "if it is missing or empty; auto looks where the spot probably is. With several photos: one for "
        "each, in the same order, or none at all."
    ),
    "changed": N_(
        "Whether the spot has changed in size, shape or colour: true or false. This and the next two can "
        "only make the answer more urgent."
    ),
    "symptoms": N_("Whether it bleeds, itches or does not heal: true or false."),
    "different": N_("Whether it looks unlike the person’s other spots: true or false."),
    "age": N_("The person’s age in whole years, 0 to 120. Moves the malignancy up or down; may be left out."),
    "sex": N_("female or male. Moves the malignancy up or down; may be left out."),
    "site": N_(
        "Where the spot is: head_neck, trunk, arm, hand, leg, foot or genital. Moves the malignancy up or "
        "down; may be left out."
    ),
    "heat_map": N_("Whether to add the heat map, a PNG that lies over the part looked at: true or false."),
}
"""What can be sent. The page about the API shows these sentences, too."""

RECORD: Final[Mapping[str, str]] = {
    "path": N_("The name of the file that was sent."),
    "outcome": N_(
        "The answer: signs, unsure, no_signs or cannot_judge. The malignancy decides it; what keeps it from "
        "being no_signs stands in cautions, why there is none in reasons."
    ),
    "verdict": N_("The outcome as a fixed English sentence."),
    "confidence": N_(
        "0 to 1: the malignancy for signs and unsure, 1 minus it for no_signs, null for cannot_judge."
    ),
    "diagnosis": N_(
        "One of the seven diagnoses, for the photo alone and for measuring: rare kinds are weighted up, so "
        "that each kind counts alike, and it need not be the largest of probabilities. Never show it as an "
        "answer."
    ),
    "malignancy": N_("0 to 1: the estimated chance of cancer, with age, sex and place where they are sent."),
    "probabilities": N_("The estimated chance of each of the seven diagnoses, with the same."),
    "reasons": N_(
        "Why the photo cannot be judged: too_small, too_narrow, too_dark, blurred, glare, unfamiliar (unlike "
        "anything that the model has learned), no_single_spot, several_spots. Empty otherwise."
    ),
    "model_version": N_("The version of the model."),
    "error": N_("A sentence where a photo among several could not be read, null otherwise."),
    "urgency": N_(
        "When a doctor should look at the spot: one_week, two_weeks, four_weeks, watch (no visit for this "
        "alone) or none (the photo cannot be judged, and nothing was ticked)."
    ),
    "cautions": N_(
        "Why it is not no_signs although the malignancy is low: unusual (unlike the photos of our test), "
        "small_spot (it fills less than a tenth of the part that was judged), other_spot (auto leaves "
        "another spot of the photo out), details (low only with age, sex and place), symptoms (something was "
        "ticked)."
    ),
    "photo_malignancy": N_("0 to 1: the malignancy of the photo alone, without age, sex and place."),
    "box": N_(
        "The part that auto has found, in pixels of the upright photo, null where it found no spot. Only "
        "there when asked for."
    ),
    "heat_map": N_("The heat map as a data URI, null where there is none. Only there when asked for."),
}
"""What comes back for one photo."""


def description(root: str, model_version: str, settings: Settings) -> dict[str, Any]:
    """Returns the OpenAPI document.

    Args:
        root: The address of the app, without a slash at its end.
        model_version: The contract's.
        settings: They hold the limits, and whether a key is needed.
    """
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "Skin Cancer Detector",
            "version": VERSION,
            "summary": "Looks for signs of skin cancer in photos of spots on the skin.",
            "description": "Not a diagnosis and not a medical device. "
            f"Served model: version {model_version}. "
            f"A request may have {settings.max_upload_bytes} bytes. "
            "Within v1 fields are only added: none goes away or changes its meaning. Version 1.1 added age, "
            "sex, site and box=auto to the form; urgency, cautions, photo_malignancy and box to the record.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": root}],
        "paths": {"/api/v1/predict": {"post": _predict()}, "/api/v1/openapi.json": {"get": _openapi()}},
        "components": {"schemas": {"Record": _record(), "Problem": _problem()}},
    }
    if settings.api_keys:
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["paths"]["/api/v1/predict"]["post"]["security"] = [{"key": []}]
    return document


def _predict() -> dict[str, Any]:
    record = {"$ref": "#/components/schemas/Record"}
    several = {
        "type": "object",
        "required": ["records"],
        "properties": {"records": {"type": "array", "items": record, "minItems": 2, "maxItems": MAX_PHOTOS}},
    }
    return {
        "operationId": "predict",
        "summary": f"Look for signs of skin cancer in 1 to {MAX_PHOTOS} photos",
        "requestBody": {
            "required": True,
            "content": {"multipart/form-data": {"schema": _form(), "encoding": {"photo": _PHOTO_TYPES}}},
        },
        "responses": {
            "200": {
                "description": "One photo: its record. Several: their records in the order sent.",
                "content": {"application/json": {"schema": {"anyOf": [several, record]}}},
            },
            **{status: _refusal(reason) for status, reason in _REFUSALS.items()},
        },
    }


_PHOTO_TYPES: Final = {"contentType": "image/jpeg, image/png, image/webp, image/heic, image/avif"}
_REFUSALS: Final = {
    "400": "A field is missing, stands where it does not count or does not parse, or the file is empty.",
    "401": "The server asks for a key, and the request has none or a wrong one.",
    "408": "The request took too long to come.",
    "413": "The request has too many bytes, or the photo too many pixels.",
    "415": "The photo has a format that is not read.",
    "422": "The photo is damaged, or the box leaves it.",
    "429": "Too many photos in a short time.",
    "500": "Something went wrong on the server's side.",
    "503": "The server is busy.",
}


def _openapi() -> dict[str, Any]:
    content = {"application/json": {"schema": {"type": "object"}}}
    return {
        "operationId": "openapi",
        "summary": "This description",
        "responses": {"200": {"description": "OpenAPI 3.1", "content": content}},
    }


def _form() -> dict[str, Any]:
    number = r"\d{1,5}(\.\d{1,3})?"
    flag = {"type": "string", "enum": ["true", "false"]}
    photo = {"type": "string", "contentMediaType": "application/octet-stream"}
    box = {"type": "string", "pattern": f"^({AUTO}|{number},{number},{number},{number})?$"}
    kinds: dict[str, dict[str, Any]] = {
        "photo": {"type": "array", "items": photo, "minItems": 1, "maxItems": MAX_PHOTOS},
        "box": {"type": "array", "items": box, "maxItems": MAX_PHOTOS},
        "age": {"type": "string", "pattern": "^([0-9]|[0-9]{2}|0[0-9]{2}|1[01][0-9]|120)?$"},
        "sex": {"type": "string", "enum": ["", *map(str, Sex)]},
        "site": {"type": "string", "enum": ["", *map(str, Site)]},
    }
    properties = {
        name: {**kinds.get(name, flag), "description": text % {"photos": MAX_PHOTOS}}
        for name, text in FIELDS.items()
    }
    return {"type": "object", "required": ["photo"], "properties": properties}


def _record() -> dict[str, Any]:
    share = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
    probabilities = {dx: {"type": "number", "minimum": 0, "maximum": 1} for dx in CLASSES}
    kinds: dict[str, dict[str, Any]] = {
        "path": {"type": ["string", "null"]},
        "outcome": {"enum": [*map(str, Outcome), None]},
        "verdict": {"enum": [*VERDICTS.values(), None]},
        "confidence": share,
        "diagnosis": {"enum": [*CLASSES, None]},
        "malignancy": share,
        "probabilities": {
            "type": ["object", "null"],
            "required": list(CLASSES),
            "properties": probabilities,
            "additionalProperties": False,
        },
        "reasons": {"type": "array", "items": {"enum": [*map(str, Reason)]}},
        "model_version": {"type": "string"},
        "error": {"type": ["string", "null"]},
        "urgency": {"enum": [*map(str, Urgency), None]},
        "cautions": {"type": "array", "items": {"enum": [*map(str, Caution)]}},
        "photo_malignancy": share,
        "box": {"type": ["array", "null"], "items": {"type": "number"}, "minItems": 4, "maxItems": 4},
        "heat_map": {"type": ["string", "null"], "pattern": "^data:image/png;base64,"},
    }
    properties = {name: {**kinds[name], "description": text} for name, text in RECORD.items()}
    return {
        "type": "object",
        "required": list(COLUMNS),
        "properties": properties,
        "additionalProperties": False,
    }


def _refusal(reason: str) -> dict[str, Any]:
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {"description": reason, "content": {"application/problem+json": problem}}


def _problem() -> dict[str, Any]:
    properties = {
        "type": {"const": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence or two that say what to do."},
        "code": {
            "type": "string",
            "description": "Names the reason, for programs; the status where that is all there is to say.",
        },
    }
    return {
        "type": "object",
        "description": "RFC 9457 problem details.",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": properties,
    }
