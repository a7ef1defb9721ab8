"""What a person reads when a photo cannot be taken, or why a low number is not "no signs": the same
everywhere.

Pages translate these sentences; command line and API, which programs read, keep the English.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from webapp.answer.assessment import Caution


def N_(text: str) -> str:
    """Marks a text for the translation catalogue; the page translates it when it shows it."""
    return text


@dataclass(frozen=True)
class Message:
    """The HTTP status, what happened in a few words, and a sentence or two that say what to do."""

    status: int
    title: str
    sentence: str


PHOTO_MESSAGES: Final[Mapping[str, Message]] = {
    "missing": Message(400, N_("We need a photo"), N_("Choose a photo of one spot, then send it.")),
    "gone": Message(
        400,
        N_("We need a photo"),
        N_(
            "Your browser no longer has this photo. Choose it again. "
            "If you had an answer, its advice still stands."
        ),
    ),
    "two_photos": Message(
        400,
        N_("We need a photo"),
        N_("You sent two photos, one chosen and one taken. Send one at a time."),
    ),
    "missing_field": Message(
        400, N_("We need a photo"), N_("Send the photo as multipart/form-data in the field “photo”.")
    ),
    "form_too_long": Message(
        413,
        N_("This form is too long"),
        N_("Only photos may be large. Send each as a file in the field “photo”, and little else beside it."),
    ),
    "ambiguous_field": Message(
        400,
        N_("We could not read this request"),
        N_(
            "Send each field once, as a form field: not as a file and not in the address. Only “photo”, a "
            "file, and “box” may be there several times."
        ),
    ),
    "too_many_photos": Message(
        400, N_("Too many photos at once"), N_("Send at most 16 photos in one request, then the next ones.")
    ),
    "invalid_box": Message(
        400,
        N_("We could not read the box"),
        N_(
            "Send the box as left,top,right,bottom in pixels of the upright photo: "
            "one for each photo, or none at all."
        ),
    ),
    "invalid_flag": Message(
        400,
        N_("We could not read an answer"),
        N_("Send “changed”, “symptoms”, “different” and “heat_map” as true or false."),
    ),
    "invalid_age": Message(
        400,
        N_("We could not read the age"),
        N_("Give the age in whole years, from 0 to 120, or leave it out."),
    ),
    "invalid_sex": Message(
        400, N_("We could not read the sex"), N_("Give the sex as female or male, or leave it out.")
    ),
    "invalid_site": Message(
        400,
        N_("We could not read the place on the body"),
        N_("Give the place as head_neck, trunk, arm, hand, leg, foot or genital, or leave it out."),
    ),
    "form_expired": Message(
        400,
        N_("This form is too old"),
        N_("Open the start page again, choose the photo once more and send it from there."),
    ),
    "form_cookies": Message(
        400,
        N_("Your browser did not send our cookie"),
        N_("Allow cookies for this site, open the start page again and send the photo from there."),
    ),
    "form_elsewhere": Message(
        400,
        N_("This form came from another website"),
        N_("Open the start page of this site yourself and send the photo from there."),
    ),
    "form_hidden": Message(
        400,
        N_("Your browser does not say where this form came from"),
        N_(
            "Switch off the extension or setting that hides the address of our page from us, or use another "
            "browser. Then open the start page again and send the photo from there."
        ),
    ),
    "form_token": Message(
        400,
        N_("A part of the form is missing"),
        N_(
            "Open the start page and send the photo from there. "
            "Programs send it to /api/v1/predict, which needs no form."
        ),
    ),
    "empty": Message(
        400,
        N_("This file is empty"),
        N_("This file is empty. Wait until the photo is fully saved on your device, then choose it again."),
    ),
    "unsupported_format": Message(
        415,
        N_("This file is not a photo that we can read"),
        N_("This file is not a photo that we can read. Choose a JPEG, PNG, WebP, HEIC or AVIF file."),
    ),
    "animated": Message(
        415,
        N_("This file is an animation"),
        N_("This file is an animation. Choose a single photo of the spot."),
    ),
    "too_large": Message(
        413,
        N_("This photo is too large"),
        N_("This photo is too large. Crop it to the spot and a little skin around it, then try again."),
    ),
    "too_many_pixels": Message(
        413,
        N_("This photo has too many pixels"),
        N_(
            "This photo has too many pixels. Crop it to the spot and a little skin around it, then try again."
        ),
    ),
    "too_many_pixels_of_format": Message(
        413,
        N_("This photo has too many pixels for its kind of file"),
        N_(
            "This photo has too many pixels for its kind of file. Save it as an ordinary JPEG, or crop it to "
            "the spot and a little skin around it, then try again."
        ),
    ),
    "box_outside": Message(
        422,
        N_("The frame is not inside the photo"),
        N_("The frame around the spot is empty or leaves the photo. Set it again, or send the whole photo."),
    ),
    "frame_differs": Message(
        422,
        N_("The frame does not fit the photo"),
        N_(
            "Your browser showed this photo in another way than we read it, so we cannot tell which part you "
            "framed. Take a screenshot of the photo on your phone and send that."
        ),
    ),
    "damaged": Message(
        422,
        N_("This photo is damaged"),
        N_("This photo is damaged or was cut off on its way. Take it again, or choose another copy of it."),
    ),
}
"""By the ``code`` of a :class:`webapp.photo.imaging.PhotoError`, and those of ``FORM_CODES``."""

FORM_CODES: Final = frozenset({"form_expired", "form_cookies", "form_elsewhere", "form_hidden", "form_token"})
"""Why a form is refused before anybody looks at the photo."""

STATUS_MESSAGES: Final[Mapping[int, Message]] = {
    400: Message(400, N_("We could not read this request"), N_("Check the request and send it again.")),
    401: Message(
        401, N_("A key is needed here"), N_("Send your key in the header “Authorization: Bearer …”.")
    ),
    404: Message(404, N_("There is nothing at this address"), N_("Check the address.")),
    405: Message(
        405,
        N_("This address cannot be used like this"),
        N_("Use one of the methods that the Allow header names."),
    ),
    408: Message(
        408,
        N_("Your photo took too long to reach us"),
        N_(
            "The photo took too long to reach us. Go to where the connection is better, or crop the photo to "
            "the spot and a little skin around it, then send it again."
        ),
    ),
    413: Message(
        413,
        PHOTO_MESSAGES["too_large"].title,
        N_(
            "This request is too large. Crop each photo to the spot and a little skin around it, or send "
            "fewer at a time."
        ),
    ),
    414: Message(
        414, N_("This address is too long"), N_("Open the start page and send the photo from there.")
    ),
    415: PHOTO_MESSAGES["unsupported_format"],
    422: PHOTO_MESSAGES["damaged"],
    429: Message(429, N_("Too many photos in a short time"), N_("Wait a few minutes, then try again.")),
    431: Message(
        431,
        N_("Your browser sends too much with each request"),
        N_("Delete the cookies of this site, or use another browser, then try again."),
    ),
    500: Message(
        500,
        N_("Something went wrong on our side"),
        N_("The photo was not kept. Try again in a few minutes."),
    ),
    503: Message(
        503,
        N_("We are busy"),
        N_("The photo was not looked at and not kept. Try again in a minute."),
    ),
}
"""By HTTP status, for errors that have no code of their own."""

CAUTION_SENTENCES: Final[Mapping[Caution, str]] = {
    Caution.UNUSUAL: N_("This photo differs from those we were tested on. So we do not say “no signs”."),
    Caution.SMALL_SPOT: N_("The spot is small in this photo. So we do not say “no signs”."),
    Caution.OTHER_SPOT: N_(
        "There is another spot in this photo, which was not judged. So we do not say “no signs”."
    ),
    Caution.DETAILS: N_(
        "The chance of cancer is low only with your age, sex and place. From the photo alone it is "
        "higher. So we do not say “no signs”."
    ),
    Caution.SYMPTOMS: N_("You told us something that a doctor should look at, whatever the photo shows."),
}
"""Why an answer is unsure although its number is low. Where there are several cautions, the first is told."""


def status_message(status: int) -> Message:
    """Returns the message of an HTTP error; one without its own gets that of 400 or 500."""
    return STATUS_MESSAGES.get(status) or STATUS_MESSAGES[400 if status < 500 else 500]
