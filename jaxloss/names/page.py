"""The migration page: every table of foreign names as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jaxloss.names.table import ForeignArgument, ForeignName, inputs, libraries

__all__ = ["markdown_page"]


def markdown_page() -> str:
    """Every table of foreign names as one Markdown page."""
    page = [
        "# Names of other libraries",
        "",
        "Both calls of a line give the same numbers; the tests run them as they stand here, on random inputs. "
        "Everywhere in jaxloss predictions come first and targets second, classes are the last axis, shapes never "
        "broadcast, and the default `reduction` is the mean. The inputs are:",
        "",
        *_table(("input", "what it holds"), ((f"`{name}`", meaning) for name, meaning in inputs().items())),
    ]
    for library in libraries():
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
        if library.absent:
            page += ["", "Names that are not one function here:", ""]
            page += [f"- {_list(entry.names)}: {entry.says}" for entry in library.absent]
        page += ["", "Arguments, and what a function here calls them:", ""]
        page += [f"- {_argument(entry)}: {entry.says or _list(entry.ours)}" for entry in library.arguments]
    return "\n".join(page) + "\n"


def _cell(*lines: str) -> str:
    return "<br>".join(lines).replace("|", "\\|")


def _argument(entry: ForeignArgument) -> str:
    return f"{_list(entry.names)} of {_list(entry.losses)}" if entry.losses else _list(entry.names)


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _code(pieces: Iterable[str]) -> list[str]:
    return [_cell(f"`{piece}`") for piece in pieces]


def _unseen(row: ForeignName) -> list[str]:
    """The names that do not occur in the calls, which are then formulas."""
    return [name for name in row.names if not any(name in call for call in row.theirs)]


def _table(header: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield "|" + " --- |" * len(header)
    yield from (f"| {' | '.join(line)} |" for line in lines)
