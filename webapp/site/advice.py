"""What stands at the top of an answer: the outcome, what to do and by when.

Words of everyday life, never a diagnosis as headline, never an all-clear. All functions need a request: they
translate into its language.
"""

from dataclasses import dataclass
from datetime import date

from babel.lists import format_list
from flask import url_for
from markupsafe import Markup

from webapp.answer.assessment import Answers, Assessment, Caution, Outcome, Urgency
from webapp.answer.messages import CAUTION_SENTENCES
from webapp.site.figures import Frequencies
from webapp.site.formats import day_and_month
from webapp.site.languages import current_locale
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
class Notice:
    """Why the answer or its time is not the one of the photo alone."""

    title: str
    text: str


def within(urgency: Urgency) -> str:
    """Says an advised time in words."""
    words: dict[Urgency, str] = {
        Urgency.ONE_WEEK: _("within one week"),
        Urgency.TWO_WEEKS: _("within two weeks"),
        Urgency.FOUR_WEEKS: _("within four weeks"),
    }
    return words[urgency]


def banner(assessment: Assessment, frequencies: Frequencies | None) -> Banner:
    """Says the outcome.

    Args:
        assessment: The answer.
        frequencies: What the test tells about this answer; ``None`` if nobody has measured it.
    """
    outcome, urgency = assessment.outcome, assessment.urgency
    if outcome is Outcome.SIGNS:
        return Banner(
            _("Signs of skin cancer detected."),
            _("See a doctor %(within)s.", within=within(urgency)),
            _right(frequencies)
            or _("The model found something in this photo that it has often seen in skin cancer."),
        )
    if outcome is Outcome.UNSURE:
        lead = caution(assessment) or _cannot_rule_out(frequencies)
        return Banner(_("Unsure:"), _("have it looked at %(within)s.", within=within(urgency)), lead)
    if outcome is Outcome.NO_SIGNS:
        return Banner(
            _("No signs of skin cancer detected."),
            _("Know when to go anyway."),
            _("This does not rule it out.") + f" {_missed(frequencies)}",
        )
    return Banner(
        _("This photo cannot be judged."),
        _("Please take a new one."),
        _("Any answer would be a guess, so we give none. This says nothing about your spot, good or bad."),
    )


def _few_tested(frequencies: Frequencies) -> str:
    text: str = _(
        "Too few photos in our test got this answer to say how safe it is: %(photos)s.",
        photos=frequencies.photos,
    )
    return text


def _missed(frequencies: Frequencies | None) -> str:
    if frequencies is None:
        return str(_("Nobody has measured how many cancers this model misses."))
    if frequencies.too_few:
        return _few_tested(frequencies)
    text: str = _(
        "In our test the model missed %(missed)s of 100 skin cancers.", missed=frequencies.cancers.no_signs
    )
    return text


def _right(frequencies: Frequencies | None) -> str:
    if frequencies is None or frequencies.right is None:
        return ""
    if frequencies.too_few:
        return _few_tested(frequencies)
    text: str
    if frequencies.right > 50:
        text = _(
            "In our test, which had more cancers than daily life, most spots with this answer were skin "
            "cancer or an early form: %(right)s of 100.",
            right=frequencies.right,
        )
    else:
        text = _(
            "In our test, which had more cancers than daily life, %(right)s of 100 spots with this answer "
            "were skin cancer or an early form.",
            right=frequencies.right,
        )
    return text


def _cannot_rule_out(frequencies: Frequencies | None) -> str:
    measured = _right(frequencies) or _("Have it looked at, even if it does not worry you.")
    text: str = _("We cannot rule out skin cancer.") + f" {measured}"
    return text


def caution(assessment: Assessment) -> str:
    """Says why the answer is unsure although its number is low; empty where the number made the answer."""
    return _(CAUTION_SENTENCES[assessment.cautions[0]]) if assessment.cautions else ""


def number_note(assessment: Assessment) -> Notice | None:
    """Says why the number and the answer do not say the same; ``None`` where they do. On a page a person has
    framed the spot, so that none was left out."""
    if not assessment.cautions:
        return None
    unreliable = _("Do not rely on this number.")
    notes = {
        Caution.UNUSUAL: Notice(
            unreliable,
            _("The photo is unlike those it was measured on, so the limits below may not hold for it."),
        ),
        Caution.SMALL_SPOT: Notice(
            unreliable, _("The spot is small in this photo, so the model saw few of its details.")
        ),
        Caution.DETAILS: Notice(
            _("This number is not the whole answer."),
            _("We say “no signs” only if it is low with and without age, sex and place."),
        ),
        Caution.SYMPTOMS: Notice(
            _("This number is not the whole answer."), _("It leaves out what you ticked.")
        ),
    }
    return notes.get(assessment.cautions[0])


def notice(assessment: Assessment, answers: Answers) -> Notice | None:
    """Says what made the answer more urgent than the photo alone; ``None`` if nothing did."""
    if answers.any:
        return Notice(_("Your answers count."), _answers_told(assessment, answers))
    if assessment.outcome is Outcome.UNSURE and assessment.looks_like_melanoma:
        return Notice(
            _("Two weeks, not four."),
            _("The spot has something of a melanoma, the most dangerous skin cancer. So go sooner."),
        )
    return None


def _answers_told(assessment: Assessment, answers: Answers) -> str:
    told = (
        (answers.changed, _("has changed in size, shape or colour")),
        (answers.symptoms, _("bleeds, itches or does not heal")),
        (answers.different, _("looks unlike your other spots")),
    )
    facts = format_list([fact for ticked, fact in told if ticked], locale=current_locale())
    text: str
    if assessment.raised_by_answers:
        text = _(
            "The model saw no signs in the photo. But you told us that the spot %(facts)s. "
            "So we say: have it looked at.",
            facts=facts,
        )
    elif assessment.outcome is Outcome.CANNOT_JUDGE:
        text = _(
            "Have the spot looked at %(within)s, whatever a photo shows.", within=within(assessment.urgency)
        )
    else:
        text = _(
            "You told us that the spot %(facts)s. So go sooner than for the photo alone: %(within)s.",
            facts=facts,
            within=within(assessment.urgency),
        )
    return text


def steps(assessment: Assessment, due: date | None) -> tuple[Step, ...]:
    """Says what to do now, most important first. Empty where no visit is advised for this answer.

    Args:
        assessment: The answer.
        due: By when a doctor should look at the spot.
    """
    outcome = assessment.outcome
    if due is None or outcome is Outcome.CANNOT_JUDGE:
        return ()
    day = {"day": day_and_month(due)}
    call = _("Call your doctor or a skin doctor.")
    take_along = Step(
        _("Take this page with you"),
        Markup(_('<a href="#keep">Print it or keep it</a> before you leave. We keep no copy.')),
    )
    sooner = Step(
        _("Ask sooner if it changes"), _("A lower number in a second photo does not cancel the visit.")
    )
    if outcome is Outcome.SIGNS:
        say = _("Say: “I have a spot that needs a check for skin cancer.”")
        alone = Step(_("Leave the spot alone"), _("Do not cut, burn or treat it."))
        return (Step(Markup(_("See a doctor by %(day)s")) % day, f"{call} {say}"), take_along, alone, sooner)
    say = _("Say: “I have a spot that I would like you to check.”")
    if Caution.SMALL_SPOT in assessment.cautions:
        again = Step(
            _("Send it again, larger"),
            Markup(
                _(
                    '<a href="%(start)s">Take or choose the photo again</a>, and put the spot so that it '
                    "fills about half of the frame. Without a frame: go closer."
                )
            )
            % {"start": url_for("views.start")},
        )
        if assessment.replaceable:
            return (again, Step(Markup(_("Or see a doctor by %(day)s")) % day, f"{call} {say}"), take_along)
        return (Step(Markup(_("See a doctor by %(day)s")) % day, f"{call} {say}"), again, take_along)
    return (Step(Markup(_("See a doctor by %(day)s")) % day, f"{call} {say}"), take_along, sooner)


def look_again(day: date) -> Markup:
    """Says when to look at a harmless-looking spot again."""
    return Markup(_("Look again by %(day)s, from the same distance, in the same light, and compare.")) % {
        "day": day_and_month(day)
    }


def another_spot(assessment: Assessment) -> str:
    """Says what a further photo can change."""
    text: str
    outcome = assessment.outcome
    if outcome is Outcome.SIGNS:
        text = _(
            "A second photo of the same spot cannot cancel this answer. "
            "Keep your visit, whatever another photo says."
        )
    elif assessment.replaceable:
        text = _(
            "You can send the same spot again, larger: if no signs are found then, that answer counts "
            "instead of this one. Or send a different spot."
        )
    elif Caution.SMALL_SPOT in assessment.cautions:
        text = _(
            "You can send the same spot again, larger, or a different one. "
            "Keep your visit, whatever another photo says."
        )
    elif outcome is Outcome.UNSURE:
        text = _("You can send a photo of a different spot. This answer stays as it is.")
    else:
        text = _("Each photo is looked at on its own. Send one spot at a time.")
    return text
