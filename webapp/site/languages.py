"""The pages' languages, and which one a person gets."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final, TypeVar, cast

from babel import Locale, negotiate_locale
from babel.support import NullTranslations
from flask import Flask, Response, current_app, g, has_request_context, request
from flask_babel import Babel, get_translations
from markupsafe import Markup, escape
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

LANGUAGES: Final[Mapping[str, str]] = {
    "en": "English",
    "es": "Español",
    "de": "Deutsch",
    "pt": "Português",
}
"""Each language's code, and its name in itself. The first is the default."""

DEFAULT: Final = next(iter(LANGUAGES))

T = TypeVar("T")


class Texts:
    """The texts of one language that were asked for so far: ``plain``, and as HTML for templates; and what
    was ``made`` of them by functions that are :func:`made_once`.

    A page has 120 texts. Flask-Babel and Jinja's extension look for the request's catalogue before each and
    go through nine calls: 3 of the 6 ms that a result took to render.
    """

    def __init__(self, language: str, translations: NullTranslations) -> None:
        self.locale = Locale(language)
        self.made: dict[Callable[[], Any], Any] = {}
        self.plain = _Found(lambda text: str(translations.ugettext(text)))
        # As Jinja's "newstyle": always formatted, so that a per cent sign is written twice in every text.
        self.html = _Found(lambda text: Markup(translations.ugettext(text)) % {})


class _Found(dict[str, Any]):
    """Remembers what was looked up: at most all texts of the app, about 400."""

    def __init__(self, look_up: Callable[[str], Any]) -> None:
        super().__init__()
        self._look_up = look_up

    def __missing__(self, text: str) -> Any:
        found = self[text] = self._look_up(text)
        return found


def init_app(app: Flask) -> None:
    """Makes gettext known to code and templates, and the languages to templates."""
    Babel(app, default_locale=DEFAULT, locale_selector=select_language)
    app.extensions["texts"] = {}
    app.jinja_env.globals["_"] = app.jinja_env.globals["gettext"] = html_text
    # Flask-WTF reads WTForms' own catalogue from the disk with every form, and nothing of it is ever shown.
    app.config["WTF_I18N_ENABLED"] = False
    app.context_processor(template_context)
    app.url_defaults(keep_language)
    app.after_request(set_headers)


def gettext(text: str, **variables: object) -> str:
    """Translates a text into the current request's language, for code; templates have :func:`html_text`."""
    found: str = _texts().plain[text]
    return found % variables if variables else found


def html_text(text: str, **variables: object) -> Markup:
    """Translates a text into the current request's language, as HTML; variables in it are escaped."""
    if not variables:
        return cast(Markup, _texts().html[text])
    # As Markup's own % does, in a third of its time: the text is ours, and its variables are escaped.
    return Markup(_texts().plain[text] % {name: escape(value) for name, value in variables.items()})


def made_once(make: Callable[[], T]) -> Callable[[], T]:
    """Lets a function without arguments make its words once for each language; nobody may change them."""

    @wraps(make)
    def known() -> T:
        made = _texts().made
        if make not in made:
            made[make] = make()
        return cast(T, made[make])

    return known


def current_locale() -> Locale:
    """Returns the current request's language with its forms of numbers and days."""
    return _texts().locale


def _texts() -> Texts:
    texts: Texts | None = getattr(g, "texts", None)
    if texts is None:
        by_language: dict[str, Texts] = current_app.extensions["texts"]
        language = select_language()
        texts = by_language.get(language)
        if texts is None:  # two threads may both make them: then the later stays, and says the same
            texts = by_language[language] = Texts(language, get_translations())
        g.texts = texts
    return texts


def select_language() -> str:
    """Returns the language of ``?lang=``, else the best that the browser asks for, else the default."""
    if not has_request_context():  # the command line
        return DEFAULT
    if "language" not in g:
        g.language = chosen_language() or asked_language(request.headers.get("Accept-Language"))
    return cast(str, g.language)


def asked_language(header: str | None) -> str:
    """Returns the first language that a browser asks for and that there is, else the default.

    A regional variant counts as its language (``pt-BR``, ``de-CH``). The order is the browser's own:
    Werkzeug's reader of this very header puts every variant before every plain language, whatever their
    weights.
    """
    asked = parse_accept_header(header, Accept)
    wanted = [language.replace("_", "-") for language, weight in asked if weight > 0]
    return (negotiate_locale(wanted, LANGUAGES, sep="-") or DEFAULT).lower()


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
