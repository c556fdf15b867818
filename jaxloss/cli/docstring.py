"""Docstrings for a terminal: paragraphs filled, formulas, examples and links as they stand, no markup of roles."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["rendered", "summary"]

VERBATIM = re.compile(r"\s*(>>>|\.\.\. )")
HEADING = re.compile(r"[A-Z][a-z]+:")
FORMULA = ".. math::"


def summary(fn: Callable[..., Any]) -> str:
    """The first line of a docstring, without the markup of formulas and code."""
    return re.sub(r"`+([^`]*)`+", r"\1", _unmarked((inspect.getdoc(fn) or "").partition("\n")[0]))


def rendered(text: str, width: int) -> str:
    """A docstring in lines of at most ``width`` columns; only formulas, examples and links may be longer."""
    blocks = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join("\n".join(_block(block.split("\n"), width)) for block in blocks)


def _unmarked(text: str) -> str:
    return re.sub(r":\w+:`([^`]*)`", r"`\1`", text).replace("``", "`")


def _block(lines: list[str], width: int) -> Iterator[str]:
    """What stands between two empty lines: a formula, an example, a section, or a paragraph."""
    if lines[0].lstrip().startswith(FORMULA):
        formula = "\n".join([lines[0].replace(FORMULA, " " * len(FORMULA)), *lines[1:]])
        yield textwrap.indent(textwrap.dedent(formula), "    ")
        return
    if HEADING.fullmatch(lines[0]):
        yield lines.pop(0)
    if any(VERBATIM.match(line) for line in lines):
        yield from lines
        return
    for entry in _entries(lines):
        indent = entry[: len(entry) - len(entry.lstrip())]
        hanging = indent + ("    " if re.match(r"\s+[\w, *]+: ", entry) else "")
        yield textwrap.fill(
            _unmarked(entry.strip()),
            width,
            initial_indent=indent,
            subsequent_indent=hanging,
            break_long_words=False,
            break_on_hyphens=False,
        )


def _entries(lines: list[str]) -> Iterator[str]:
    """Lines joined to the entries and sentences that they belong to; a link ends a line."""
    least = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    joined = ""
    for line in lines:
        deeper = len(line) - len(line.lstrip()) > least
        link = line.lstrip().startswith("http")
        begins = least > 0 and not deeper and (link or re.match(r"\s+(\*\*)?[\w, *]+: ", line) is not None)
        begins |= re.search(r"https?://\S+$", joined) is not None
        if joined and begins:
            yield joined
            joined = line
        else:
            joined = f"{joined} {line.lstrip()}" if joined else line
    if joined:
        yield joined
