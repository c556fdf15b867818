"""Which top-level symbol uses which, across modules: the static graph behind every selection of tests.

A symbol is ``(module, name)``; ``(module, "")`` stands for statements that name nothing and for attributes that the
module lacks, and ``(module, "*")`` for the module as a whole, as in ``vars(jaxloss)``. Names are resolved through
imports, star imports and ``__all__``, so ``jaxloss.huber_loss`` is the function in its own module and not the package.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cached_property

from .sources import Module

__all__ = ["Graph", "Symbol"]

Symbol = tuple[str, str]
Chain = tuple[str, ...]

EXAMPLE = re.compile(r"^\s*(?:>>>|\.\.\.) (.*)$", re.M)
DOTTED = re.compile(r"\bjaxloss\.(\w+(?:\.\w+)*)")
SCRIPT = re.compile(r"\b(?:import|from) jaxloss\b")


class Graph:
    """The symbols of a tree and what each of them uses."""

    def __init__(self, modules: dict[str, Module]) -> None:
        self.modules = modules
        self.exports: dict[str, set[str]] = {}

    # ---- names -------------------------------------------------------------------------------------------------

    def exported(self, name: str) -> set[str]:
        """What ``from name import *`` binds."""
        if name not in self.exports:
            self.exports[name] = set()  # a circle of star imports adds nothing
            module = self.modules[name]
            lists = [s for s in module.tree.body if isinstance(s, ast.Assign | ast.AnnAssign | ast.AugAssign)]
            values = [s.value for s in lists if s.value is not None and "__all__" in map(_target, _targets(s))]
            if values:
                self.exports[name] = {entry for value in values for entry in self._listed(module, value)}
            else:
                stars = (self.exported(star) for star in module.stars if star in self.modules)
                bound = {*module.symbols, *module.modules, *module.members}.union(*stars)
                self.exports[name] = {entry for entry in bound if entry and not entry.startswith("_")}
        return self.exports[name]

    def _listed(self, module: Module, value: ast.expr) -> Iterator[str]:
        for node in ast.walk(value):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.Attribute) and node.attr == "__all__":
                source = self._module_of(module, _chain(node.value))
                yield from self.exported(source) if source else ()

    def _module_of(self, module: Module, chain: Chain) -> str | None:
        found = [self.lookup(module.name, chain[0])] if chain else []
        for name in chain[1:]:
            found.append(self.lookup(found[-1], name) if isinstance(found[-1], str) else None)
        return found[-1] if found and isinstance(found[-1], str) else None

    def lookup(self, module: str, name: str) -> Symbol | str | None:
        """The symbol or the module that ``module.name`` is; None if it is neither or foreign."""
        own = self.modules.get(module)
        if own is None:
            return None
        if name in own.symbols:
            return module, name
        if name in own.members:
            source, member = own.members[name]
            inner = f"{source}.{member}"
            if source == module:
                return inner if inner in self.modules else None
            return self.lookup(source, member) or (inner if inner in self.modules else None)
        if name in own.modules:
            return own.modules[name] if own.modules[name] in self.modules else None
        for star in own.stars:
            if star in self.modules and name in self.exported(star):
                return self.lookup(star, name)
        inner = f"{module}.{name}"
        return inner if inner in self.modules else None

    def resolve(self, module: str, chain: Chain) -> Symbol | None:
        """What a dotted expression in ``module`` uses; None if it is local or foreign."""
        found = self.lookup(module, chain[0])
        for name in chain[1:]:
            if not isinstance(found, str):
                break
            found = self.lookup(found, name) or (found, "")
        return (found, "*") if isinstance(found, str) else found

    # ---- uses --------------------------------------------------------------------------------------------------

    @cached_property
    def uses(self) -> dict[Symbol, set[Symbol]]:
        """Symbol to the symbols that it names."""
        found = {
            (module.name, name): {(module.name, "")}.union(*(self.named(module, node) for node in nodes))
            for module in self.modules.values()
            for name, nodes in module.symbols.items()
        }
        for module in self.modules.values():
            always = found.setdefault((module.name, ""), set())  # pytest runs these for every test of the module
            always |= {
                (module.name, name) for name in ("pytest_generate_tests", "pytestmark") if name in module.symbols
            }
            for name, nodes in module.symbols.items():  # a function filed under ``rule`` by @rule.defjvp
                found[module.name, name] |= {(module.name, n.name) for n in nodes if isinstance(n, ast.FunctionDef)}
        for module in self.modules:
            inner = [name for name in self.modules if name == module or name.startswith(f"{module}.")]
            found[module, "*"] = {(name, symbol) for name in inner for symbol in (*self.modules[name].symbols, "")}
            found[module, "*"] |= {(star, "*") for star in self.modules[module].stars}  # of a facade they lie elsewhere
        return found

    def named(self, module: Module, node: ast.AST) -> set[Symbol]:
        """The symbols that a piece of ``module`` names, in its docstring examples too."""
        chains, found = [], set()
        waiting = [node]
        while waiting:
            node = waiting.pop()
            chain = _chain(node)
            if chain:
                chains.append(chain)
                continue
            if isinstance(node, ast.arg):  # of a test: a fixture
                chains.append((node.arg,))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                dotted = (name for line in EXAMPLE.findall(node.value) for name in DOTTED.findall(line))
                found |= {symbol for name in dotted if (symbol := self.resolve("jaxloss", tuple(name.split("."))))}
                if SCRIPT.search(node.value) and not module.name.startswith("jaxloss"):  # a program for a new process
                    found.add(("jaxloss", "*"))
            elif isinstance(node, ast.Call) and _chain(node.func) == ("getattr",) and _chain(node.args[0]):
                found |= self._by_string(module, _chain(node.args[0]), node.args[1])
                waiting += node.args[1:]
                continue
            elif isinstance(node, ast.Dict) and all(map(_is_path, node.keys)):
                # Texts by path are a tree that a test writes, with a package of its own.
                waiting += [value for value in node.values if not isinstance(value, ast.Constant)]
                continue
            waiting += ast.iter_child_nodes(node)
        found |= {symbol for chain in chains if (symbol := self.resolve(module.name, chain))}
        return found

    def _by_string(self, module: Module, chain: Chain, name: ast.expr) -> set[Symbol]:
        """What ``getattr(package, name)`` may be: what the strings of the file can spell, or the whole package."""
        package = self._module_of(module, chain)
        if package is None:
            return {symbol} if (symbol := self.resolve(module.name, chain)) else set()
        constants = (n.value for n in ast.walk(module.tree) if isinstance(n, ast.Constant) and n is not name)
        words = sorted({w for w in constants if isinstance(w, str) and re.fullmatch(r"\w*", w)}, key=len)
        hole = f"(?:{'|'.join(words)})"
        parts = name.values if isinstance(name, ast.JoinedStr) else [name]
        pattern = "".join(re.escape(str(p.value)) if isinstance(p, ast.Constant) else hole for p in parts)
        spelled = [word for word in self.exported(package) if re.fullmatch(pattern, word)]
        return {symbol for word in spelled if (symbol := self.resolve(package, (word,)))} or {(package, "*")}

    # ---- reach -------------------------------------------------------------------------------------------------

    @cached_property
    def users(self) -> dict[Symbol, set[Symbol]]:
        """`uses` the other way round."""
        found: dict[Symbol, set[Symbol]] = {}
        for user, used in self.uses.items():
            for symbol in used:
                found.setdefault(symbol, set()).add(user)
        return found

    def reached_from(self, changed: Iterable[Symbol], *, whole: bool) -> dict[Symbol, int]:
        """Symbols that a change can affect, and in how many steps; ``whole``: through uses of a whole package too."""
        steps = dict.fromkeys(changed, 0)
        waiting = list(steps)
        for symbol in waiting:
            for user in self.users.get(symbol, ()):
                if user not in steps and (whole or user[1] != "*"):
                    steps[user] = steps[symbol] + 1
                    waiting.append(user)
        return steps


def _targets(statement: ast.Assign | ast.AnnAssign | ast.AugAssign) -> list[ast.expr]:
    return statement.targets if isinstance(statement, ast.Assign) else [statement.target]


def _target(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _is_path(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith(".py")


def _chain(node: ast.AST) -> Chain:
    """``("a", "b", "c")`` of the expression ``a.b.c``; empty if it is something else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return (node.id, *reversed(names)) if isinstance(node, ast.Name) else ()
