"""The tables of foreign names, read from the TOML files beside this module."""

from __future__ import annotations

import functools
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = [
    "ELSEWHERE",
    "Absent",
    "ForeignArgument",
    "ForeignName",
    "Library",
    "inputs",
    "key",
    "libraries",
    "library",
    "same_idea",
]

FOLDER = Path(__file__).parent
ORDER = ("torch", "optax", "keras", "tensorflow", "rax", "elsewhere")
"""The libraries of the losses, in the order in which an error and the page show them."""
ELSEWHERE = "Elsewhere"
"""Title of the names in common use, which belong to no library and whose calls are formulas."""


@dataclass(frozen=True)
class ForeignName:
    """One equality between a loss of another library and ours; both sides are Python and give equal numbers."""

    names: tuple[str, ...]
    """What users of the library type, function and class."""
    theirs: tuple[str, ...]
    """Their calls, which all give the same numbers."""
    ours: str
    """Our call, which gives these numbers too."""
    difference: str
    """What else differs, in a sentence or two; conventions common to a library are its ``note``."""

    @property
    def functions(self) -> tuple[str, ...]:
        """The attributes of jaxloss in ``ours``, the loss first."""
        return tuple(re.findall(r"jaxloss\.([\w.]+)", self.ours))


@dataclass(frozen=True)
class Absent:
    """Names of a library that have no counterpart here, and what to say instead of guessing."""

    names: tuple[str, ...]
    says: str


@dataclass(frozen=True)
class ForeignArgument:
    """Keywords of a library, and the argument here that stands for them."""

    names: tuple[str, ...]
    ours: tuple[str, ...]
    """What they may be here; of a function the first one that it has. Empty if no argument stands for them."""
    says: str
    """What to write, where that is more than another name; empty otherwise."""
    losses: tuple[str, ...]
    """The losses that it is about; empty if it means the same everywhere."""


@dataclass(frozen=True)
class Library:
    """The names of one library."""

    title: str
    imports: tuple[str, ...]
    """What its calls need, as import statements."""
    note: str
    """What differs in every row."""
    rows: tuple[ForeignName, ...]
    absent: tuple[Absent, ...]
    arguments: tuple[ForeignArgument, ...]

    @property
    def in_words(self) -> tuple[Absent | ForeignArgument, ...]:
        """The entries that answer a name, asked for as if it were a loss, with a sentence."""
        return (*self.absent, *(entry for entry in self.arguments if entry.says))


def key(name: str) -> str:
    """Names that differ in case and underscores only are one name: ``MSELoss``, ``mse_loss``."""
    return name.replace("_", "").casefold()


def _read(stem: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{stem}.toml").read_text(encoding="utf-8"))


@functools.cache
def library(stem: str) -> Library:
    """The table in ``<stem>.toml``."""
    data = _read(stem)
    rows = tuple(
        ForeignName(tuple(row["names"]), tuple(row["theirs"]), row["ours"], row["difference"]) for row in data["rows"]
    )
    absent = tuple(Absent(tuple(entry["names"]), entry["says"]) for entry in data.get("absent", ()))
    arguments = tuple(
        ForeignArgument(
            tuple(entry["names"]), tuple(entry["ours"]), entry.get("says", ""), tuple(entry.get("losses", ()))
        )
        for entry in data["arguments"]
    )
    return Library(data["title"], tuple(data["imports"]), data["note"], rows, absent, arguments)


def libraries() -> tuple[Library, ...]:
    """Every library of losses."""
    return tuple(map(library, ORDER))


@functools.cache
def same_idea(namespace: str) -> dict[str, str]:
    """Foreign name to what to write, for a namespace whose members are no losses: ``combine``, ``reductions``."""
    return {name: entry["use"] for entry in _read(namespace)["entries"] for name in entry["names"]}


def inputs() -> dict[str, str]:
    """The inputs in the calls of the tables, and what they hold."""
    return _read("inputs")
