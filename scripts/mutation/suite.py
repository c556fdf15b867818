"""The Cases and the tests of a tree, and which of them a change can reach."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path, PurePath
from typing import TypeGuard

from .graph import Graph, Symbol
from .sources import Module, read_modules

__all__ = ["REGISTRY", "Reach", "Suite"]

REGISTRY = "tests.cases"
INSPECT = "jaxloss.inspect."
EVERYTHING = (
    *("jaxloss/_floor/", "jaxloss/reductions/", "jaxloss/inspect/", "pyproject.toml", "tests/cases/__init__.py"),
    *(f"tests/{name}.py" for name in ("conftest", "support", "registry", "selection", "test_laws")),
)


@dataclasses.dataclass(frozen=True)
class Reach:
    """What a change can affect: Cases and test functions, each with its distance in steps of the graph.

    Attributes:
        cases: Names of losses.
        tests: ``(module, function)`` of tests that use what has changed by name.
        whole: Tests that take the package, or the registry of Cases, as a whole.
        names: All public names.
    """

    cases: dict[str, int]
    tests: dict[Symbol, int]
    whole: frozenset[Symbol] = frozenset()
    names: frozenset[str] = frozenset()

    def touches(self, path: PurePath) -> bool:
        """Whether a test file, relative to the root, may hold a selected test."""
        module = _module_name(path)
        return any(module == owner for owner, _ in (*self.tests, *self.whole))

    def selects(self, symbol: Symbol, parameters: str) -> bool:
        """Whether a collected test can be affected.

        Of a test that takes the package as a whole and has names of losses in its parameters, only those count.
        """
        if symbol in self.tests:
            return True
        named = self.losses_in(parameters)
        return symbol in self.whole and (not named or not named.isdisjoint(self.cases))

    def losses_in(self, parameters: str) -> set[str]:
        """The public names among the words of a test's parameters."""
        return set(re.findall(r"\w+", parameters)) & self.names


class Suite:
    """A tree of the package and its tests."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.graph = Graph(read_modules(root))
        self.files = {module.path.as_posix(): module for module in self.graph.modules.values()}
        for case, symbols in self._cases().items():
            self.graph.uses[f"{REGISTRY} {case}", ""] = symbols
        if REGISTRY in self.graph.modules:
            self.graph.uses[REGISTRY, ""] = {("jaxloss", "*")}  # it imports whatever it finds
        for (module, _), used in self.graph.uses.items():
            if module.startswith(INSPECT):  # laws hand the package to the example of a loss, which names what it uses
                used.discard(("jaxloss", "*"))

    @cached_property
    def names(self) -> frozenset[str]:
        """Public functions, and modules, of the flat namespace."""
        return frozenset(self.graph.exported("jaxloss"))

    def _cases(self) -> dict[str, set[Symbol]]:
        """Public name to what its Case uses."""
        found = {name: {symbol for symbol in [self.graph.resolve("jaxloss", (name,))] if symbol} for name in self.names}
        computed: dict[Symbol, set[Symbol]] = {}
        for module in self.graph.modules.values():
            if module.name.startswith(f"{REGISTRY}."):
                for symbol, nodes in module.symbols.items():
                    for call in (call for node in nodes for call in ast.walk(node) if _makes_case(call)):
                        name = _loss_of(call)
                        if name in found:
                            found[name] |= {(module.name, "CASES of the module")} | self.graph.named(module, call)
                        else:
                            computed[module.name, symbol] = self.graph.uses[module.name, symbol]
        written = {name for name, symbols in found.items() if len(symbols) > 1}
        for name in found.keys() - written:  # its Case is made by a loop or a function
            near = [
                owner for owner, used in computed.items() if found[name] & used or found[name] & self._beside(owner)
            ]
            found[name] |= {(module, "CASES of the module") for module, _ in near} | {*near}
        return found

    def _beside(self, owner: Symbol) -> set[Symbol]:
        """What the other symbols of the same module use."""
        module = self.graph.modules[owner[0]]
        return set().union(*(self.graph.uses[module.name, name] for name in module.symbols))

    def symbols_of(self, module: Module) -> set[Symbol]:
        names = {*module.symbols, "", "CASES of the module"}
        return {(module.name, name) for name in names}

    # ---- reach -------------------------------------------------------------------------------------------------

    def reach(self, changed: Iterable[Symbol]) -> Reach:
        """What a change of some symbols can affect."""
        changed = set(changed)
        near, far = (self.graph.reached_from(changed, whole=whole) for whole in (False, True))
        prefix = f"{REGISTRY} "
        cases = {symbol[0].removeprefix(prefix): n for symbol, n in near.items() if symbol[0].startswith(prefix)}
        tests = {symbol: n for symbol, n in near.items() if self.is_test(symbol)}
        whole = frozenset(symbol for symbol in far if self.is_test(symbol) and symbol not in tests)
        return Reach(cases, tests, whole, self.names)

    def is_test(self, symbol: Symbol) -> bool:
        module = self.graph.modules.get(symbol[0])
        return module is not None and module.path.name.startswith("test_") and symbol[1].lower().startswith("test")

    def reach_of_files(self, paths: Iterable[str]) -> Reach | None:
        """What changed files, relative to the root, can affect; None: everything.

        A Python file stands for all its symbols and a ``test_*.py`` for all its tests. Another file beside Python
        files stands for those of its folder, and elsewhere for the tests that name it or its folder in a string.
        """
        changed: set[Symbol] = set()
        for path in paths:
            if path.startswith(EVERYTHING):
                return None
            if path in self.files:
                changed |= self.symbols_of(self.files[path])
            elif not path.endswith(".py"):
                changed |= self._beside_file(PurePath(path)) or self._that_name(PurePath(path))
            else:
                changed |= self._that_name(PurePath(path))
        return self.reach(changed)

    def _beside_file(self, path: PurePath) -> set[Symbol]:
        """Everything in the nearest folder of Python files at or above ``path``, below the root."""
        for folder in path.parents[:-1]:
            inside = [module for file, module in self.files.items() if PurePath(file).parent == folder]
            if inside:
                return set().union(*map(self.symbols_of, inside))
        return set()

    def _that_name(self, path: PurePath) -> set[Symbol]:
        """Symbols of the tests that have the name of a file or of its first folder in a string."""
        words = {path.name, path.parts[0]}
        return {
            (module.name, symbol)
            for module in self.files.values()
            if module.name.startswith("tests.")
            for symbol, nodes in module.symbols.items()
            for node in nodes
            for part in ast.walk(node)
            if isinstance(part, ast.Constant) and isinstance(part.value, str)
            if words & {part.value, *PurePath(part.value).parts}
        }


def _module_name(path: PurePath) -> str:
    return ".".join(path.with_suffix("").parts)


def _makes_case(node: ast.AST) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and any(keyword.arg == "fn" for keyword in node.keywords)


def _loss_of(call: ast.Call) -> str:
    """The last name of ``fn=jaxloss.huber_loss``; empty where it is not written out."""
    value = next(keyword.value for keyword in call.keywords if keyword.arg == "fn")
    return value.attr if isinstance(value, ast.Attribute) else ""
