"""``python -m scripts.settings_table``: the table of settings in ``docs/run.md``, from their declarations."""

import sys
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from webapp.config import Settings

PAGE: Final = Path(__file__).parents[1] / "docs" / "run.md"
BEGIN: Final = "<!-- begin settings: rendered by `make settings` -->"
END: Final = "<!-- end settings -->"


def table() -> str:
    """Returns the table: one row a setting, in the order of their declaration."""
    rows = [
        f"| `{setting.metadata['name']}` | {_default(setting.default)} | {setting.metadata['purpose']} |"
        for setting in fields(Settings)
    ]
    return "\n".join(["| variable | default | what it does |", "|---|---|---|", *rows])


def rendered(page: str) -> str:
    """Returns a page with the table between its marks anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _default(value: Any) -> str:
    if value in (None, ()):
        return "not set"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.exit(0)
