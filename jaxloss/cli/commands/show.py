"""``jaxloss show``: one function, as its author describes it, and what other libraries call it."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable
from typing import Any

from jaxloss.cli.docstring import rendered
from jaxloss.cli.lookup import function_named
from jaxloss.cli.output import print_json, print_text, width
from jaxloss.names.table import libraries

__all__ = ["run"]

STYLES = {
    r"\A[\w.]+": "bold",
    r"(?m)^[A-Z][\w ]+:$": "bold",
    r"`[^`\n]*`": "cyan",
    r"(?m)^ *(>>>|\.\.\.) .*$": "green",
    r"https?://\S+": "underline",
}


def run(name: str, json: bool) -> int:
    fn = function_named(name)
    docstring, elsewhere = inspect.getdoc(fn) or "", names_elsewhere(fn.__name__)
    if json:
        fields = {"name": fn.__name__, "signature": signature(fn), "module": fn.__module__, "docstring": docstring}
        print_json({**fields, "elsewhere": elsewhere})
        return 0
    columns = width()
    called = [
        line for library, calls in elsewhere.items() for line in [f"    {library}:", *(f"        {c}" for c in calls)]
    ]
    parts = [
        _broken(f"{fn.__name__}{signature(fn)}", columns),
        rendered(docstring, columns),
        f"Module:\n    {fn.__module__}",
    ]
    print_text("\n\n".join([*parts, *(["\n".join(["Names elsewhere:", *called])] if called else [])]), STYLES)
    return 0


def signature(fn: Callable[..., Any]) -> str:
    """Arguments and defaults; the annotations are in the docstring, in words."""
    parameters = inspect.signature(fn).parameters.values()
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
    return str(inspect.Signature(bare))


def names_elsewhere(name: str) -> dict[str, list[str]]:
    """Title of a library to its calls that give the numbers of this function."""
    found: dict[str, list[str]] = {}
    for library in libraries():
        for row in library.rows:
            if row.functions[0] == name:
                found.setdefault(library.title, []).extend(row.theirs)
    return found


def _broken(call: str, columns: int) -> str:
    """A call in lines, broken after commas."""
    start = " " * (call.index("(") + 1)
    indent = start if len(start) <= columns // 2 else "    "
    return "\n".join(
        textwrap.wrap(re.sub(r", ", ", ", call), columns, subsequent_indent=indent, break_on_hyphens=False)
    )
