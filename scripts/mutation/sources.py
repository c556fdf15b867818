"""Python files as tables of top-level symbols and imports, read from their syntax alone: nothing is imported."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator
from pathlib import Path

__all__ = ["Module", "read_modules"]

ROOTS = ("jaxloss", "tests", "benchmarks")


@dataclasses.dataclass
class Module:
    """One Python file.

    Attributes:
        name: Dotted name; a package's ``__init__.py`` has the name of the package.
        path: The file, relative to the root of the tree.
        symbols: Top-level name to the statements that define or extend it; ``""`` holds statements that name nothing.
        modules: Local name to the module that it stands for, from ``import a.b as c``.
        members: Local name to ``(module, name)``, from ``from a import b as c``.
        stars: Modules of ``from a import *``.
    """

    name: str
    path: Path
    tree: ast.Module
    symbols: dict[str, list[ast.AST]] = dataclasses.field(default_factory=dict)
    modules: dict[str, str] = dataclasses.field(default_factory=dict)
    members: dict[str, tuple[str, str]] = dataclasses.field(default_factory=dict)
    stars: list[str] = dataclasses.field(default_factory=list)


def read_modules(root: Path) -> dict[str, Module]:
    """Every module below the source folders of a tree, by dotted name."""
    found = {}
    for path in sorted(path for folder in ROOTS for path in (root / folder).rglob("*.py")):
        relative = path.relative_to(root)
        parts = relative.with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        module = Module(name, relative, ast.parse(path.read_text(encoding="utf-8"), str(path)))
        _read_imports(module)
        for statement in module.tree.body:
            _read_statement(module, statement)
        found[name] = module
    return found


def _read_imports(module: Module) -> None:
    """Imports at the top and within functions; where both bind a name, the first does."""
    package = module.name if module.path.name == "__init__.py" else module.name.rpartition(".")[0]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                local = alias.asname or alias.name.partition(".")[0]
                module.modules.setdefault(local, alias.name if alias.asname else local)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - (node.level - 1)] if node.level else []
            source = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                if alias.name == "*":
                    module.stars.append(source)
                else:
                    module.members.setdefault(alias.asname or alias.name, (source, alias.name))


def _read_statement(module: Module, statement: ast.stmt) -> None:
    """Files a top-level statement under every name that it defines or, as ``rule.defjvp(f)`` does, extends."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return
    if isinstance(statement, ast.If | ast.Try | ast.With):
        for child in ast.iter_child_nodes(statement):
            if isinstance(child, ast.stmt):
                _read_statement(module, child)
        return
    if isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        held = (_extended(decorator) for decorator in statement.decorator_list)
        named = {statement.name}.union(*(names & module.symbols.keys() for names in held))
    else:
        names = [node for node in _outside_comprehensions(statement) if isinstance(node, ast.Name)]
        named = {name.id for name in names if isinstance(name.ctx, ast.Store)}
        named = named or {name.id for name in names if name.id in module.symbols}
    for name in named or {""}:
        module.symbols.setdefault(name, []).append(statement)


def _extended(decorator: ast.expr) -> set[str]:
    """Names to which a decorator may attach its function: ``rule`` of ``@rule.defjvp`` and ``@partial(rule.defjvp)``.

    A plain ``@decorator`` only wraps it, and the parameters in ``@pytest.mark.parametrize`` are only read.
    """
    call = isinstance(decorator, ast.Call)
    function = decorator.func if call else decorator
    if _root(function) == "pytest":
        return set()
    arguments = [*decorator.args, *(keyword.value for keyword in decorator.keywords)] if call else []
    held = [*arguments, *([function] if isinstance(function, ast.Attribute) else [])]
    return {node.id for part in held for node in ast.walk(part) if isinstance(node, ast.Name)}


def _outside_comprehensions(statement: ast.stmt) -> Iterator[ast.AST]:
    """The nodes of a statement but those whose names are local to a comprehension or a lambda."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
