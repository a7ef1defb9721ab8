"""The pages' languages, and which one a person gets."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Flask, has_request_context, request
from flask_babel import Babel

LANGUAGES: Final[Mapping[str, str]] = {"en": "English"}
"""Each language's code, and its name in itself. The first is the default."""

DEFAULT: Final = next(iter(LANGUAGES))


def init_app(app: Flask) -> None:
    """Makes gettext known to code and templates, and the languages to templates."""
    Babel(app, default_locale=DEFAULT, locale_selector=select_language)
    app.context_processor(template_context)


def select_language() -> str:
    """Returns the language of ``?lang=``, else the best that the browser asks for, else the default."""
    if not has_request_context():  # the command line
        return DEFAULT
    asked = request.args.get("lang", "")
    return asked if asked in LANGUAGES else request.accept_languages.best_match(LANGUAGES, DEFAULT)


def template_context() -> dict[str, Any]:
    """Returns what every template knows: ``language``, the page's, and ``languages`` to choose from."""
    return {"language": select_language(), "languages": LANGUAGES}
