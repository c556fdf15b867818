"""Functions of pytrees of arrays and other values, compiled, and the value checks of a loss as such a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax.experimental import checkify

from jaxloss._floor import value_checks
from jaxloss.inspect.diagnosis.arrays import is_number_array

__all__ = ["compiled", "failed_check"]


def compiled(fn: Callable[..., Any], *trees: Any) -> Any:
    """``fn(*trees)``, compiled with the arrays of the trees as arguments, or run as it is if it needs their values."""
    leaves, structure = jax.tree.flatten(trees)
    arrays = [is_number_array(leaf) for leaf in leaves]

    def of_arrays(given: list[Any]) -> Any:
        rest = iter(given)
        joined = [next(rest) if array else leaf for array, leaf in zip(arrays, leaves, strict=True)]
        return fn(*jax.tree.unflatten(structure, joined))

    try:
        return jax.jit(of_arrays)([leaf for array, leaf in zip(arrays, leaves, strict=True) if array])
    except Exception:  # a function that cannot be traced; its own errors are raised once more below
        return fn(*trees)


def failed_check(fn: Callable[[Any], Any], given: Any) -> str | None:
    """The message of the first value check of a loss that fails in ``fn(given)``; None if all hold.

    As under `jaxloss.checked`, but compiled, without anything but the checks.
    """

    def error(given: Any) -> Any:
        with value_checks.checking(True):
            return checkify.checkify(fn, errors=checkify.user_checks)(given)[0]

    message = compiled(error, given).get()
    return None if message is None else message.split(" (`check` failed)")[0].splitlines()[0]
