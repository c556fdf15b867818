"""What commands print: for a reader at a terminal with Rich, for a pipe as plain lines, for a program as JSON."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

__all__ = ["advancing", "nothing_found", "print_json", "print_table", "print_text", "width", "working"]

IN_A_PIPE = 100
NARROWEST = 60
BESIDE = 30
"""Columns that a cell which is wrapped must have to stand beside the others."""


def width() -> int:
    """Columns for text: of the terminal, or what ``COLUMNS`` says, or 100 in a pipe; at least 60."""
    if (told := os.environ.get("COLUMNS", "")).isdigit():
        return max(int(told), NARROWEST)
    if not sys.stdout.isatty():
        return IN_A_PIPE
    return max(os.get_terminal_size(sys.stdout.fileno()).columns, NARROWEST)


def print_json(data: Any) -> None:
    print(json.dumps(data, indent=2, ensure_ascii=False))


def nothing_found(asked: str) -> int:
    """Say so beside the output, which stays empty; the exit code."""
    print(f"nothing found: {asked}", file=sys.stderr)
    return 1


def print_text(text: str, styles: Mapping[str, str]) -> None:
    """Print lines as they stand, so that code can be copied; at a terminal, what matches a pattern has its style."""
    if not sys.stdout.isatty():
        print(text)
        return
    from rich.text import Text

    coloured = Text(text)
    for pattern, style in styles.items():
        coloured.highlight_regex(pattern, style)
    _print_rich(coloured, soft_wrap=True)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, fixed: int | None = None) -> None:
    """Print a table: in a pipe one line a row, at a terminal wrapped.

    Args:
        headings: One for each column.
        rows: Their cells.
        fixed: How many of the first columns are never wrapped; all but the last by default. Where the terminal is too
            narrow for the others, these stand below.
    """
    fixed = len(headings) - 1 if fixed is None else fixed
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    if not sys.stdout.isatty():
        for row in (headings, *rows):
            print("  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip())
    elif sum(size + 2 for size in widths[:fixed]) + (len(headings) - fixed) * BESIDE > width():
        _print_stacked(headings, rows, fixed)
    else:
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for place, heading in enumerate(headings):
            table.add_column(heading, style="" if place else "bold", no_wrap=place < fixed)
        for row in rows:
            table.add_row(*map(_literal, row))
        _print_rich(table)


def _print_stacked(headings: Sequence[str], rows: Sequence[Sequence[str]], fixed: int) -> None:
    from rich.text import Text

    below = headings[fixed:]
    _print_rich(Text("  ".join(headings[:fixed]), "underline"))
    for row in rows:
        _print_rich(Text("  ".join(row[:fixed]), "bold"))
        for heading, cell in zip(below, row[fixed:], strict=True):
            said = f"{heading}: {cell}" if len(below) > 1 else cell
            _print_rich(Text(textwrap.fill(said, width(), initial_indent="    ", subsequent_indent="    ")))


def _literal(cell: str) -> Any:
    """A cell without markup: brackets are brackets."""
    from rich.text import Text

    return Text(cell)


def _print_rich(what: Any, *, soft_wrap: bool = False) -> None:
    """Written by one call of Python's own, so that a pipe that closes is one error in one place."""
    from rich.console import Console

    console = Console(width=width(), soft_wrap=soft_wrap, highlight=False)
    with console.capture() as captured:
        console.print(what)
    sys.stdout.write("\n".join(line.rstrip() for line in captured.get().split("\n")))


@contextmanager
def advancing(on: str) -> Iterator[Callable[[float], Any] | None]:
    """A bar for what takes minutes, moved by its share from 0 to 1; None where no reader is at a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(on, total=1.0)
        yield lambda share: bar.update(task, completed=share)


@contextmanager
def working(on: str) -> Iterator[None]:
    """Say what takes long, while it does, to a reader at a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(on):
        yield
