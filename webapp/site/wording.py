"""What the pages say about an answer: every sentence that depends on the outcome, in one place.

Words of everyday life, never a diagnosis as headline, never an all-clear. All functions need a
request: they translate into its language.
"""

from dataclasses import dataclass
from typing import Final

from babel.lists import format_list
from flask_babel import get_locale
from markupsafe import Markup

from webapp.answer.assessment import Answers, Assessment, Outcome, Reason
from webapp.answer.messages import PHOTO_MESSAGES, status_message
from webapp.model.contract import Gate
from webapp.site.languages import gettext as _


@dataclass(frozen=True)
class Banner:
    """The headline of an answer: its verdict, what to do, and what it means."""

    verdict: str
    call: str
    lead: str


@dataclass(frozen=True)
class Step:
    """One numbered piece of advice."""

    title: str
    text: str


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


LOOK_AGAIN_WEEKS: Final = 4  # "Look again in four weeks", below


def within(weeks: int) -> str:
    """Says an advised time in words."""
    words: dict[int, str] = {
        1: _("within one week"),
        2: _("within two weeks"),
        4: _("within four weeks"),
    }
    return words[weeks]


def banner(outcome: Outcome, weeks: int, missed: int | None) -> Banner:
    """Says the outcome.

    Args:
        outcome: The answer.
        weeks: Within how many a doctor should look at the spot; 0 if no visit is advised.
        missed: Of 100 cancers in the test, how many end as ``no_signs``; ``None`` if not measured.
    """
    if outcome is Outcome.SIGNS:
        return Banner(
            _("Signs of skin cancer detected."),
            _("See a doctor soon."),
            _(
                "The model found something in this photo that it has often seen in skin cancer. This does "
                "not mean that you have cancer. It means that a doctor should look at this spot %(within)s.",
                within=within(weeks),
            ),
        )
    if outcome is Outcome.UNSURE:
        return Banner(
            _("Unsure:"),
            _("have it looked at."),
            _(
                "We cannot rule out skin cancer. Ask a doctor to look at this spot %(within)s, even if it "
                "does not worry you.",
                within=within(weeks),
            ),
        )
    if outcome is Outcome.NO_SIGNS:
        nothing_found = _("The model found nothing in this photo that it links with skin cancer.")
        if missed is None:
            caution = _("This is not an all-clear: nobody has measured how many cancers this model misses.")
        else:
            caution = _(
                "This is not an all-clear: in our test it missed %(missed)s of 100 cancers.", missed=missed
            )
        return Banner(
            _("No signs of skin cancer detected."), _("Know when to go anyway."), f"{nothing_found} {caution}"
        )
    return Banner(
        _("This photo cannot be judged."),
        _("Please take a new one."),
        _("Any answer would be a guess, so we give none. This says nothing about your spot, good or bad."),
    )


def steps(outcome: Outcome, weeks: int) -> tuple[Step, ...]:
    """Says what to do now. Empty for ``cannot_judge``, where the page offers a new photo instead."""
    if outcome is Outcome.CANNOT_JUDGE:
        return ()
    if outcome is Outcome.NO_SIGNS:
        return (
            Step(
                _("Look again in four weeks"),
                _("Take a photo now and one then, from the same distance, in the same light. Compare them."),
            ),
            Step(
                _("Show it at your next visit"), _("Ask your doctor to look at it when you are there anyway.")
            ),
        )
    book = _("Book a visit %(within)s", within=within(weeks))
    call = _("Call your doctor or a skin doctor (dermatologist).")
    print_it = Markup(_('<a href="#keep">Print it or keep it</a> before you close it. We keep no copy.'))
    take_along = Step(_("Take this page with you"), print_it)
    if outcome is Outcome.SIGNS:
        say = _("You can say: “I have a spot that needs a check for skin cancer.”")
        return (
            Step(book, f"{call} {say}"),
            take_along,
            Step(
                _("Leave the spot alone"),
                _(
                    "Do not cut, burn, scratch or treat it. "
                    "That makes it harder for the doctor to see what it is."
                ),
            ),
            Step(
                _("Call again if it changes"),
                _("If it grows or bleeds before your visit, ask to be seen sooner."),
            ),
        )
    say = _("You can say: “I have a spot that I would like you to check.”")
    return (
        Step(book, f"{call} {say}"),
        take_along,
        Step(
            _("Watch it until then"),
            _("If it grows, changes or bleeds more, do not wait. Ask to be seen sooner."),
        ),
        Step(
            _("Do not try photo after photo"),
            _("One photo that says “no signs” does not cancel this answer."),
        ),
    )


def another_spot(outcome: Outcome) -> str:
    """Says what a further photo can change."""
    text: str
    if outcome is Outcome.SIGNS:
        text = _(
            "A second photo of the same spot cannot cancel this answer. "
            "Keep your visit, whatever another photo says."
        )
    elif outcome is Outcome.UNSURE:
        text = _("You can send a photo of a different spot. This answer stays as it is.")
    else:
        text = _("Each photo is looked at on its own. Send one spot at a time.")
    return text


def answers_given(answers: Answers) -> tuple[str, ...]:
    """Repeats the ticked questions, as they stand on the form."""
    told = (
        (answers.changed, _("It has changed in size, shape or colour")),
        (answers.symptoms, _("It bleeds, itches or does not heal")),
        (answers.different, _("It looks unlike my other spots")),
    )
    return tuple(sentence for ticked, sentence in told if ticked)


def answers_notice(assessment: Assessment, answers: Answers, weeks: int) -> str:
    """Says what the ticked questions did to the answer; empty if nothing was ticked."""
    if not answers.any:
        return ""
    told = (
        (answers.changed, _("has changed in size, shape or colour")),
        (answers.symptoms, _("bleeds, itches or does not heal")),
        (answers.different, _("looks unlike your other spots")),
    )
    facts = format_list([fact for ticked, fact in told if ticked], locale=get_locale())
    notice: str
    if assessment.raised_by_answers:
        notice = _(
            "The model saw no signs in the photo. But you told us that the spot %(facts)s. "
            "So we say: have it looked at.",
            facts=facts,
        )
    elif assessment.outcome is Outcome.CANNOT_JUDGE:
        notice = _(
            "You told us that the spot %(facts)s. Have it looked at %(within)s, whatever a photo shows.",
            facts=facts,
            within=within(weeks),
        )
    else:
        notice = _(
            "You told us that the spot %(facts)s. So go sooner than for the photo alone: %(within)s.",
            facts=facts,
            within=within(weeks),
        )
    return notice


def site_names() -> dict[str, str]:
    """Names the places on the body, by the values of the form's field ``site``."""
    return {
        "head_neck": _("Head or neck"),
        "trunk": _("Chest, belly or back"),
        "arm": _("Arm"),
        "hand": _("Hand"),
        "leg": _("Leg"),
        "foot": _("Foot"),
        "genital": _("Genital area"),
    }


def outcome_names() -> dict[str, str]:
    """Names the answers that can be kept, in two or three words."""
    return {
        Outcome.SIGNS: _("Signs of skin cancer"),
        Outcome.UNSURE: _("Unsure"),
        Outcome.NO_SIGNS: _("No signs found"),
    }


def kinds() -> dict[str, Kind]:
    """Says what each ``dx`` of HAM10000 is."""
    cancer, harmless = _("Cancer"), _("Harmless")
    return {
        "akiec": Kind(
            _("Actinic keratosis or Bowen’s disease"),
            _("Early form of cancer"),
            _("Rough, scaly patches from years of sun. Left alone, some turn into skin cancer."),
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
    failed = {
        Reason.UNFAMILIAR: Check(
            True,
            _("We could not find one clear spot"),
            _(
                "Put one spot in the middle, so that it fills about half of the photo. The model knows seven "
                "kinds of skin spot: no rashes, wounds, nails or anything else."
            ),
        ),
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
    done = [reason for reason in failed if reason not in limits or limits[reason] is not None]
    return tuple(failed[reason] for reason in done if reason in reasons) + tuple(
        passed[reason] for reason in done if reason not in reasons
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


def error(status: int, code: str | None, max_size: str) -> tuple[str, str, tuple[str, ...]]:
    """Says what went wrong and what to do now.

    Args:
        status: The HTTP status, one of ``messages.STATUS_MESSAGES``.
        code: ``csrf`` where a 400 is the form's protection.
        max_size: The largest photo that is taken, as ``15 MB``.

    Returns:
        Title, explanation and steps.
    """
    not_kept = _("We did not look at your photo and did not keep it.")
    to_start = _("Open the start page and send the photo from there.")
    wait = _("Wait a few minutes, then try again.")
    if code == "csrf":
        message = PHOTO_MESSAGES[code]
        return (
            _(message.title),
            _("So that nobody can send photos in your name, we take them from our own form only.")
            + f" {not_kept}",
            (_("Allow cookies for this site."), to_start),
        )
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
        413: (
            _("We can take photos up to %(size)s. Yours was larger.", size=max_size) + f" {not_kept}",
            (
                _("Crop the photo so that it shows only the spot and a little skin around it."),
                _("Or take a screenshot of the photo on your phone and send that."),
                _("Or send it to yourself by e-mail in size “medium”."),
            ),
        ),
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
        500: (
            _("We have noted what happened and will look into it.") + f" {not_kept}",
            (wait, _("If it happens again, try another photo.")),
        ),
        503: (
            _("Many people are sending photos right now.") + f" {not_kept}",
            (_("Try again in a minute."),),
        ),
    }
    return _(status_message(status).title), *texts[status]
