"""The view model of an answer: everything that its page shows, worked out and translated.

Every figure comes from the answer, the contract or ``metrics.json``; none is typed here.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from babel.lists import format_list
from markupsafe import Markup

from webapp.answer.assessment import Answers, Assessment, Outcome, Urgency
from webapp.answer.details import Details
from webapp.config import current_settings
from webapp.model.bundle import Bundle
from webapp.model.contract import PhotoKind
from webapp.model.labels import CLASSES, MALIGNANT
from webapp.photo import overlay
from webapp.photo.imaging import Box, Photo, centre_square
from webapp.photo.overlay import Picture
from webapp.site import advice, figures, wording
from webapp.site.formats import Percent, long_date, megabytes
from webapp.site.keeping import KeptAnswer
from webapp.site.languages import current_locale
from webapp.site.languages import gettext as _

LOOK_AGAIN_WEEKS: Final = 4


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
        malignancy: The estimated chance of cancer, which decides the answer unless there is a ``note``.
        signs: From here on the answer is ``signs``.
        unsure: From here on it is ``unsure``.
        zone: The outcome that this number alone would have.
        note: Why number and answer do not say the same, where they do not.
        reliable: Whether the number may be relied on.
        phone: Whether the photo was held against the limits for phone photos.
        frequencies: Measured with photos of its kind; ``None`` for a model without figures.
    """

    of_cancer: bool
    value: Percent
    malignancy: Percent
    signs: Percent
    unsure: Percent
    zone: Outcome
    note: advice.Notice | None
    reliable: bool
    phone: bool
    frequencies: figures.Frequencies | None


@dataclass(frozen=True)
class Told:
    """What the person said, as terms and their values, and what age, sex and place did to the number.

    ``asks_details`` is false for a model that does not know what these three mean.
    """

    facts: tuple[tuple[str, tuple[str, ...]], ...]
    asks_details: bool
    details_counted: bool


@dataclass(frozen=True)
class ResultPage:
    """The answer for one photo. What an outcome or a model does not have is ``None`` or empty."""

    outcome: Outcome
    css_class: str
    banner: advice.Banner
    notice: advice.Notice | None
    steps: tuple[advice.Step, ...]
    look_again: Markup
    another_spot: str
    checks: tuple[wording.Check, ...]
    photo: Picture
    whole_photo: bool
    only_middle: bool
    has_heat_map: bool
    heat_map: Picture | None
    peak: str | None
    confidence: Confidence | None
    told: Told
    rows: tuple[ProbabilityRow, ...]
    has_classes: bool
    size: str
    model_version: str
    model_hash: str
    time: datetime
    time_text: str
    max_size: str
    kept: KeptAnswer | None


def result_page(
    assessment: Assessment,
    photo: Photo,
    answers: Answers,
    details: Details,
    bundle: Bundle,
    box: Box | None = None,
) -> ResultPage:
    """Prepares the page for one answer.

    Args:
        assessment: The answer.
        photo: The photo that it is about.
        answers: What the person ticked about the spot.
        details: What the person said about age, sex and place.
        bundle: The model that gave the answer.
        box: The part that the model saw, in pixels of the photo as it was sent; the centre square if
            ``None``.
    """
    outcome, prediction = assessment.outcome, assessment.prediction
    judged = outcome is not Outcome.CANNOT_JUDGE
    confidence = _confidence(assessment, bundle) if judged else None
    activation = prediction.activation_map if judged else None
    peak = None if activation is None else overlay.peak(activation)
    width, height = photo.size
    seen = photo.on_image(box) or centre_square(*photo.image.size)
    whole_photo = not judged or seen == (0, 0, *photo.image.size)
    now = datetime.now(UTC)
    return ResultPage(
        outcome=outcome,
        css_class=outcome.replace("_", "-"),
        banner=advice.banner(assessment, confidence.frequencies if confidence else None),
        notice=advice.notice(assessment, answers),
        steps=advice.steps(assessment, due(assessment.urgency, now.date())),
        look_again=advice.look_again(now.date() + timedelta(weeks=LOOK_AGAIN_WEEKS)),
        another_spot=advice.another_spot(assessment),
        checks=() if judged else wording.checks(assessment.reasons, bundle.contract.gate),
        photo=overlay.shown_photo(photo.image, seen if judged else None),
        whole_photo=whole_photo,
        only_middle=box is None and not whole_photo,
        has_heat_map=activation is not None,
        heat_map=None if activation is None or peak is None else overlay.heat_map(activation),
        peak=wording.place(*peak) if peak else None,
        confidence=confidence,
        told=_told(assessment, answers, details, bundle),
        rows=_rows(assessment.probabilities) if judged and assessment.probabilities else (),
        has_classes=prediction.probabilities is not None,
        size=_("%(width)s × %(height)s points", width=width, height=height),
        model_version=bundle.contract.version,
        model_hash=bundle.model_hashes[0][1][:12],
        time=now,
        time_text=f"{long_date(now)}, {now:%H:%M} UTC",
        max_size=megabytes(current_settings().max_upload_bytes),
        kept=_kept(assessment, answers, details, bundle.contract.version, now),
    )


def due(urgency: Urgency, today: date) -> date | None:
    """Returns the day by which a doctor should look at the spot; ``None`` if no visit is advised for this."""
    return None if urgency.weeks is None else today + timedelta(weeks=urgency.weeks)


def _confidence(assessment: Assessment, bundle: Bundle) -> Confidence:
    point, outcome = assessment.operating_point, assessment.outcome
    assert assessment.confidence is not None
    return Confidence(
        of_cancer=outcome is not Outcome.NO_SIGNS,
        value=Percent(assessment.confidence),
        malignancy=Percent(assessment.malignancy),
        signs=Percent(point.thresholds.signs, exact=True),
        unsure=Percent(point.thresholds.unsure, exact=True),
        zone=Outcome.NO_SIGNS if assessment.cautions else outcome,
        note=advice.number_note(assessment),
        reliable=assessment.reliable,
        phone=point.kind is PhotoKind.PHONE,
        frequencies=figures.frequencies(bundle.metrics, outcome, point.kind) if bundle.metrics else None,
    )


def _kept(
    assessment: Assessment, answers: Answers, details: Details, version: str, now: datetime
) -> KeptAnswer | None:
    if assessment.confidence is None:
        return None
    thresholds, watch = assessment.operating_point.thresholds, assessment.urgency is Urgency.WATCH
    told = asdict(answers) | asdict(details)
    return KeptAnswer(
        outcome=assessment.outcome,
        verdict=assessment.verdict,
        confidence=assessment.confidence,
        signs=thresholds.signs,
        unsure=thresholds.unsure,
        told={name: value for name, value in told.items() if value is not None and value is not False},
        model=version,
        time=now,
        due=due(assessment.urgency, now.date()),
        again=now.date() + timedelta(weeks=LOOK_AGAIN_WEEKS) if watch else None,
        replaceable=assessment.replaceable,
    )


def _told(assessment: Assessment, answers: Answers, details: Details, bundle: Bundle) -> Told:
    ticked = wording.answers_given(answers) or (_("None of the three"),)
    facts: list[tuple[str, tuple[str, ...]]] = [(_("You ticked"), ticked)]
    asks_details = bool(bundle.contract.details)
    if asks_details or details.any:
        open_ = _("Left open")
        sexes, sites = wording.sex_names(), wording.site_names()
        facts += [
            (_("Age"), (open_ if details.age is None else str(details.age),)),
            (_("Sex"), (sexes[details.sex] if details.sex else open_,)),
            (_("Place on the body"), (sites[details.site] if details.site else open_,)),
        ]
    if details.any and assessment.outcome is not Outcome.CANNOT_JUDGE:
        facts.append((_("How they counted"), (_counted(assessment, details),)))
    return Told(tuple(facts), asks_details, assessment.details_counted)


def _counted(assessment: Assessment, details: Details) -> str:
    if not assessment.details_counted:
        return str(_("Not at all: this model does not know what they mean for this photo."))
    named = (
        (details.age is not None, _("age")),
        (details.sex is not None, _("sex")),
        (details.site is not None, _("place")),
    )
    return str(
        _(
            "Photo alone: %(alone)s. With %(details)s: %(together)s.",
            alone=Percent(assessment.prediction.malignancy),
            details=format_list([name for given, name in named if given], locale=current_locale()),
            together=Percent(assessment.malignancy),
        )
    )


def _rows(probabilities: tuple[float, ...]) -> tuple[ProbabilityRow, ...]:
    kinds = wording.kinds()
    ordered = sorted(zip(CLASSES, probabilities, strict=True), key=lambda pair: pair[1], reverse=True)
    return tuple(ProbabilityRow(dx, kinds[dx], dx in MALIGNANT, Percent(p)) for dx, p in ordered)
