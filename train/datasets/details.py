"""What collections know of a person beside the photo, in the words in which the app asks for it."""

from collections.abc import Mapping
from typing import Final

from train.datasets.dataset import Record
from webapp.answer.details import MAX_AGE, Details, Sex, Site

SITES: Final[Mapping[str, Site]] = {
    **dict.fromkeys(("scalp", "face", "ear", "neck", "nose", "lip", "head/neck"), Site.HEAD_NECK),
    **dict.fromkeys(("trunk", "back", "chest", "abdomen"), Site.TRUNK),
    **dict.fromkeys(("upper extremity", "arm", "forearm"), Site.ARM),
    "hand": Site.HAND,
    **dict.fromkeys(("lower extremity", "thigh", "leg"), Site.LEG),
    "foot": Site.FOOT,
    "genital": Site.GENITAL,
}
"""HAM10000's ``localization`` and PAD-UFES-20's ``region``. "Acral" may be a hand or a foot: it is left out
like "unknown", as is whatever stands here under no name."""


def details_of(record: Record) -> Details:
    """Returns what is known of the person; what is not, or is no age, sex or place that the app knows, is
    ``None``."""
    sex = record.sex.lower()
    known_age = record.age is not None and 0 <= record.age <= MAX_AGE
    return Details(
        age=round(record.age) if record.age is not None and known_age else None,
        sex=Sex(sex) if sex in frozenset(Sex) else None,
        site=SITES.get(record.localization.lower()),
    )
