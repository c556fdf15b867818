"""What to say when a function of jaxloss is called with a keyword that it does not have.

In this order: the argument of the function that stands for the keyword in the tables of the libraries; a sentence of
the tables for what no argument stands for; an argument that is spelt almost alike; all keywords of the function.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Sequence

from jaxloss.names.table import ELSEWHERE, ForeignArgument, Library, libraries

__all__ = ["explain", "find", "keywords"]


def explain(fn: Callable, unknown: Sequence[str]) -> str:
    """The message for keywords of a call of ``fn`` that it does not have."""
    return "\n".join(_sentence(fn, keyword) for keyword in unknown)


def keywords(fn: Callable) -> list[str]:
    """The arguments of ``fn`` that can be passed by name."""
    parameters = inspect.signature(fn).parameters.values()
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def find(fn: Callable, keyword: str) -> tuple[str, list[tuple[Library, ForeignArgument]]]:
    """The argument of ``fn`` that other libraries call ``keyword``, with the entries that say so.

    If no argument stands for it: an empty name and the entries that say why, which name no argument at all.
    """
    known = keywords(fn)
    entries = [
        (lib, entry)
        for lib in libraries()
        for entry in lib.arguments
        if keyword in entry.names and fn.__name__ in (entry.losses or (fn.__name__,))
    ]
    for _, entry in entries:
        for ours in entry.ours:
            if ours in known:
                return ours, [(lib, other) for lib, other in entries if ours in other.ours]
    return "", [(lib, entry) for lib, entry in entries if not entry.ours]


def _sentence(fn: Callable, keyword: str) -> str:
    missing = f"{fn.__name__} has no argument `{keyword}`"
    ours, entries = find(fn, keyword)
    if ours:
        return f"{missing}; {entries[0][1].says or _renamed(ours, keyword, [lib for lib, _ in entries])}"
    known = keywords(fn)
    every = f"Its keywords are {', '.join(f'`{name}`' for name in known)}." if known else "It takes no keywords."
    if entries:
        return f"{missing}; {entries[0][1].says} {every}"
    alike = difflib.get_close_matches(keyword, known, n=1)
    return f"{missing}. Did you mean `{alike[0]}`?" if alike else f"{missing}. {every}"


def _renamed(ours: str, keyword: str, found: Sequence[Library]) -> str:
    titles = [library.title for library in found if library.title != ELSEWHERE]
    callers = f", which {' and '.join(titles)} call{'s' if len(titles) == 1 else ''} `{keyword}`" if titles else ""
    return f"use `{ours}=`{callers}."
