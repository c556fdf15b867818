"""Mutants: the package with one small wrong change, and how they are drawn."""

from __future__ import annotations

import dataclasses
import difflib
import random
import re
from collections.abc import Iterable
from pathlib import Path

from .edits import Edit, Source, edits, same
from .sources import Module

__all__ = ["Mutant", "draw", "mutants_of"]


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One wrong change of a module.

    Attributes:
        path: The file, relative to the root of the tree.
        line: Where the change begins.
        symbol: The module and the top-level name that it is in.
        kind: One of `edits.KINDS`.
        brief: The change on one line.
        diff: The changed lines, without context.
        text: The whole file with the change.
    """

    path: Path
    line: int
    symbol: tuple[str, str]
    kind: str
    brief: str
    diff: str
    text: str = dataclasses.field(repr=False)

    @property
    def place(self) -> str:
        return f"{self.path.as_posix()}:{self.line}"


def draw(root: Path, modules: Iterable[Module], count: int, seed: int, kinds: Iterable[str]) -> list[Mutant]:
    """``count`` different mutants: a kind first, all alike, then one of its mutants. In the order of the tree."""
    sites: dict[str, list[tuple[Module, str, Edit]]] = {kind: [] for kind in kinds}
    texts = {module.name: (root / module.path).read_text(encoding="utf-8") for module in modules}
    for module in sorted(modules, key=lambda module: module.name):
        for symbol, edit in mutants_of(module, texts[module.name]):
            if edit[0] in sites:
                sites[edit[0]].append((module, symbol, edit))
    rng = random.Random(seed)
    for some in sites.values():
        rng.shuffle(some)
    found: list[Mutant] = []
    while len(found) < count and any(sites.values()):
        module, symbol, edit = sites[rng.choice([kind for kind, some in sites.items() if some])].pop()
        mutant = _mutant(module, texts[module.name], symbol, edit)
        if mutant and mutant.text not in {other.text for other in found}:
            found.append(mutant)
    return sorted(found, key=lambda mutant: (mutant.path, mutant.line, mutant.brief))


def mutants_of(module: Module, text: str) -> list[tuple[str, Edit]]:
    """Every edit of a module with the top-level symbol that it is in, in the order of the text."""
    found, source = {}, Source(text)
    for symbol, nodes in module.symbols.items():
        if symbol and not symbol.startswith("__"):
            for edit in (edit for statement in nodes for edit in edits(statement, source)):
                kind, node, after = edit
                found[source.span(node), kind, after] = symbol, edit
    return [found[key] for key in sorted(found)]


def _mutant(module: Module, text: str, symbol: str, edit: Edit) -> Mutant | None:
    """The mutant of an edit; None if the program stays the same."""
    kind, node, after = edit
    source = Source(text)
    changed = source.replaced(node, after)
    if same(changed, module.tree):
        return None
    lines = difflib.unified_diff(text.splitlines(), changed.splitlines(), lineterm="", n=0)
    diff = "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))
    brief = f"{_one_line(source(node))} → {_one_line(after)}"
    return Mutant(module.path, node.lineno, (module.name, symbol), kind, brief, diff, changed)


def _one_line(text: str, width: int = 60) -> str:
    line = re.sub(r"\s+", " ", text)
    return line if len(line) <= width else f"{line[: width - 3]}..."
