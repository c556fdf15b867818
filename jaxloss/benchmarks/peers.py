"""What else computes a public loss: its plain formula, and optax where the table of foreign names has it."""

from __future__ import annotations

import ast
import dataclasses
import functools
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss.benchmarks.comparing import Implementation
from jaxloss.benchmarks.formulas import FORMULAS, POOLED
from jaxloss.names.table import library

__all__ = ["builtin", "reduced"]

Loss = Callable[..., Any]


def reduced(loss: Loss, keywords: Sequence[str] = ()) -> Loss:
    """The mean of an unreduced loss, which gives values, or values and their weights.

    Its keywords come last; ``where`` and ``weights`` are those of the mean.
    """

    def mean(*inputs: Any) -> Any:
        kept = len(inputs) - len(keywords)
        given = dict(zip(keywords, inputs[kept:], strict=True))
        where, weights = given.pop("where", None), given.pop("weights", None)
        values = loss(*inputs[:kept], **given)
        if isinstance(values, tuple):
            values, own = values
            weights = own if weights is None else weights * own
        if where is None and weights is None:
            return values.mean()
        if where is not None:
            where = where.astype(values.dtype) if isinstance(where, jax.Array) else where
            weights = where if weights is None else weights * where
        return (values * weights).sum() / weights.sum()

    return mean


def builtin(name: str, hypers: Mapping[str, Any], keywords: Sequence[str] = ()) -> list[Implementation]:
    """The peers of a public loss that take these hyperparameters.

    Args:
        name: The loss.
        hypers: Its hyperparameters off their defaults.
        keywords: The keyword arguments that are arrays and follow the inputs, ``"where"`` and ``"weights"`` among them.
    """
    found = []
    asked = {*hypers, *keywords} - {"where", "weights"}
    inside = name in POOLED and "where" in keywords
    if name in FORMULAS and not inside and asked <= set(_keywords(FORMULAS[name])):
        formula = functools.partial(FORMULAS[name], **hypers)
        found.append(Implementation("plain jnp", functools.partial(reduced, formula, keywords)))
    call = next(_optax_calls(name, hypers, keywords), None)
    if call is not None and asked == set(hypers):
        found.append(Implementation("optax", functools.partial(_from_optax, call, keywords)))
    return found


def _keywords(fn: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(fn).parameters.values()
    return [p.name for p in parameters if p.default is not p.empty]


@dataclasses.dataclass(frozen=True)
class _Call:
    """An expression of optax, the names in it that stand for our inputs in order, and the numbers it is given."""

    expression: str
    names: tuple[str, ...]
    numbers: Mapping[str, Any]

    def __call__(self, *inputs: Any) -> Any:
        optax = importlib.import_module("optax")
        known = {"optax": optax, "jax": jax, "jnp": jnp}
        return eval(self.expression, known, {**dict(zip(self.names, inputs, strict=True)), **self.numbers})


def _optax_calls(name: str, hypers: Mapping[str, Any], keywords: Sequence[str]) -> Iterator[_Call]:
    """The rows of the table that are a plain call of ours with inputs of these names.

    A number that both calls are given, under one name or with one value, is taken from ``hypers`` or is our default. A
    call that is reduced already has no mask.
    """
    for row in library("optax").rows:
        ours, theirs = ast.parse(row.ours, mode="eval").body, ast.parse(row.theirs[0], mode="eval").body
        if not isinstance(ours, ast.Call) or ast.unparse(ours.func) != f"jaxloss.{name}":
            continue
        numbers = {k.arg: k.value for k in ours.keywords if k.arg is not None and k.arg != "reduction"}
        fits = not keywords or any(k.arg == "reduction" for k in ours.keywords)
        plain = all(isinstance(x, ast.Name) for x in ours.args)
        constant = all(isinstance(x, ast.Constant) for x in numbers.values())
        if not (plain and constant and fits and isinstance(theirs, ast.Call)):
            continue
        named = {k.arg: k.value for k in theirs.keywords if k.arg is not None}
        places = _places(numbers, named)
        if set(hypers) <= set(places) and set(numbers) == set(places):
            yield _rewritten(name, ours, theirs, places, hypers)


def _places(ours: Mapping[str, ast.expr], theirs: Mapping[str, ast.expr]) -> dict[str, str]:
    """Our keyword to theirs."""
    found = {}
    for name, value in ours.items():
        same = [n for n, v in theirs.items() if n == name or ast.unparse(v) == ast.unparse(value)]
        if same:
            found[name] = name if name in same else same[0]
    return found


def _rewritten(
    name: str, ours: ast.Call, theirs: ast.Call, places: Mapping[str, str], hypers: Mapping[str, Any]
) -> _Call:
    defaults = {p.name: p.default for p in inspect.signature(_public(name)).parameters.values()}
    numbers = {f"our_{mine}": hypers.get(mine, defaults[mine]) for mine in places}
    for keyword in theirs.keywords:
        mine = next((mine for mine, their in places.items() if their == keyword.arg), None)
        if mine is not None:
            keyword.value = ast.Name(f"our_{mine}", ast.Load())
    names = tuple(x.id for x in ours.args if isinstance(x, ast.Name))
    return _Call(ast.unparse(ast.fix_missing_locations(theirs)), names, numbers)


def _public(name: str) -> Callable[..., Any]:
    return getattr(importlib.import_module("jaxloss"), name)


def _from_optax(call: _Call, keywords: Sequence[str]) -> Loss:
    importlib.import_module("optax")
    return reduced(call, keywords)
