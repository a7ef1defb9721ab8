"""How numbers and days read in the language of the page."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.numbers import format_percent
from flask_babel import format_decimal
from markupsafe import Markup

from webapp.site.languages import current_locale

_BRITISH: Final = Locale("en", "GB")


@dataclass(frozen=True)
class Percent:
    """A share of 1, and how it reads: ``9.31%`` or, where ``exact``, without needless zeros: ``4%``."""

    share: float
    exact: bool = False

    @property
    def width(self) -> str:
        """As the length of a drawing: ``9.31%``, in every language."""
        return f"{100 * self.share:.2f}%"

    def __str__(self) -> str:
        return _percent(self.share, "0.##" if self.exact else "0.00", current_locale())


@lru_cache(1024)  # 0.06 ms each: a page shows its 20 up to four times, and limits and figures stay the same
def _percent(share: float, decimals: str, locale: Locale) -> str:
    # The language's own pattern, "#,##0%" in English and "#,##0 %" in German, with other decimals.
    pattern: str = locale.percent_formats[None].pattern
    return format_percent(share, pattern.replace("0", decimals, 1), locale)


def long_date(day: date) -> str:
    """Writes a day with its year: ``1 January 2030``."""
    return _long_date(date(day.year, day.month, day.day), _british())


def day_and_month(day: date) -> Markup:
    """Writes a day without its year, ``15 January``, as an HTML ``<time>`` that programs can read."""
    return _day_and_month(day, _british())


@lru_cache(64)  # 0.1 ms each; a day's answers name four days
def _long_date(day: date, locale: Locale) -> str:
    return str(format_date(day, "long", locale=locale))


@lru_cache(64)
def _day_and_month(day: date, locale: Locale) -> Markup:
    text = format_skeleton("MMMMd", day, locale=locale)
    return Markup('<time datetime="{}">{}</time>').format(day.isoformat(), text)


def megabytes(size: int) -> str:
    """Writes a number of bytes as ``15 MB``."""
    return f"{format_decimal(size / 1e6, '#,##0.#')}\N{NO-BREAK SPACE}MB"


def _british() -> Locale:
    """The language of the page; its English is British, Babel's default is American."""
    locale = current_locale()
    return _BRITISH if locale.language == "en" else locale
