"""Functions with a derivative rule of their own that are one program each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import jax

__all__ = ["with_rule"]

P = ParamSpec("P")
R = TypeVar("R")


def with_rule(rule: Callable[[Any, Any], Any]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator: `jax.custom_jvp` with ``rule``, compiled as a whole where it is called eagerly.

    The compiled whole also holds its conditionals together under an eager gradient: alone, each would be transposed,
    and compiled, in every call. Inside another program nothing is left of this but the steps of the function.
    """

    def decorate(fn: Callable[P, R]) -> Callable[P, R]:
        ruled = jax.custom_jvp(fn)
        ruled.defjvp(rule)
        return jax.jit(ruled)

    return decorate
