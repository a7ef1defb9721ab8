"""Up to 16 photos at once, for a clinic or a teacher: a table with small pictures, and the same as CSV."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from flask import Request

from webapp.answer.ahead import one_ahead
from webapp.answer.assessment import Assessment, Caution, Outcome, Urgency
from webapp.answer.diagnose import examine, read_photo
from webapp.answer.messages import PHOTO_MESSAGES
from webapp.answer.record import COLUMNS, Record, csv_row
from webapp.api.question import MAX_PHOTOS, AskedPhoto, read_question
from webapp.config import Settings, current_settings
from webapp.model.bundle import Bundle
from webapp.model.predictor import Predictor
from webapp.photo import overlay
from webapp.photo.imaging import PhotoError, centre_square
from webapp.photo.overlay import Picture
from webapp.server.request_log import note
from webapp.site import wording
from webapp.site.advice import caution
from webapp.site.formats import Percent, megabytes
from webapp.site.forms import NoPhoto
from webapp.site.languages import gettext as _

THUMBNAIL_SIDE: Final = 192  # pixels; twice its width in the table, about 8 kB


@dataclass(frozen=True)
class Looked:
    """What came of one photo: its record, and for one that could be read its picture and assessment."""

    record: Record
    thumbnail: Picture | None = None
    assessment: Assessment | None = None
    error: str = ""


@dataclass(frozen=True)
class Row:
    """One photo in the table.

    Attributes:
        css_class: The outcome's; empty where the photo could not be read.
        caution: Why it is unsure although its number is low; empty otherwise.
        chance: ``None`` where there is no number, or none to rely on.
    """

    name: str
    thumbnail: Picture | None
    css_class: str
    answer: str
    caution: str
    chance: Percent | None
    advice: str


@dataclass(frozen=True)
class SeveralPage:
    """The form, with the answers for the photos that were sent last; ``error`` is a sentence or empty."""

    max_photos: int
    max_size: str
    error: str = ""
    rows: tuple[Row, ...] = ()
    csv: str = ""
    model_version: str = ""


def read_photos(request: Request) -> tuple[AskedPhoto, ...]:
    """Reads the form: the API's question, except that a form without a choice sends an empty file.

    Raises:
        PhotoError: There is no photo, or there are too many.
    """
    if not any(upload.filename for upload in request.files.getlist("photo")):
        raise NoPhoto
    return read_question(request)


def look(predictor: Predictor, photos: Sequence[AskedPhoto], settings: Settings) -> Iterator[Looked]:
    """Looks at one photo after the other, and keeps of each but a small picture."""
    version = predictor.bundle.contract.version
    reads = [partial(read_photo, asked.upload.stream, settings, asked.box) for asked in photos]
    for asked, read in zip(photos, one_ahead(reads), strict=True):
        name = asked.upload.filename or ""
        try:
            photo = read.result()
        except PhotoError as error:
            note(error=error.code)
            sentence = PHOTO_MESSAGES[error.code].sentence
            yield Looked(Record.unreadable(name, sentence, version), error=error.code)
            continue
        assessment = examine(predictor, photo, asked.answers, asked.box, asked.details)
        seen = photo.on_image(asked.box) or centre_square(*photo.image.size)
        thumbnail = overlay.shown_photo(photo.image, seen, THUMBNAIL_SIDE)
        yield Looked(Record.of(name, assessment, version), thumbnail, assessment)


def empty_page(error: PhotoError | None = None) -> SeveralPage:
    """Prepares the form, with what was wrong with what was sent."""
    sentence = _(PHOTO_MESSAGES[error.code].sentence) if error else ""
    return SeveralPage(MAX_PHOTOS, megabytes(current_settings().max_upload_bytes), sentence)


def answers_page(looked: Sequence[Looked], bundle: Bundle) -> SeveralPage:
    """Prepares the table and its CSV file."""
    return replace(
        empty_page(),
        rows=tuple(_row(each, bundle) for each in looked),
        csv=_csv_address(each.record for each in looked),
        model_version=bundle.contract.version,
    )


def _row(looked: Looked, bundle: Bundle) -> Row:
    name, assessment = looked.record.path or "", looked.assessment
    if assessment is None:
        message = PHOTO_MESSAGES[looked.error]
        return Row(name, None, "", _(message.title), "", None, _(message.sentence))
    answers = {
        Outcome.SIGNS: _("Signs of skin cancer detected."),
        Outcome.UNSURE: _("Unsure: have it looked at."),
        Outcome.NO_SIGNS: _("No signs of skin cancer detected."),
        Outcome.CANNOT_JUDGE: _("This photo cannot be judged."),
    }
    advice = {
        Urgency.ONE_WEEK: _("Show it to a doctor within one week."),
        Urgency.TWO_WEEKS: _("Show it to a doctor within two weeks."),
        Urgency.FOUR_WEEKS: _("Show it to a doctor within four weeks."),
        Urgency.WATCH: _(
            "This is not an all-clear. Show it to a doctor if it is new, changes, bleeds, does not heal or "
            "worries you. Otherwise look again in four weeks."
        ),
        Urgency.NONE: " ".join(
            f"{check.title}. {check.remedy}"
            for check in wording.checks(assessment.reasons, bundle.contract.gate)
            if check.failed
        ),
    }
    what_to_do = advice[assessment.urgency]
    if Caution.SMALL_SPOT in assessment.cautions:
        what_to_do += f" {_('Send it again, larger')}."
    outcome = assessment.outcome
    has_number = outcome is not Outcome.CANNOT_JUDGE and assessment.reliable
    return Row(
        name,
        looked.thumbnail,
        outcome.replace("_", "-"),
        answers[outcome],
        caution(assessment),
        Percent(assessment.malignancy) if has_number else None,
        what_to_do,
    )


def _csv_address(records: Iterator[Record]) -> str:
    """Returns the CSV file of the command line as an address: nothing of it stays here to be fetched."""
    lines = [csv_row(COLUMNS), *(record.to_csv() for record in records)]
    # With the mark that spreadsheets need to read letters beyond ASCII.
    content = base64.b64encode("".join(lines).encode("utf-8-sig")).decode()
    return f"data:text/csv;charset=utf-8;base64,{content}"
