"""View models: everything that a page shows, worked out and translated, so that templates only lay it out.

Every figure comes from the answer, the contract or ``metrics.json``; none is typed here.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Final

from flask import url_for

from webapp.answer.assessment import Answers
from webapp.answer.messages import FORM_CODES, PHOTO_MESSAGES
from webapp.api import openapi
from webapp.api.question import MAX_PHOTOS
from webapp.config import Settings, current_settings
from webapp.model.bundle import Bundle
from webapp.site import figures, wording
from webapp.site.formats import long_date, megabytes
from webapp.site.languages import gettext as _
from webapp.site.languages import made_once

HIDDEN_CODES: Final = FORM_CODES | {"missing", "frame_differs"}
"""Refusals that only the page's own form can get."""


@dataclass(frozen=True)
class StartPage:
    """The page on which a photo is chosen."""

    max_size: str


@dataclass(frozen=True)
class AboutPage:
    """What the model is. ``test`` is ``None`` for a model without figures."""

    version: str
    created: str
    architecture: str
    size: str
    training_data: tuple[str, ...]
    licence: str
    hashes: tuple[tuple[str, str], ...]
    has_contract: bool
    test: figures.MeasuredFigures | None


@dataclass(frozen=True)
class ApiPage:
    """How programs ask. ``sent`` and ``received`` are the fields with what they mean, ``refusals`` status,
    code and sentence of every error that a photo can have."""

    address: str
    description_address: str
    max_size: str
    max_photos: int
    needs_key: bool
    sent: tuple[tuple[str, str], ...]
    received: tuple[tuple[str, str], ...]
    refusals: tuple[tuple[int, str, str], ...]


@dataclass(frozen=True)
class SpotsPage:
    """The words for what lies on a person's own device: answers, places on the body, sexes and ticked
    questions by the values that :class:`webapp.site.keeping.KeptAnswer` stores."""

    outcomes: Mapping[str, str]
    sites: Mapping[str, str]
    sexes: Mapping[str, str]
    questions: Mapping[str, str]


@dataclass(frozen=True)
class ErrorPage:
    """What went wrong, and what to do now."""

    status: int
    title: str
    lead: str
    steps: tuple[str, ...]


def start_page(settings: Settings) -> StartPage:
    """Prepares the start page."""
    return StartPage(megabytes(settings.max_upload_bytes))


def about_page(bundle: Bundle) -> AboutPage:
    """Prepares the page about the model that is being served."""
    contract, hashes = bundle.contract, bundle.model_hashes
    return AboutPage(
        version=contract.version,
        created=long_date(date.fromisoformat(contract.created)) if contract.created else "",
        architecture=contract.architecture,
        size=megabytes(contract.files[hashes[0][0]].bytes),
        training_data=contract.training_data,
        licence=contract.licence,
        hashes=hashes,
        has_contract=bundle.has_contract,
        test=figures.measured_figures(bundle.metrics) if bundle.metrics else None,
    )


@made_once
def spots_page() -> SpotsPage:
    """Prepares the pages of "My spots"."""
    names = asdict(Answers()).keys()
    told = wording.answers_given(Answers(*(True for _name in names)))
    questions = dict(zip(names, told, strict=True))
    return SpotsPage(wording.outcome_names(), wording.site_names(), wording.sex_names(), questions)


def api_page(settings: Settings) -> ApiPage:
    """Prepares the page about the API."""
    refusals = sorted((message.status, code, message.sentence) for code, message in PHOTO_MESSAGES.items())
    return ApiPage(
        address=url_for("api.predict", _external=True),
        description_address=url_for("api.openapi", _external=True),
        max_size=megabytes(settings.max_upload_bytes),
        max_photos=MAX_PHOTOS,
        needs_key=bool(settings.api_keys),
        sent=tuple((name, _(text, photos=MAX_PHOTOS)) for name, text in openapi.FIELDS.items()),
        received=tuple((name, _(text)) for name, text in openapi.RECORD.items()),
        refusals=tuple(refusal for refusal in refusals if refusal[1] not in HIDDEN_CODES),
    )


def error_page(status: int, code: str | None = None) -> ErrorPage:
    """Prepares the page for an HTTP error.

    Args:
        status: The HTTP status, one of ``messages.STATUS_MESSAGES``.
        code: One of ``messages.FORM_CODES`` where a 400 is the form's protection.
    """
    return ErrorPage(status, *wording.error(status, code, megabytes(current_settings().max_upload_bytes)))
