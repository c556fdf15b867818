"""Formulas of many steps whose slope is computed from the inputs again, apart from the value."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from jaxloss._floor.maths.errors import apart_on_cpu
from jaxloss._floor.typing import Array

__all__ = ["as_one_loop", "separate", "with_slopes"]


def separate(fn: Callable[..., Array]) -> Callable[..., Array]:
    """A decorator: ``fn`` of arrays, entry by entry, whose value and slope share nothing on a CPU.

    XLA on CPU stores every step that both use, dozens of arrays for a long formula. Apart, each is one loop: a few
    exponentials more, and a fraction of the memory. The derivatives are those of ``fn``, to any order.
    """
    ruled = jax.custom_jvp(fn)

    @functools.partial(ruled.defjvp, symbolic_zeros=True)
    def rule(primals: tuple[Array, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
        value, again = ruled(*primals), apart_on_cpu(*primals)
        moving = {i: tangent for i, tangent in enumerate(tangents) if not isinstance(tangent, SymbolicZero)}
        if not moving:
            return value, jnp.zeros_like(value)
        of_moving = lambda parts: fn(*(parts.get(i, fixed) for i, fixed in enumerate(again)))
        return value, jax.jvp(of_moving, ({i: again[i] for i in moving},), (moving,))[1]

    return jax.jit(ruled, inline=True)


def with_slopes(*slopes: Callable[..., Array]) -> Callable[[Callable[..., Array]], Callable[..., Array]]:
    """A decorator: a function of arrays, entry by entry, with its slope in each of them by a function of its own.

    On a CPU value and slopes share nothing, as with `separate`. Only the slopes that are asked for are computed; their
    derivatives are those of the slopes.
    """

    def decorate(fn: Callable[..., Array]) -> Callable[..., Array]:
        ruled = jax.custom_jvp(fn)

        @functools.partial(ruled.defjvp, symbolic_zeros=True)
        def rule(primals: tuple[Array, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
            value, again = ruled(*primals), primals
            along = jnp.zeros_like(value)
            for slope, tangent in zip(slopes, tangents, strict=True):
                if not isinstance(tangent, SymbolicZero):
                    again = apart_on_cpu(*again)
                    along = along + slope(*again) * tangent
            return value, along

        return jax.jit(ruled, inline=True)

    return decorate


@jax.custom_jvp
def as_one_loop(x: Array) -> Array:
    """The same numbers by a selection, in front of which XLA on CPU makes one loop; elsewhere ``x`` itself."""
    selected = lambda x: jnp.where(jnp.isnan(x), jnp.nan, x)
    return jax.lax.platform_dependent(x, cpu=selected, default=lambda x: x)


as_one_loop.defjvp(lambda primals, tangents: (as_one_loop(*primals), *tangents))
