"""View models: everything that a page shows, worked out and translated, so that templates only lay it out.

Every figure comes from the answer, the contract or ``metrics.json``; none is typed here.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Final, NamedTuple

from flask import request, url_for

from webapp.answer.assessment import Answers
from webapp.answer.messages import FORM_CODES, PHOTO_MESSAGES, STATUS_MESSAGES
from webapp.api import openapi
from webapp.api.question import MAX_PHOTOS
from webapp.config import Settings, current_settings
from webapp.model.bundle import Bundle
from webapp.site import figures, wording
from webapp.site.formats import long_date, megabytes
from webapp.site.languages import gettext as _
from webapp.site.languages import made_once

HIDDEN_CODES: Final = FORM_CODES | {"missing", "gone", "two_photos", "frame_differs"}
"""Refusals that only the page's own form can get."""

SEVERAL: Final = ("views.several", "views.check_several")
"""Where many photos are sent from, and to."""


@dataclass(frozen=True)
class StartPage:
    """The page on which a photo is chosen."""

    max_size: str


class Citation(NamedTuple):
    """Who published what in which journal or archive, and where there."""

    what: str
    journal: str
    place: str


OUR_NAME: Final = "skin-cancer-detector"
"""The name in the contract of the models that this project makes."""
CITATIONS: Final = {
    "HAM10000": Citation(
        "Tschandl, Rosendahl, Kittler (2018). The HAM10000 dataset, a large collection of multi-source "
        "dermatoscopic images of common pigmented skin lesions.",
        "Scientific Data",
        "5, 180161",
    ),
    "PAD-UFES-20": Citation(
        "Pacheco et al. (2020). PAD-UFES-20: a skin lesion dataset composed of patient data and clinical "
        "images collected from smartphones.",
        "Data in Brief",
        "32, 106221",
    ),
    "ISIC 2017": Citation(
        "Codella et al. (2018). Skin lesion analysis toward melanoma detection: a challenge at ISBI 2017, "
        "hosted by the ISIC.",
        "arXiv",
        "1710.05006",
    ),
    "ISIC archive": Citation(
        "International Skin Imaging Collaboration.", "The ISIC Archive", "https://www.isic-archive.com"
    ),
}
"""By what a contract calls a collection of photos (``training_data``)."""


@dataclass(frozen=True)
class AboutPage:
    """What the model is. ``test`` is ``None`` for a model without figures, and ``is_ours`` false for one that
    this project did not make."""

    version: str
    created: str
    architecture: str
    size: str
    training_data: tuple[str, ...]
    licence: str
    hashes: tuple[tuple[str, str], ...]
    has_contract: bool
    is_ours: bool
    citations: tuple[Citation, ...]
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
    """What went wrong, and what to do now; ``several`` where many photos were sent at once."""

    status: int
    title: str
    lead: str
    steps: tuple[str, ...]
    several: bool


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
        is_ours=contract.name == OUR_NAME,
        citations=tuple(
            citation
            for name, citation in CITATIONS.items()
            if any(source.startswith(name) for source in contract.training_data)
        ),
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
    messages = [*PHOTO_MESSAGES.items(), ("too_large", STATUS_MESSAGES[413])]
    refusals = sorted((message.status, code, message.sentence) for code, message in messages)
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
    several = request.endpoint in SEVERAL
    max_size = megabytes(current_settings().max_upload_bytes)
    return ErrorPage(status, *wording.error(status, code, max_size, several), several)
