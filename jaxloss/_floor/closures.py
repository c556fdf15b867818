"""Functions that close over arrays as pytrees, so that a compiled function can take them as arguments.

A function that is defined inside a call is a new one in each call, and whatever compiles it, a loop or a conditional
outside of a compiled function, compiles it again. As a pytree it is the same from call to call: its code, the numbers,
words and functions of modules that it closes over are the structure, and the arrays are the leaves. Only one thing gets
lost: what was one array under two names is two.
"""

from __future__ import annotations

import dataclasses
import types
from typing import Any

import jax
import numpy as np

__all__ = ["as_tree", "opened"]


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class _Fixed:
    """What is part of the structure. Equal things of different types, such as 1 and True, are told apart."""

    kind: type
    value: Any

    def __hash__(self) -> int:
        try:
            return hash((self.kind, self.value))
        except TypeError:  # an object of a user that cannot be hashed is only itself
            return id(self.value)


@dataclasses.dataclass(frozen=True)
class _Code:
    code: types.CodeType
    names: int
    """The identity of the globals: equal code of two modules is not the same function."""
    globals: dict[str, Any] = dataclasses.field(compare=False)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class _Closure:
    code: _Code = dataclasses.field(metadata={"static": True})
    cells: tuple[Any, ...]
    defaults: tuple[Any, ...] | None
    named_defaults: dict[str, Any] | None


def as_tree(part: Any) -> Any:
    """``part``, a function or a pytree, with everything but arrays in the structure."""
    return jax.tree.map(_leaf, part)


def _leaf(leaf: Any) -> Any:
    if isinstance(leaf, jax.Array | np.ndarray | np.generic):
        return leaf
    if isinstance(leaf, types.FunctionType) and "<locals>" in leaf.__qualname__:
        code = _Code(leaf.__code__, id(leaf.__globals__), leaf.__globals__)
        cells = tuple(as_tree(cell.cell_contents) for cell in leaf.__closure__ or ())
        return _Closure(code, cells, *map(as_tree, (leaf.__defaults__, leaf.__kwdefaults__)))
    return _Fixed(type(leaf), leaf)


def opened(tree: Any) -> Any:
    """The inverse of `as_tree`, with the leaves as they are now."""
    return jax.tree.map(_opened, tree, is_leaf=lambda node: isinstance(node, _Closure | _Fixed))


def _opened(node: Any) -> Any:
    if isinstance(node, _Fixed):
        return node.value
    if not isinstance(node, _Closure):
        return node
    cells = tuple(types.CellType(opened(cell)) for cell in node.cells)
    code = node.code
    function = types.FunctionType(code.code, code.globals, code.code.co_name, opened(node.defaults), cells)
    function.__kwdefaults__ = opened(node.named_defaults)
    return function
