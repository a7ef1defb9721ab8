"""How templates are filled."""

from collections.abc import MutableMapping
from typing import Any

from flask.templating import Environment


class PlainEnvironment(Environment):
    """Flask's, whose templates share one plain dictionary of what all of them know.

    Jinja chains one of each template's own before it, which is always empty here, and looks through the chain
    in Python at each import: .15 of the 2 ms of a result.
    """

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        return super().make_globals(d) if d else self.globals
