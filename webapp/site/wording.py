"""What the pages call things: questions, kinds of spot, checks of a photo, places, errors.

All functions need a request: they translate into its language.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from webapp.answer.assessment import Answers, Outcome, Reason
from webapp.answer.details import Sex, Site
from webapp.answer.messages import FORM_CODES, PHOTO_MESSAGES, status_message
from webapp.model.contract import Gate
from webapp.site.languages import gettext as _
from webapp.site.languages import made_once


@dataclass(frozen=True)
class Kind:
    """One of the seven diagnoses in plain words."""

    name: str
    group: str
    explanation: str


@dataclass(frozen=True)
class Check:
    """One thing that a photo is checked for, with what to do where it failed."""

    failed: bool
    title: str
    remedy: str = ""


def answers_given(answers: Answers) -> tuple[str, ...]:
    """Repeats the ticked questions, as they stand on the form."""
    told = (
        (answers.changed, _("It has changed in size, shape or colour")),
        (answers.symptoms, _("It bleeds, itches or does not heal")),
        (answers.different, _("It looks unlike my other spots")),
    )
    return tuple(sentence for ticked, sentence in told if ticked)


@made_once
def sex_names() -> Mapping[str, str]:
    """Names each :class:`webapp.answer.details.Sex`."""
    return {Sex.FEMALE: _("Female"), Sex.MALE: _("Male")}


@made_once
def site_names() -> Mapping[str, str]:
    """Names each :class:`webapp.answer.details.Site` in everyday words."""
    return {
        Site.HEAD_NECK: _("Head, face or neck"),
        Site.TRUNK: _("Chest, belly or back"),
        Site.ARM: _("Arm or shoulder"),
        Site.HAND: _("Hand"),
        Site.LEG: _("Leg or hip"),
        Site.FOOT: _("Foot"),
        Site.GENITAL: _("Genital area"),
    }


def outcome_names() -> dict[str, str]:
    """Names the answers that can be kept, in two or three words."""
    return {
        Outcome.SIGNS: _("Signs of skin cancer"),
        Outcome.UNSURE: _("Unsure"),
        Outcome.NO_SIGNS: _("No signs found"),
    }


@made_once
def kinds() -> Mapping[str, Kind]:
    """Says what each ``dx`` of HAM10000 is."""
    cancer, harmless = _("Cancer"), _("Harmless")
    return {
        "akiec": Kind(
            _("Actinic keratosis, Bowen’s disease or squamous cell carcinoma"),
            _("Cancer or an early form"),
            _(
                "Rough, scaly patches from years of sun, or the cancer that some of them turn into. "
                "That cancer can spread, so it needs treatment."
            ),
        ),
        "bcc": Kind(
            _("Basal cell carcinoma"),
            cancer,
            _("The most common skin cancer. It grows slowly and rarely spreads, but it needs treatment."),
        ),
        "bkl": Kind(
            _("Age spot or similar growth"),
            harmless,
            _("Brown, often rough or waxy (benign keratosis). It comes with age and sun."),
        ),
        "df": Kind(_("Dermatofibroma"), harmless, _("A small firm bump in the skin, often on the leg.")),
        "mel": Kind(
            _("Melanoma"),
            cancer,
            _("The most dangerous skin cancer. Found early, it can usually be cured by cutting it out."),
        ),
        "nv": Kind(_("Mole"), harmless, _("A common mole (nevus). Most people have many.")),
        "vasc": Kind(
            _("Blood-vessel spot"),
            harmless,
            _("A red or purple spot made of small blood vessels (vascular lesion)."),
        ),
    }


def checks(reasons: tuple[Reason, ...], gate: Gate) -> tuple[Check, ...]:
    """Lists what a photo was checked for: what failed first, with what to do; then what is fine.

    Args:
        reasons: Why the photo cannot be judged.
        gate: What the model checks besides the photo's size.
    """
    one_spot = _(
        "Send the photo again and put the frame around one spot, so that it fills about half of the frame. "
        "Without a frame: go closer."
    )
    failed = {
        Reason.UNFAMILIAR: Check(
            True,
            _("We could not find one clear spot"),
            _(
                "Put one spot in the middle, so that it fills about half of the photo. The model knows seven "
                "kinds of skin spot: no rashes, wounds, nails or anything else."
            ),
        ),
        Reason.NO_SINGLE_SPOT: Check(True, _("We see no single spot"), one_spot),
        Reason.SEVERAL_SPOTS: Check(True, _("This looks like more than one spot"), one_spot),
        Reason.TOO_DARK: Check(
            True,
            _("Too dark"),
            _("Take it in daylight, by a window or outside, without your shadow on the spot."),
        ),
        Reason.BLURRED: Check(
            True,
            _("Not sharp"),
            _("Hold the phone still, about 10 cm away. Tap on the spot, so that the camera focuses on it."),
        ),
        Reason.GLARE: Check(
            True,
            _("Too much glare"),
            _("Part of the photo is pure white. Switch the flash off and turn away from the lamp."),
        ),
        Reason.TOO_SMALL: Check(
            True,
            _("Too few details"),
            _("The photo has too few points. Send the original photo, not a small copy of it."),
        ),
        Reason.TOO_NARROW: Check(
            True,
            _("Too long and narrow"),
            _(
                "We look at the square in the middle. Of this strip that is only a small part. "
                "Send the whole photo."
            ),
        ),
    }
    passed = {
        Reason.UNFAMILIAR: Check(False, _("Looks like a spot on skin")),
        Reason.TOO_DARK: Check(False, _("Bright enough")),
        Reason.BLURRED: Check(False, _("Sharp enough")),
        Reason.GLARE: Check(False, _("No glare")),
        Reason.TOO_SMALL: Check(False, _("Large enough")),
        Reason.TOO_NARROW: Check(False, _("Not too narrow")),
    }
    limits = {
        Reason.UNFAMILIAR: gate.unfamiliarity,
        Reason.TOO_DARK: gate.brightness,
        Reason.BLURRED: gate.sharpness,
        Reason.GLARE: gate.glare,
    }
    done = [reason for reason in passed if reason not in limits or limits[reason] is not None]
    not_one = {Reason.UNFAMILIAR, Reason.NO_SINGLE_SPOT, Reason.SEVERAL_SPOTS}
    wrong = {*reasons, *(not_one if not_one & {*reasons} else ())}  # none of them looks like a spot on skin
    return tuple(check for reason, check in failed.items() if reason in reasons) + tuple(
        passed[reason] for reason in done if reason not in wrong
    )


def place(row: int, column: int) -> str:
    """Names a ninth of the photo.

    Args:
        row: 0 (upper) to 2 (lower).
        column: 0 (left) to 2 (right).
    """
    places: tuple[tuple[str, ...], ...] = (
        (
            _("the upper left of the photo"),
            _("the upper middle of the photo"),
            _("the upper right of the photo"),
        ),
        (_("the left side of the photo"), _("the middle of the photo"), _("the right side of the photo")),
        (
            _("the lower left of the photo"),
            _("the lower middle of the photo"),
            _("the lower right of the photo"),
        ),
    )
    return places[row][column]


def error(status: int, code: str | None, max_size: str, several: bool) -> tuple[str, str, tuple[str, ...]]:
    """Says what went wrong and what to do now.

    Args:
        status: The HTTP status, one of ``messages.STATUS_MESSAGES``.
        code: One of ``messages.FORM_CODES`` where a 400 is the form's protection.
        max_size: The largest photo that is taken, as ``15 MB``.
        several: Whether many photos were sent at once.

    Returns:
        Title, explanation and steps.
    """
    not_kept = _("We did not look at your photo and did not keep it.")
    to_start = _("Open the start page and send the photo from there.")
    again = _("Open the start page again, choose the photo once more and send it from there.")
    if several:
        not_kept = _("We did not keep your photos.")
        again = _("Open “Many photos at once” again, choose the photos once more and send them from there.")
        to_start = again
    wait = _("Wait a few minutes, then try again.")
    if code in FORM_CODES:
        return (
            _(PHOTO_MESSAGES[code].title),
            _("So that nobody can send photos in your name, we take them from our own form only.")
            + f" {not_kept}",
            _refused_form(code, to_start, again),
        )
    if code in ("missing_field", "form_too_long"):
        message = PHOTO_MESSAGES[code]
        return _(message.title), f"{_(message.sentence)} {not_kept}", (to_start,)
    texts: dict[int, tuple[str, tuple[str, ...]]] = {
        400: (_("Your browser sent something that we did not understand."), (to_start,)),
        401: (_("Only programs with a key of this server may send photos here."), (to_start,)),
        404: (
            _(
                "The page may have moved, or the address has a mistake. "
                "A result has no address: it is not stored."
            ),
            (_("Check the address."), _("Or begin at the start page.")),
        ),
        405: (_("You can open the start page, and send a photo from there."), (to_start,)),
        408: (
            _("The connection was too slow, or it broke while your photo was on its way.") + f" {not_kept}",
            (
                _("Go to where the connection is better, then send the photo again."),
                _("Or crop the photo so that it shows only the spot and a little skin around it."),
            ),
        ),
        413: (
            _("We can take photos up to %(size)s. Yours was larger.", size=max_size) + f" {not_kept}",
            (
                _("Crop the photo so that it shows only the spot and a little skin around it."),
                _("Or take a screenshot of the photo on your phone and send that."),
                _("Or send it to yourself by e-mail in size “medium”."),
            ),
        ),
        414: (_("The address that you opened has far more letters than any page of ours."), (to_start,)),
        415: (
            _("We can read JPEG, PNG, WebP, HEIC and AVIF files.") + f" {not_kept}",
            (
                _("Take the photo with your phone’s camera app and send it as it is."),
                _("Or take a screenshot of it and send that."),
            ),
        ),
        422: (
            _("A part of the file is missing or broken.") + f" {not_kept}",
            (_("Take the photo again."), _("Or choose another copy of it.")),
        ),
        429: (
            _("So that everybody gets an answer, we take only so many photos in a row from one place."),
            (wait,),
        ),
        431: (
            _("It may hold many cookies, or an extension adds to what it sends."),
            (_("Delete the cookies of this site."), _("Or use another browser."), to_start),
        ),
        500: (
            _("Something failed while we worked on it. We did not keep your photo."),
            (wait, _("If it happens again, try another photo.")),
        ),
        503: (
            _("Many people are sending photos right now.") + f" {not_kept}",
            (_("Try again in a minute."),),
        ),
    }
    if several and status in (own := _errors_of_several(max_size, not_kept)):
        return own[status]
    return _(status_message(status).title), *texts[status]


def _errors_of_several(max_size: str, not_kept: str) -> dict[int, tuple[str, str, tuple[str, ...]]]:
    fewer = _("Send fewer photos at a time.")
    return {
        408: (
            _("Your photos took too long to reach us"),
            _("The connection was too slow, or it broke while your photos were on their way.")
            + f" {not_kept}",
            (_("Go to where the connection is better, then send the photos again."), fewer),
        ),
        413: (
            _("Too large to send at once"),
            _("We can take photos up to %(size)s in all. Yours were larger.", size=max_size) + f" {not_kept}",
            (fewer, _("Or crop each photo so that it shows only the spot and a little skin around it.")),
        ),
        500: (
            _(status_message(500).title),
            _("Something failed while we worked on them.") + f" {not_kept}",
            (_("Wait a few minutes, then try again."), _("If it happens again, try other photos.")),
        ),
    }


def _refused_form(code: str, to_start: str, again: str) -> tuple[str, ...]:
    steps: dict[str, tuple[str, ...]] = {
        "form_expired": (
            _("The form was opened a while ago, and we have started anew since then."),
            again,
        ),
        "form_cookies": (
            _("Allow cookies for this site. We need one to know our own form again, and delete it with it."),
            _("If you have deleted your cookies since, nothing needs to be changed."),
            to_start,
        ),
        "form_elsewhere": (_("Close the page that sent you here."), to_start),
        "form_hidden": (
            _("Switch off the extension or setting that hides the address of our page from us."),
            _("Or use another browser."),
            to_start,
        ),
        "form_token": (to_start, _("Programs send photos to another address: see “For programs” below.")),
    }
    return steps[code]
