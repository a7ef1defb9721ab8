"""View models: everything that a page shows, worked out and translated, so that templates only lay it out.

Every figure comes from the answer, the contract or ``metrics.json``; none is typed here.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_percent
from flask import url_for
from flask_babel import format_decimal, get_locale

from webapp.answer.assessment import Answers, Assessment, Outcome
from webapp.answer.messages import PHOTO_MESSAGES
from webapp.api import openapi
from webapp.api.question import MAX_PHOTOS
from webapp.config import Settings, current_settings
from webapp.model.bundle import Bundle
from webapp.model.contract import PhotoKind
from webapp.model.labels import CLASSES, MALIGNANT
from webapp.photo import overlay
from webapp.photo.imaging import Box, Photo, centre_square
from webapp.photo.overlay import Picture
from webapp.site import figures, wording
from webapp.site.keeping import KeptAnswer
from webapp.site.languages import gettext as _


@dataclass(frozen=True)
class Percent:
    """A share of 1, and how it reads: ``9.31%`` or, where ``exact``, without needless zeros: ``4%``."""

    share: float
    exact: bool = False

    def __str__(self) -> str:
        return _percent(self.share, "0.##" if self.exact else "0.00", get_locale())


@lru_cache(
    1024
)  # 0.06 ms each: a page shows its 20 up to four times, and limits and figures are always the same
def _percent(share: float, decimals: str, locale: Locale) -> str:
    # The language's own pattern, "#,##0%" in English and "#,##0 %" in German, with other decimals.
    pattern: str = locale.percent_formats[None].pattern
    return format_percent(share, pattern.replace("0", decimals, 1), locale)


@dataclass(frozen=True)
class StartPage:
    """The page on which a photo is chosen."""

    max_size: str


@dataclass(frozen=True)
class ProbabilityRow:
    """One bar in the list of the seven kinds."""

    dx: str
    kind: wording.Kind
    malignant: bool
    probability: Percent


@dataclass(frozen=True)
class Confidence:
    """How sure the model is, and against which limits that was held.

    Attributes:
        of_cancer: Whether ``value`` is the confidence that the photo shows cancer, or that it shows none.
        value: The answer's confidence.
        malignancy: The estimated chance of cancer, which decides the answer.
        signs: From here on the answer is ``signs``.
        unsure: From here on it is ``unsure``.
        zone: The outcome that the photo alone would have.
        phone: Whether the photo was held against the limits for phone photos.
        frequencies: Measured with photos of its kind; ``None`` for a model without figures.
    """

    of_cancer: bool
    value: Percent
    malignancy: Percent
    signs: Percent
    unsure: Percent
    zone: Outcome
    phone: bool
    frequencies: figures.Frequencies | None


@dataclass(frozen=True)
class ResultPage:
    """The answer for one photo. What an outcome or a model does not have is ``None`` or empty."""

    outcome: Outcome
    css_class: str
    banner: wording.Banner
    notice: str
    raised_by_answers: bool
    steps: tuple[wording.Step, ...]
    another_spot: str
    checks: tuple[wording.Check, ...]
    photo: Picture
    whole_photo: bool
    only_middle: bool
    has_heat_map: bool
    heat_map: Picture | None
    peak: str | None
    confidence: Confidence | None
    rows: tuple[ProbabilityRow, ...]
    has_classes: bool
    answers: tuple[str, ...]
    size: str
    model_version: str
    model_hash: str
    time: datetime
    time_text: str
    max_size: str
    kept: KeptAnswer | None


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
    """The words for what lies on a person's own device: answers, places on the body and ticked questions by
    the values that :class:`webapp.site.keeping.KeptAnswer` stores."""

    outcomes: Mapping[str, str]
    sites: Mapping[str, str]
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
    return StartPage(_megabytes(settings.max_upload_bytes))


def result_page(
    assessment: Assessment, photo: Photo, answers: Answers, bundle: Bundle, box: Box | None = None
) -> ResultPage:
    """Prepares the page for one answer.

    Args:
        assessment: The answer.
        photo: The photo that it is about.
        answers: What the person said about the spot.
        bundle: The model that gave the answer.
        box: The part that the model saw, in pixels of the photo as it was sent; the centre square if
            ``None``.
    """
    outcome, prediction = assessment.outcome, assessment.prediction
    judged = outcome is not Outcome.CANNOT_JUDGE
    weeks = assessment.urgency.weeks or 0
    confidence = _confidence(assessment, bundle) if judged else None
    frequencies = confidence and confidence.frequencies
    activation = prediction.activation_map if judged else None
    peak = None if activation is None else overlay.peak(activation)
    width, height = photo.size
    seen = photo.on_image(box) or centre_square(*photo.image.size)
    whole_photo = not judged or seen == (0, 0, *photo.image.size)
    now = datetime.now(UTC)
    return ResultPage(
        outcome=outcome,
        css_class=outcome.replace("_", "-"),
        banner=wording.banner(outcome, weeks, frequencies.missed if frequencies else None),
        notice=wording.answers_notice(assessment, answers, weeks),
        raised_by_answers=assessment.raised_by_answers,
        steps=wording.steps(outcome, weeks),
        another_spot=wording.another_spot(outcome),
        checks=() if judged else wording.checks(assessment.reasons, bundle.contract.gate),
        photo=overlay.shown_photo(photo.image, seen if judged else None),
        whole_photo=whole_photo,
        only_middle=box is None and not whole_photo,
        has_heat_map=activation is not None,
        heat_map=None if activation is None or peak is None else overlay.heat_map(activation),
        peak=wording.place(*peak) if peak else None,
        confidence=confidence,
        rows=_rows(prediction.probabilities) if judged and prediction.probabilities else (),
        has_classes=prediction.probabilities is not None,
        answers=wording.answers_given(answers),
        size=_("%(width)s × %(height)s points", width=width, height=height),
        model_version=bundle.contract.version,
        model_hash=_model_hashes(bundle)[0][1][:12],
        time=now,
        time_text=f"{_long_date(now)}, {now:%H:%M} UTC",
        max_size=_megabytes(current_settings().max_upload_bytes),
        kept=_kept(assessment, answers, weeks, bundle.contract.version, now),
    )


def about_page(bundle: Bundle) -> AboutPage:
    """Prepares the page about the model that is being served."""
    contract, hashes = bundle.contract, _model_hashes(bundle)
    return AboutPage(
        version=contract.version,
        created=_long_date(date.fromisoformat(contract.created)) if contract.created else "",
        architecture=contract.architecture,
        size=_megabytes(contract.files[hashes[0][0]].bytes),
        training_data=contract.training_data,
        licence=contract.licence,
        hashes=hashes,
        has_contract=bundle.has_contract,
        test=figures.measured_figures(bundle.metrics) if bundle.metrics else None,
    )


def spots_page() -> SpotsPage:
    """Prepares the pages of "My spots"."""
    names = asdict(Answers()).keys()
    told = wording.answers_given(Answers(*(True for _name in names)))
    return SpotsPage(wording.outcome_names(), wording.site_names(), dict(zip(names, told, strict=True)))


def api_page(settings: Settings) -> ApiPage:
    """Prepares the page about the API."""
    refusals = sorted((message.status, code, message.sentence) for code, message in PHOTO_MESSAGES.items())
    return ApiPage(
        address=url_for("api.predict", _external=True),
        description_address=url_for("api.openapi", _external=True),
        max_size=_megabytes(settings.max_upload_bytes),
        max_photos=MAX_PHOTOS,
        needs_key=bool(settings.api_keys),
        sent=tuple((name, _(text, photos=MAX_PHOTOS)) for name, text in openapi.FIELDS.items()),
        received=tuple((name, _(text)) for name, text in openapi.RECORD.items()),
        refusals=tuple(refusal for refusal in refusals if refusal[1] not in ("csrf", "missing")),
    )


def error_page(status: int, code: str | None = None) -> ErrorPage:
    """Prepares the page for an HTTP error.

    Args:
        status: The HTTP status, one of ``messages.STATUS_MESSAGES``.
        code: ``csrf`` where a 400 is the form's protection.
    """
    return ErrorPage(status, *wording.error(status, code, _megabytes(current_settings().max_upload_bytes)))


def _confidence(assessment: Assessment, bundle: Bundle) -> Confidence:
    point, outcome = assessment.operating_point, assessment.outcome
    assert assessment.confidence is not None
    return Confidence(
        of_cancer=outcome is not Outcome.NO_SIGNS,
        value=Percent(assessment.confidence),
        malignancy=Percent(assessment.prediction.malignancy),
        signs=Percent(point.thresholds.signs, exact=True),
        unsure=Percent(point.thresholds.unsure, exact=True),
        zone=Outcome.NO_SIGNS if assessment.raised_by_answers else outcome,
        phone=point.kind is PhotoKind.PHONE,
        frequencies=figures.frequencies(bundle.metrics, outcome, point.kind) if bundle.metrics else None,
    )


def _kept(
    assessment: Assessment, answers: Answers, weeks: int, version: str, now: datetime
) -> KeptAnswer | None:
    if assessment.confidence is None:
        return None
    thresholds, no_signs = assessment.operating_point.thresholds, assessment.outcome is Outcome.NO_SIGNS
    return KeptAnswer(
        outcome=assessment.outcome,
        verdict=assessment.verdict,
        confidence=assessment.confidence,
        signs=thresholds.signs,
        unsure=thresholds.unsure,
        told={name: True for name, ticked in asdict(answers).items() if ticked},
        model=version,
        time=now,
        due=(now + timedelta(weeks=weeks)).date() if weeks else None,
        again=(now + timedelta(weeks=wording.LOOK_AGAIN_WEEKS)).date() if no_signs else None,
    )


def _rows(probabilities: tuple[float, ...]) -> tuple[ProbabilityRow, ...]:
    kinds = wording.kinds()
    ordered = sorted(zip(CLASSES, probabilities, strict=True), key=lambda pair: pair[1], reverse=True)
    return tuple(ProbabilityRow(dx, kinds[dx], dx in MALIGNANT, Percent(p)) for dx, p in ordered)


def _long_date(day: date) -> str:
    # "1 January 2030": the English of the pages is British, Babel's default is American.
    british = Locale("en", "GB")
    return format_date(day, "long", locale=british if get_locale().language == "en" else get_locale())


def _megabytes(size: int) -> str:
    return f"{format_decimal(size / 1e6, '#,##0.#')}\N{NO-BREAK SPACE}MB"


def _model_hashes(bundle: Bundle) -> tuple[tuple[str, str], ...]:
    """Names and SHA-256 of the files that hold the network itself, the saved Keras model first."""
    hashes = ((name, file.sha256) for name, file in bundle.contract.files.items())
    return tuple(pair for pair in hashes if pair[0].endswith((".keras", ".h5", ".tflite")))
