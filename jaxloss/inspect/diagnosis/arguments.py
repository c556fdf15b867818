"""The arguments of a loss: their names, their leaves, and what of them is differentiated."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from jaxloss.combine import Objective

__all__ = ["NOT_LEARNING", "Leaf", "argument_name", "bound", "is_loss"]

TAIL = ("where", "weights", "reduction")
NOT_LEARNING = (*TAIL, "state")
"""Arguments of a loss that are not differentiated."""


@dataclasses.dataclass(frozen=True)
class Leaf:
    """One array, or other value, among the arguments.

    Attributes:
        where: Its argument and its path in it, as one writes it in Python.
        value: What was given.
        learns: Whether the gradient with respect to it matters: it is an array of floats in the first argument of a
            function, or in any positional argument of a loss of jaxloss.
        parameter: Whether it belongs to the first argument of a function that is not a loss of jaxloss.
    """

    where: str
    value: Any
    learns: bool
    parameter: bool


def is_loss(fn: Callable[..., Any]) -> bool:
    """Whether a function is a loss with our tail of arguments, of this package or made by `jaxloss.elementwise`."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    with contextlib.suppress(TypeError, ValueError):
        return set(TAIL) <= set(inspect.signature(fn).parameters)
    return False


def bound(fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Callable[..., Any], dict[str, Any]]:
    """The loss in a function and the arguments that it is called with."""
    while isinstance(fn, functools.partial):
        fn, args, kwargs = fn.func, (*fn.args, *args), {**fn.keywords, **kwargs}
    bound = inspect.signature(fn).bind(*args, **kwargs)
    bound.apply_defaults()
    return fn, dict(bound.arguments)


def argument_name(fn: Callable[..., Any], place: int) -> str:
    """The name of a positional argument, or ``argument 0`` where it has none."""
    names: Iterator[str] = iter(())
    with contextlib.suppress(TypeError, ValueError):
        parameters = inspect.signature(fn).parameters.values()
        names = (p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))
    if isinstance(fn, Objective):
        names = iter(("params", "state", *list(inspect.signature(fn.plan.losses).parameters)[1:]))
    return next((name for index, name in enumerate(names) if index == place), f"argument {place}")
