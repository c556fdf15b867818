"""Formulas of the tables: conditions on hyperparameters, and the numbers that theorems give."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

__all__ = ["holds", "names_in", "number", "whole"]


FUNCTIONS: Mapping[str, Any] = {
    "abs": jnp.abs,
    "entropy": lambda probs: jnp.sum(jax.scipy.special.entr(probs)),
    "floor": jnp.floor,
    "maximum": jnp.maximum,
    "norm": jnp.linalg.norm,
    "sqrt": jnp.sqrt,
    "sum": jnp.sum,
}
"""What a formula may call."""


def names_in(formula: str) -> set[str]:
    """The hyperparameters and inputs in a formula."""
    return {node.id for node in ast.walk(ast.parse(formula)) if isinstance(node, ast.Name)} - set(FUNCTIONS)


def holds(condition: str, settings: Mapping[str, Any]) -> bool:
    """Whether hyperparameters meet a condition; those without a value are None."""
    return bool(_evaluate(condition, {**dict.fromkeys(names_in(condition)), **settings}))


def number(formula: str, names: Mapping[str, Any]) -> jax.Array:
    """The value of a formula in float64."""
    return jnp.asarray(_evaluate(formula, names), jnp.float64)


def whole(formula: str, n: int) -> int:
    """A whole number in terms of n."""
    return int(_evaluate(formula, {"n": n}))


def _evaluate(formula: str, names: Mapping[str, Any]) -> Any:
    # The formulas are those of the tables beside this module; without builtins a slip in one stays small.
    return eval(formula, {"__builtins__": {}}, {**names, **FUNCTIONS})
