"""What to say when jaxloss or one of its public modules is asked for a name that it does not have.

In this order: the name in another library's table; a module of jaxloss that has it; an argument that is called so; a
name of ours that is spelt almost alike. For a family or a vocabulary, the place of a name that exists goes before the
tables. A name that is known to have no counterpart gets no guess.
"""

from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

from jaxloss.names import public_modules
from jaxloss.names.table import ELSEWHERE, ForeignName, Library, key, libraries, same_idea

__all__ = ["explain", "find"]

WITH_TABLES = ("combine", "reductions")
"""Public modules with a table of foreign names of their own."""
MOST_USERS = 12
"""How many functions with one argument are listed."""


def explain(module: str, name: str) -> str:
    """The message for ``module.name``, which does not exist."""
    missing = f"{module} has no `{name}`"
    found = list(_answers(module, name))
    if len(found) > 1:
        return "\n  ".join([f"{missing}; it may mean:", *found])
    if found:
        return f"{missing}; {found[0]}"
    guesses = [*_places(module, name), *_guesses(module, name)]
    return f"{missing}. Did you mean {' or '.join(guesses)}?" if guesses else f"{missing}."


def _answers(module: str, name: str) -> Iterator[str]:
    namespace = module.removeprefix("jaxloss").removeprefix(".")
    places = _places(module, name)
    if namespace in WITH_TABLES and key(name) in (table := _uses(namespace)):
        yield table[key(name)]
    elif namespace and places:
        yield f"use `{places[0]}`"
    elif answers := list(_foreign(module, name)):
        yield from answers
    elif places:
        if not _guesses(module, name):
            yield f"use `{places[0]}`"
    elif users := _users_of_argument(name):
        more = f" and {len(users) - MOST_USERS} more" if len(users) > MOST_USERS else ""
        yield f"it is an argument of {', '.join(f'`{user}`' for user in users[:MOST_USERS])}{more}"
    elif not _guesses(module, name):
        yield from (table[key(name)] for table in map(_uses, WITH_TABLES) if key(name) in table)


def _foreign(module: str, name: str) -> Iterator[str]:
    """What the tables of the libraries say; nothing where only case and underscores separate a name from one of ours.

    A name that a table has as it stands is meant, whatever ours are.
    """
    absent = [entry.says for library in libraries() for entry in library.in_words if name in entry.names]
    rows = find(name)
    exact = [pair for pair in rows if name in pair[1].names]
    if absent or exact or key(name) not in map(key, _public(sys.modules[module])):
        yield from absent
        yield from (_sentence(name, *pair) for pair in (exact if absent else rows))


def find(name: str) -> list[tuple[Library, ForeignName]]:
    """The rows with this name, else those with a name alike; of each library one row for each loss of ours."""
    rows = [(library, row) for library in libraries() for row in library.rows]
    exact = [(library, row) for library, row in rows if name in row.names]
    alike = [(library, row) for library, row in rows if key(name) in map(key, row.names)]
    first: dict[tuple[str, str], tuple[Library, ForeignName]] = {}
    for library, row in exact or alike:
        first.setdefault((library.title, row.functions[0]), (library, row))
    return list(first.values())


def _sentence(name: str, library: Library, row: ForeignName) -> str:
    calls = [call for call in row.theirs if name in call] + [call for call in row.theirs if key(name) in key(call)]
    theirs = "" if library.title == ELSEWHERE else f"for `{[*calls, *row.theirs][0]}` of {library.title} "
    return f"{theirs}use `{row.ours}`. {row.difference}".rstrip()


def _public(module: ModuleType) -> dict[str, Callable]:
    return {n: m for n, m in vars(module).items() if callable(m) and not n.startswith("_")}


def _places(module: str, name: str) -> list[str]:
    """The full name of what is called ``name`` at the root of jaxloss or in another of its public modules."""
    others = (other for other in public_modules() if other.__name__ != module)
    return [f"{other.__name__}.{name}" for other in others if name in _public(other)][:1]


def _uses(namespace: str) -> dict[str, str]:
    return {key(theirs): use for theirs, use in same_idea(namespace).items()}


def _users_of_argument(name: str) -> list[str]:
    """The functions of jaxloss with an argument of this name."""
    found = []
    for ours, member in _public(sys.modules["jaxloss"]).items():
        if inspect.isfunction(member) and name in inspect.signature(member).parameters:
            found.append(ours)
    return found


def _guesses(module: str, name: str) -> list[str]:
    """Ours that may be meant: of the module or, where those are more alike, of the whole with their full names."""
    if any(name in entry.names for library in libraries() for entry in library.absent):
        return []
    own = _alike(module, name)
    if module == "jaxloss":
        return own
    every = [f"jaxloss.{ours}" for ours in _alike("jaxloss", name)]
    return max(own, every, key=lambda guesses: max((_likeness(name, guess) for guess in guesses), default=0.0))


def _likeness(typed: str, guess: str) -> float:
    return difflib.SequenceMatcher(None, key(typed), key(guess.removeprefix("jaxloss."))).ratio()


def _alike(module: str, name: str) -> list[str]:
    """Ours that differ in the suffix; else those with the same words, and those that are spelt alike."""
    known = {key(ours): ours for ours in _public(sys.modules[module])}
    typed = key(name)
    stem = typed.removesuffix("loss")
    suffixed = [known[other] for other in (typed, f"{stem}loss", stem) if other in known]
    if suffixed:
        return suffixed[:1]
    words = {*name.casefold().split("_")} - {"loss"}
    worded = [ours for ours in known.values() if words and words <= {*ours.split("_")}]
    stems = {other.removesuffix("loss"): ours for other, ours in known.items()}
    near = [stems[other] for other in difflib.get_close_matches(stem, stems, cutoff=0.7) if _a_slip(stem, other)]
    if module == "jaxloss":
        foreign = {key(theirs): row.functions[0] for lib in libraries() for row in lib.rows for theirs in row.names}
        near += [foreign[other] for other in difflib.get_close_matches(typed, foreign, cutoff=0.9)]
    return list(dict.fromkeys(worded + near))[:4]


def _a_slip(typed: str, ours: str) -> bool:
    """Whether two spellings may mean one name: nearly all letters in common, or a long common beginning.

    Short names of different losses share most of their letters: ``mpo`` and ``simpo``, ``retrace`` and ``vtrace``.
    """
    alike = difflib.SequenceMatcher(None, typed, ours).ratio() >= 0.88
    return alike or (typed[:5] == ours[:5] and len(typed) >= 5)
