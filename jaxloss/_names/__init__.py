"""What other libraries call these losses: the helpful AttributeError and the migration page."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from jaxloss._names.common import COMMON
from jaxloss._names.keras import KERAS
from jaxloss._names.optax import OPTAX
from jaxloss._names.table import VARIABLES, ForeignName, Library
from jaxloss._names.tensorflow import TENSORFLOW
from jaxloss._names.torch import TORCH

__all__ = ["LIBRARIES", "explain", "find", "key", "markdown_page"]

LIBRARIES: tuple[Library, ...] = (TORCH, OPTAX, KERAS, TENSORFLOW, COMMON)


def key(name: str) -> str:
    """Names that differ in case and underscores only are one name: ``MSELoss``, ``mse_loss``."""
    return name.replace("_", "").casefold()


def find(name: str) -> list[tuple[Library, ForeignName]]:
    """The rows with this name, else those with a name alike; of each library one row for each loss of ours."""
    rows = [(library, row) for library in LIBRARIES for row in library.rows]
    exact = [(library, row) for library, row in rows if name in row.names]
    alike = [(library, row) for library, row in rows if key(name) in map(key, row.names)]
    first: dict[tuple[str, str], tuple[Library, ForeignName]] = {}
    for library, row in exact or alike:
        first.setdefault((library.title, row.functions[0]), (library, row))
    return list(first.values())


def _sentence(name: str, library: Library, row: ForeignName) -> str:
    calls = [call for call in row.theirs if name in call] + [call for call in row.theirs if key(name) in key(call)]
    theirs = "here it" if library is COMMON else f"{library.title}: {[*calls, *row.theirs][0]}"
    return f"{theirs} is {row.ours}. {row.difference}".rstrip()


def explain(name: str, public: Iterable[str]) -> str:
    """What to say after "module 'jaxloss' has no attribute ...", given the names that it has."""
    known = {key(ours): ours for ours in public}
    rows = find(name)
    meant_literally = any(name in row.names for _, row in rows)
    found = [_sentence(name, *each) for each in rows] if meant_literally or key(name) not in known else []
    if found:
        return f": {found[0]}" if len(found) == 1 else "\n  ".join([":", *found])
    guesses = _guesses(name, known)
    return f". Did you mean {' or '.join(guesses)}?" if guesses else ""


def _guesses(name: str, known: dict[str, str]) -> list[str]:
    """Ours that differ in the suffix; else those with the same words, and those that are spelt alike."""
    typed = key(name)
    stem = typed.removesuffix("loss")
    suffixed = [known[other] for other in (typed, f"{stem}loss", stem) if other in known]
    if suffixed:
        return suffixed[:1]
    words = {*name.casefold().split("_")} - {"loss"}
    worded = [ours for ours in known.values() if words and words <= {*ours.split("_")}]
    stems = {other.removesuffix("loss"): ours for other, ours in known.items()}
    foreign = {key(theirs): row.functions[0] for library in LIBRARIES for row in library.rows for theirs in row.names}
    near = [stems[other] for other in difflib.get_close_matches(stem, stems, cutoff=0.7)]
    near += [foreign[other] for other in difflib.get_close_matches(typed, foreign, cutoff=0.9)]
    return list(dict.fromkeys(worded + near))[:4]


def _cell(*lines: str) -> str:
    return "<br>".join(lines).replace("|", "\\|")


def _code(pieces: Iterable[str]) -> list[str]:
    return [_cell(f"`{piece}`") for piece in pieces]


def _unseen(row: ForeignName) -> list[str]:
    """The names that do not occur in the calls, which are then formulas."""
    return [name for name in row.names if not any(name in call for call in row.theirs)]


def _table(header: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield "|" + " --- |" * len(header)
    yield from (f"| {' | '.join(line)} |" for line in lines)


def markdown_page() -> str:
    """The whole table as a Markdown page."""
    page = [
        "# Names of other libraries",
        "",
        "Both calls of a line give the same numbers; the tests run them as they stand here, on random inputs. "
        "Everywhere in jaxloss predictions come first and targets second, classes are the last axis, shapes never "
        "broadcast, and the default `reduction` is the mean. The inputs are:",
        "",
        *_table(("input", "what it holds"), ((f"`{name}`", meaning) for name, meaning in VARIABLES.items())),
    ]
    for library in LIBRARIES:
        lines = (
            (
                _cell(*_code([*_unseen(row), *row.theirs])),
                *_code([row.functions[0], row.ours]),
                _cell(row.difference),
            )
            for row in library.rows
        )
        page += ["", f"## {library.title}", "", library.note]
        if library.imports:
            page += ["", "```python", *library.imports, "```"]
        page += ["", *_table(("theirs", "ours", "call it like this", "difference"), lines)]
    return "\n".join(page) + "\n"
