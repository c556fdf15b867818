"""``jaxloss names``: the migration page, or what jaxloss says to one name."""

from __future__ import annotations

import inspect

from jaxloss.cli.lookup import home_of
from jaxloss.cli.output import print_json
from jaxloss.names.page import markdown_page
from jaxloss.names.table import libraries

__all__ = ["answer", "run"]


def run(name: str | None, json: bool) -> int:
    if name is None:
        print_json(every_name()) if json else print(markdown_page())
        return 0
    known, says = answer(name)
    print_json({"name": name, "known": known, "says": says}) if json else print(says)
    return 0 if known else 1


def answer(path: str) -> tuple[bool, str]:
    """Whether jaxloss knows a name, and what it has under it or says to it: ``mse_loss``, ``nn.MSELoss``."""
    home, name = home_of(path)
    try:
        found = getattr(home, name)
    except AttributeError as advice:
        return str(advice) != f"{home.__name__} has no `{name}`.", str(advice)
    summary = (inspect.getdoc(found) or "").partition("\n")[0]
    return True, f"{home.__name__}.{name}: {summary}"


def every_name() -> list[dict[str, object]]:
    """The rows of the migration page."""
    return [
        {
            "library": library.title,
            "names": row.names,
            "theirs": row.theirs,
            "ours": row.ours,
            "difference": row.difference,
        }
        for library in libraries()
        for row in library.rows
    ]
