"""Parts of a page that read the same for everybody who reads its language: made once and then kept.

Most of an answer's page are such: laying them out anew took 2 of the 3 ms that the page took.
"""

from collections.abc import Callable
from enum import StrEnum
from types import NoneType
from typing import Any, Final

from flask import Flask, current_app, g, request
from jinja2 import TemplateSyntaxError, meta, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from markupsafe import Markup

from webapp.site.figures import Frequencies
from webapp.site.languages import chosen_language, select_language
from webapp.site.wording import Kind

KNOWN: Final = frozenset({"_", "url_for", "language", "languages", "spot_words"})
"""What a fixed part may use: nothing of the person, the photo or the answer. These depend on the language."""
FEW: Final = (bool, NoneType, StrEnum, Kind, Frequencies)
"""Kinds of value that a fixed part may differ by, besides the names of the app's own pages: each has a
handful of values, and none is a person's own."""


class FixedParts(Extension):
    """``{% fixed name=value, … %}…{% endfixed %}``: is laid out once for each language and these values.

    That nothing of one person comes into another's page is checked when a template is compiled: inside, only
    ``KNOWN`` can be used, these values, and macros that are imported there. What it includes is checked the
    same way, for that would see the whole page.
    """

    tags = {"fixed"}  # noqa: RUF012  # as Jinja declares it

    def parse(self, parser: Parser) -> nodes.Node:
        """Compiles a part to a call that hands on how it is laid out."""
        lineno = next(parser.stream).lineno
        names: list[str] = []
        values: list[nodes.Expr] = []
        while parser.stream.current.type != "block_end":
            if names:
                parser.stream.expect("comma")
            names.append(parser.stream.expect("name").value)
            parser.stream.expect("assign")
            values.append(parser.parse_expression())
        body = parser.parse_statements(("name:endfixed",), drop_needle=True)
        self._check(parser, body, {*names}, lineno)
        place = nodes.Const(f"{parser.name}:{lineno}")
        call = self.call_method("_lay_out", [place, *values], lineno=lineno)
        arguments = [nodes.Name(name, "param") for name in names]
        return nodes.CallBlock(call, arguments, [], body).set_lineno(lineno)

    def _check(self, parser: Parser, body: list[nodes.Node], names: set[str], lineno: int) -> None:
        part = nodes.Template(body, lineno=lineno)
        part.set_environment(self.environment)
        # Jinja does not call undeclared what all templates know: Flask's request and session, for example.
        known_to_all = {name.name for name in part.find_all(nodes.Name)} & self.environment.globals.keys()
        own = (meta.find_undeclared_variables(part) | known_to_all) - names - KNOWN
        if own:
            raise TemplateSyntaxError(
                f"a fixed part cannot use {sorted(own)}", lineno, parser.name, parser.filename
            )
        for node in part.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Block)):
            if getattr(node, "with_context", True):
                raise TemplateSyntaxError(
                    "a fixed part cannot hold what sees the whole page", lineno, parser.name, parser.filename
                )

    def _lay_out(self, place: str, *values: Any, caller: Callable[..., Markup]) -> Markup:
        parts, key = _parts(), (place, *values)
        part = parts.get(key)
        if part is None:  # two threads may both make it: then the later stays, and reads the same
            if other := [value for value in values if not _is_one_of_few(value)]:
                raise TypeError(f"{place}: a fixed part cannot differ by {other}")
            part = parts[key] = caller(*values)
        return part


def _is_one_of_few(value: Any) -> bool:
    return isinstance(value, FEW) or value in current_app.view_functions


def _parts() -> dict[tuple[Any, ...], Markup]:
    parts: dict[tuple[Any, ...], Markup] | None = getattr(g, "fixed_parts", None)
    if parts is None:
        # Links from page to page keep the language that was chosen, and begin where the app is mounted.
        key = select_language(), chosen_language(), request.script_root
        parts = g.fixed_parts = current_app.extensions["fixed_parts"].setdefault(key, {})
    return parts


def init_app(app: Flask) -> None:
    """Makes the tag known to templates."""
    app.extensions["fixed_parts"] = {}
    app.jinja_env.add_extension(FixedParts)
