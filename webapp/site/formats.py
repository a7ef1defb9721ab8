"""How numbers and days read in the language of the page."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.numbers import format_percent
from flask_babel import format_decimal, get_locale
from markupsafe import Markup


@dataclass(frozen=True)
class Percent:
    """A share of 1, and how it reads: ``9.31%`` or, where ``exact``, without needless zeros: ``4%``."""

    share: float
    exact: bool = False

    def __str__(self) -> str:
        return _percent(self.share, "0.##" if self.exact else "0.00", get_locale())


@lru_cache(1024)  # 0.06 ms each: a page shows its 20 up to four times, and limits and figures stay the same
def _percent(share: float, decimals: str, locale: Locale) -> str:
    # The language's own pattern, "#,##0%" in English and "#,##0 %" in German, with other decimals.
    pattern: str = locale.percent_formats[None].pattern
    return format_percent(share, pattern.replace("0", decimals, 1), locale)


def long_date(day: date) -> str:
    """Writes a day with its year: ``1 January 2030``."""
    return str(format_date(day, "long", locale=_british()))


def day_and_month(day: date) -> Markup:
    """Writes a day without its year, ``15 January``, as an HTML ``<time>`` that programs can read."""
    text = format_skeleton("MMMMd", day, locale=_british())
    return Markup('<time datetime="{}">{}</time>').format(day.isoformat(), text)


def megabytes(size: int) -> str:
    """Writes a number of bytes as ``15 MB``."""
    return f"{format_decimal(size / 1e6, '#,##0.#')}\N{NO-BREAK SPACE}MB"


def _british() -> Locale:
    """The language of the page; its English is British, Babel's default is American."""
    return Locale("en", "GB") if get_locale().language == "en" else get_locale()
