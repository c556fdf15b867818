"""Recursions along the last axis: step by step on a CPU, in a number of levels logarithmic in its size elsewhere.

A CPU pays for every level, and its compiler for minutes; an accelerator pays for every step. Which of the two forms it
is, is chosen where the program is lowered.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor.mesh import vary_over, varying_axes
from jaxloss._floor.typing import Array

__all__ = ["linear_recursion", "running_max"]


@functools.partial(jax.jit, static_argnames="reverse")
def linear_recursion(decay: Array, increment: Array, reverse: bool = False) -> Array:
    """``x_t = increment_t + decay_t * x_{t-1}`` from 0; with ``reverse``, of ``x_{t+1}`` and from the end.

    Its derivative is a recursion with the same decay. It is a rule, so that the results are kept for it once, not once
    for each form and level.
    """
    return _linear(decay, increment, reverse)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _linear(decay: Array, increment: Array, reverse: bool) -> Array:
    in_steps = functools.partial(_linear_in_steps, reverse=reverse)
    in_levels = functools.partial(_linear_in_levels, reverse=reverse)
    return jax.lax.platform_dependent(decay, increment, cpu=in_steps, default=in_levels)


@_linear.defjvp
def _linear_jvp(reverse: bool, primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    decay, increment = primals
    x = _linear(decay, increment, reverse)
    start = jnp.zeros_like(x[..., :1])
    before = jnp.concatenate([x[..., 1:], start] if reverse else [start, x[..., :-1]], axis=-1)
    return x, _linear(decay, tangents[1] + tangents[0] * before, reverse)


def _linear_in_steps(decay: Array, increment: Array, *, reverse: bool) -> Array:
    def step(x: Array, here: tuple[Array, Array]) -> tuple[Array, Array]:
        x = here[1] + here[0] * x
        return x, x

    return _scan(step, jnp.zeros(increment.shape[:-1], increment.dtype), (decay, increment), reverse)


def _linear_in_levels(decay: Array, increment: Array, *, reverse: bool) -> Array:
    def join(before: tuple[Array, Array], here: tuple[Array, Array]) -> tuple[Array, Array]:
        return here[0] * before[0], here[1] + here[0] * before[1]

    pair = decay, increment
    return jax.lax.associative_scan(join, pair, reverse=reverse, axis=increment.ndim - 1)[1]


@functools.partial(jax.jit, static_argnames="reverse")
def running_max(x: Array, anew: Array, reverse: bool = False) -> Array:
    """The largest entry so far, a constant of differentiation; so far begins anew wherever ``anew`` is True."""
    in_steps = functools.partial(_max_in_steps, reverse=reverse)
    in_levels = functools.partial(_max_in_levels, reverse=reverse)
    return jax.lax.platform_dependent(jax.lax.stop_gradient(x), anew, cpu=in_steps, default=in_levels)


def _max_in_steps(x: Array, anew: Array, *, reverse: bool) -> Array:
    def step(top: Array, here: tuple[Array, Array]) -> tuple[Array, Array]:
        top = jnp.where(here[1], here[0], jnp.maximum(top, here[0]))
        return top, top

    return _scan(step, jnp.full(x.shape[:-1], -jnp.inf, x.dtype), (x, anew), reverse)


def _max_in_levels(x: Array, anew: Array, *, reverse: bool) -> Array:
    def join(before: tuple[Array, Array], here: tuple[Array, Array]) -> tuple[Array, Array]:
        return jnp.where(here[1], here[0], jnp.maximum(before[0], here[0])), before[1] | here[1]

    return jax.lax.associative_scan(join, (x, anew), reverse=reverse, axis=x.ndim - 1)[0]


def _scan(step: Callable[[Any, Any], Any], start: Array, along: tuple[Array, Array], reverse: bool) -> Array:
    """The steps along the last axis; the first axis of a scan is the one that lies together in memory."""
    start = vary_over(start, tuple(dict.fromkeys(varying_axes(along[0]) + varying_axes(along[1]))))
    along = jax.tree.map(lambda x: jnp.moveaxis(x, -1, 0), along)
    return jnp.moveaxis(jax.lax.scan(step, start, along, reverse=reverse)[1], 0, -1)
