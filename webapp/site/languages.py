"""The pages' languages, and which one a person gets."""

from collections.abc import Mapping
from typing import Any, Final

from babel.support import NullTranslations
from flask import Flask, Response, g, has_request_context, request
from flask_babel import Babel, get_translations

LANGUAGES: Final[Mapping[str, str]] = {
    "en": "English",
    "es": "Español",
    "de": "Deutsch",
    "pt": "Português",
}
"""Each language's code, and its name in itself. The first is the default."""

DEFAULT: Final = next(iter(LANGUAGES))


def init_app(app: Flask) -> None:
    """Makes gettext known to code and templates, and the languages to templates."""
    Babel(app, default_locale=DEFAULT, locale_selector=select_language)
    # A page has 120 texts, and Flask-Babel looks for the request's catalogue before each: 2 ms a page.
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]  # Jinja's i18n extension adds it
        lambda text: page_translations().ugettext(text),
        lambda one, many, count: page_translations().ungettext(one, many, count),
        newstyle=True,
        pgettext=lambda context, text: page_translations().upgettext(context, text),
        npgettext=lambda context, one, many, count: page_translations().unpgettext(context, one, many, count),
    )
    # Flask-WTF reads WTForms' own catalogue from the disk with every form, and nothing of it is ever shown.
    app.config["WTF_I18N_ENABLED"] = False
    app.context_processor(template_context)
    app.url_defaults(keep_language)
    app.after_request(set_headers)


def page_translations() -> NullTranslations:
    """Returns the catalogue of the current request, looked up once."""
    if "translations" not in g:
        g.translations = get_translations()
    translations: NullTranslations = g.translations
    return translations


def select_language() -> str:
    """Returns the language of ``?lang=``, else the best that the browser asks for, else the default."""
    if not has_request_context():  # the command line
        return DEFAULT
    return chosen_language() or request.accept_languages.best_match(LANGUAGES, DEFAULT)


def chosen_language() -> str | None:
    """Returns the language of ``?lang=``; ``None`` where nobody has chosen one that there is."""
    asked = request.args.get("lang", "")
    return asked if asked in LANGUAGES else None


def keep_language(endpoint: str, values: dict[str, Any]) -> None:
    """Adds the chosen language to every link from page to page, and to where the form is sent."""
    # Not on what the API says about itself: its addresses are for programs.
    if has_request_context() and request.blueprint != "api" and endpoint.startswith("views."):
        if chosen := chosen_language():
            values.setdefault("lang", chosen)


def template_context() -> dict[str, Any]:
    """Returns what every template knows: ``language``, the page's, and ``languages`` to choose from."""
    return {"language": select_language(), "languages": LANGUAGES}


def set_headers(response: Response) -> Response:
    """Tells caches that another browser may get a page in another language."""
    if response.mimetype == "text/html":
        response.vary.add("Accept-Language")
    return response
