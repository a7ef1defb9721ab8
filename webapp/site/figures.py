"""How good the model is: ``metrics.json`` in the words and numbers of the pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask_babel import format_decimal

from webapp.answer.assessment import Outcome
from webapp.model.contract import PhotoKind
from webapp.model.labels import CLASSES
from webapp.site import drawings, wording
from webapp.site.languages import gettext as _

FEW: Final = 50
"""Photos around whose share the interval is 28 of 100 wide at most; 3 cancers of 15 may be 0 to 46 %."""


@dataclass(frozen=True)
class Ends:
    """Of 100 spots in the test, how many get which answer; together 100."""

    signs: int
    unsure: int
    no_signs: int
    cannot_judge: int


@dataclass(frozen=True)
class Frequencies:
    """How 100 cancers and 100 harmless spots of the test ended.

    The test holds more cancers than daily life does.

    Attributes:
        right: Of 100 spots of the test that got the answer at hand, how many were cancer; ``None`` where that
            was not counted, or where none got it.
        photos: How many photos of the test got it; ``None`` where that was not counted.
        of_cancers: How many of these showed a cancer.
    """

    cancers: Ends
    harmless: Ends
    right: int | None
    photos: int | None = None
    of_cancers: int = 0

    @property
    def too_few(self) -> bool:
        """Whether so few photos got the answer at hand that their share of cancers tells little."""
        return self.photos is not None and 0 < self.photos < FEW


@dataclass(frozen=True)
class Interval:
    """A measured value with its 95 % interval, as text; ``range`` is empty where there is no value."""

    value: str
    range: str


@dataclass(frozen=True)
class KindRow:
    """One line of the table of the seven kinds."""

    dx: str
    name: str
    found: Interval
    right: Interval
    photos: str


@dataclass(frozen=True)
class PhotosRow:
    """One line of the table of kinds of photo."""

    name: str
    score: Interval
    photos: str


@dataclass(frozen=True)
class MeasuredFigures:
    """How good the model is, from ``metrics.json``.

    Attributes:
        dark_skin: How many photos of the test are known to show skin of Fitzpatrick's types 5 and 6.
        phone_without_keratosis: The score of phone photos where actinic keratosis counts as harmless, as in
            PAD-UFES-20's own definition; empty where that was not measured.
    """

    photos: str
    frequencies: Frequencies
    kinds: tuple[KindRow, ...]
    auc: str
    roc: drawings.Roc
    calibration_error: str
    calibration: drawings.Calibration
    confusion: drawings.Confusion
    by_photos: tuple[PhotosRow, ...]
    dark_skin: int
    phone_without_keratosis: str


def frequencies(
    metrics: Mapping[str, Any], outcome: Outcome, kind: PhotoKind = PhotoKind.DERMATOSCOPE
) -> Frequencies:
    """Turns the shares of ``outcomes`` into "of 100".

    Args:
        metrics: ``metrics.json``.
        outcome: The answer that ``right`` is about.
        kind: Of the photo at hand; figures of dermatoscope photos where there are none of phones.
    """
    test = metrics["test"] if kind is PhotoKind.DERMATOSCOPE else metrics.get("phone", metrics["test"])
    shares = {
        side: {end: test["outcomes"][side][end]["value"] for end in Outcome}
        for side in ("cancer", "harmless")
    }
    # No test shows that a cancer is never missed, or a harmless spot always known.
    ends = (
        _ends(shares["cancer"], at_least=Outcome.NO_SIGNS),
        _ends(shares["harmless"], at_least=Outcome.SIGNS),
    )
    by_sex = test.get("groups", {}).get("sex")  # any grouping has each photo once
    if not by_sex:
        return Frequencies(*ends, right=None)
    cancers: int = sum(group["cancers"] for group in by_sex.values())
    found = round(cancers * shares["cancer"][outcome])
    photos = found + round((test["images"] - cancers) * shares["harmless"][outcome])
    return Frequencies(*ends, _of_hundred(found, photos) if photos else None, photos, found)


def _ends(shares: Mapping[Outcome, float], at_least: Outcome) -> Ends:
    """Rounds shares so that they add up to 100 (largest remainders), and one of them to 1 or more."""
    counts = {end: int(100 * share) for end, share in shares.items()}
    by_remainder = sorted(shares, key=lambda end: counts[end] - 100 * shares[end])
    for end in by_remainder[: 100 - sum(counts.values())]:
        counts[end] += 1
    if counts[at_least] == 0:
        counts[at_least] = 1
        counts[max(counts, key=lambda end: counts[end])] -= 1
    return Ends(**{str(end): count for end, count in counts.items()})


def _of_hundred(found: int, photos: int) -> int:
    """Rounds a share to 1 to 99 of 100: no test shows that it is none or all."""
    return min(max(round(100 * found / photos), 1), 99)


def measured_figures(metrics: Mapping[str, Any]) -> MeasuredFigures:
    """Prepares all figures for the page about the model.

    Args:
        metrics: ``metrics.json``.
    """
    test, kinds, phone = metrics["test"], wording.kinds(), metrics.get("phone", {})
    return MeasuredFigures(
        photos=str(format_decimal(test["images"])),
        frequencies=frequencies(metrics, Outcome.UNSURE),
        kinds=tuple(
            KindRow(
                dx,
                kinds[dx].name,
                _interval(test["per_class"][dx]["recall"], 100, "0"),
                _interval(test["per_class"][dx]["precision"], 100, "0"),
                str(format_decimal(test["per_class"][dx]["images"])),
            )
            for dx in CLASSES
        ),
        auc=_decimals(test["malignancy_auc"]["value"]),
        roc=drawings.roc(test["roc"], test["operating_points"]),
        calibration_error=_decimals(test["malignancy_ece"]["value"]),
        calibration=drawings.calibration(test["calibration"]["bins"]),
        confusion=drawings.confusion(test["confusion"], [kinds[dx].name for dx in CLASSES]),
        by_photos=_by_photos(metrics),
        dark_skin=phone.get("skin_types", {}).get("5-6", {}).get("images", 0),
        phone_without_keratosis=_without_keratosis(phone),
    )


def _by_photos(metrics: Mapping[str, Any]) -> tuple[PhotosRow, ...]:
    """One line for the test's microscope photos and, where measured, another collection's and phones'."""
    groups = [(_("Skin microscope"), metrics["test"])]
    if elsewhere := metrics.get("isic2017"):
        groups.append((_("Skin microscope, another collection"), elsewhere))
    if phone := metrics.get("phone"):
        groups.append((_("Phone, all"), phone))
        names = {
            "1-2": _("Phone, light skin (types 1–2)"),
            "3-4": _("Phone, medium skin (types 3–4)"),
            "5-6": _("Phone, dark skin (types 5–6)"),
        }
        groups.extend((names[types], group) for types, group in phone["skin_types"].items())
    return tuple(
        PhotosRow(name, _interval(group["malignancy_auc"], 1, "0.00"), str(format_decimal(group["images"])))
        for name, group in groups
    )


def _interval(figure: Mapping[str, Any] | None, factor: float, pattern: str) -> Interval:
    """Writes a measured value; there is none where too few photos would have had to tell it."""
    if figure is None or figure["value"] is None:
        return Interval(_("too few"), "")
    value, low, high = (format_decimal(factor * figure[part], pattern) for part in ("value", "low", "high"))
    return Interval(value, f"{low}–{high}")


def _without_keratosis(phone: Mapping[str, Any]) -> str:
    figure = phone.get("pad_definition", {}).get("malignancy_auc")
    found = _interval(figure, 1, "0.00")
    return f"{found.value} ({found.range})" if found.range else ""


def _decimals(number: float) -> str:
    return str(format_decimal(number, "0.000"))
