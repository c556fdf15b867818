"""The claims that theorems make about losses, read from the TOML files beside this module."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

__all__ = ["ROWS", "Claim", "Lemma", "Theorem", "lemmas", "theorems"]

FOLDER = Path(__file__).parent
ROWS = ("convex", "lipschitz", "smooth", "minimum", "proper")
"""The rows of a card that a claim can be about."""


@dataclasses.dataclass(frozen=True)
class Theorem:
    """A theorem, and where one can read it."""

    name: str
    """What it says, in words."""
    authors: str
    year: int
    title: str
    place: str
    """The section or the number of the theorem in the work."""
    link: str


@dataclasses.dataclass(frozen=True)
class Claim:
    """What a theorem says in one row of the card of a loss."""

    row: str
    theorem: Theorem
    because: str
    """Why the theorem applies to this loss."""
    when: str = "True"
    """The hyperparameters for which it holds, as an expression."""
    bound: str = ""
    """The number of the row as a formula of hyperparameters, inputs and size; empty if it has none."""
    link: str = ""
    """For the row ``proper``: what makes a probability of the argument, ``softmax``, ``sigmoid`` or ``identity``."""
    outcome: str = ""
    """For the row ``proper``: the input that says what happened."""
    outcome_as: str = "index"
    """How it says so: ``index``, ``number`` or ``one-hot``."""


@dataclasses.dataclass(frozen=True)
class Lemma:
    """All claims about one loss."""

    loss: str
    argument: tuple[str, ...]
    """The inputs that vary together; the others are drawn and fixed."""
    inputs: Mapping[str, str]
    """Name of an input to how it is drawn."""
    sizes: tuple[int, ...]
    claims: tuple[Claim, ...]


def _read(name: str) -> dict[str, Any]:
    import tomllib  # what `import jaxloss` need not take

    return tomllib.loads((FOLDER / name).read_text(encoding="utf-8"))


@functools.cache
def theorems() -> Mapping[str, Theorem]:
    """Key to theorem."""
    return MappingProxyType({key: Theorem(**fields) for key, fields in _read("theorems.toml").items()})


@functools.cache
def lemmas() -> Mapping[str, Lemma]:
    """Name of a loss to what theorems say of it."""
    families = _read("families.toml")
    return MappingProxyType({loss: _lemma(loss, fields, families) for loss, fields in _read("lemmas.toml").items()})


def _lemma(loss: str, fields: Mapping[str, Any], families: Mapping[str, Any]) -> Lemma:
    family = families.get(fields.get("family", ""), {"names": {}, "rows": []})
    names = {name: fields.get(name, usual) for name, usual in family["names"].items()}
    rows = [{**row, "bound": _filled(row.get("bound", ""), names)} for row in family["rows"]] + fields.get("rows", [])
    argument, always = fields["argument"], fields.get("when", "True")
    return Lemma(
        loss,
        (argument,) if isinstance(argument, str) else tuple(argument),
        fields["inputs"],
        tuple(fields.get("sizes", [5])),
        tuple(_claim(row, always) for row in rows),
    )


def _filled(formula: str, names: Mapping[str, str]) -> str:
    """The formula of a family with the names of a loss; factors of 1 are left out."""
    for name, value in names.items():
        if value == "1":
            formula = re.sub(rf" \* {name}(\*\*2)?", "", formula)
        else:
            formula = re.sub(rf"\b{name}\b", value if value.isidentifier() else f"({value})", formula)
    return formula


def _claim(row: Mapping[str, Any], always: str) -> Claim:
    conditions = [f"({text})" for text in (always, row.get("when", "True")) if text != "True"]
    return Claim(**{**row, "theorem": theorems()[row["theorem"]], "when": " and ".join(conditions) or "True"})
