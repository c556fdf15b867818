"""The entropic transport cost of a cost matrix, with exact derivatives of first and second order.

Value and derivatives follow from the optimal potentials by formulas, so that nothing is differentiated through the
solver. Batch axes are written out, because checkify does not go through ``vmap`` of a loop.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor.mesh import vary_over, varying_axes
from jaxloss._floor.typing import Array

__all__ = ["entropic_cost"]

Problem = tuple[Array, ...]
"""Cost matrix ``[..., N, M]``, masses ``[..., N]`` and ``[..., M]`` that sum to one, strengths ``[...]`` of the
regularization."""

NEAR = 0.1
"""Error of the marginals at which the regularization of the annealing is halved."""

COARSEST = 0.01
"""Largest error of the marginals that counts as converged, where rounding allows no smaller one."""


class _Search(NamedTuple):
    """The iterations so far: potentials of the columns, and the strength at which each problem is being solved."""

    iterations: Array
    second: Array
    strength: Array
    error: Array
    """How far the masses that reach the columns are off, summed over the columns."""
    converged: Array


def entropic_cost(
    symmetric: bool, max_iterations: int, allow_unconverged: bool
) -> Callable[[Array, Array, Array, Array], Array]:
    """The costs ``[...]`` of a batch of `Problem`; NaN where it is not found in ``max_iterations``, unless allowed.

    ``symmetric`` if they are those of samples with themselves: these are solved in fewer iterations.
    """

    @jax.custom_jvp
    def potentials(*problem: Array) -> Array:
        found = _search(problem, symmetric, max_iterations)
        keep = found.converged | allow_unconverged
        return jnp.where(keep[..., None], found.second, jnp.nan)

    @potentials.defjvp
    def _implicit(primals: Problem, tangents: Problem) -> tuple[Array, Array]:
        """The potentials are a fixed point of a Sinkhorn iteration, up to a constant: solve for how it moves."""
        second = potentials(*primals)
        _, moved = jax.jvp(functools.partial(_iteration, second), primals, tangents)
        cost, a, b, strength = primals
        there = _shares(second[..., None, :] - cost, b[..., None, :], strength, -1)
        first = _first(second, cost, b, strength)
        back = _shares(first[..., :, None] - cost, a[..., :, None], strength, -2)
        jacobian = jnp.swapaxes(back, -1, -2) @ there
        identity = jnp.broadcast_to(jnp.eye(second.shape[-1], dtype=second.dtype), jacobian.shape)
        anchored = identity - jacobian + b[..., None, :]
        return second, jnp.linalg.solve(anchored, moved[..., None])[..., 0]

    @jax.custom_jvp
    def optimum(*problem: Array) -> Array:
        return _dual(potentials(*problem), *problem)

    @optimum.defjvp
    def _first_order(primals: Problem, tangents: Problem) -> tuple[Array, Array]:
        return _envelope(potentials(*primals), primals, tangents)

    return optimum


@functools.partial(
    jax.jit, static_argnames=("symmetric", "max_iterations")
)  # eagerly, a loop is compiled at every call
def _search(problem: Problem, symmetric: bool, max_iterations: int) -> _Search:
    """Sinkhorn iterations at a strength that falls to that of the problem: small ones converge from a near start only.

    Converged means that the marginals, and with them the slopes, are off by at most 1e-8, 4e-6 in float32, or by the
    rounding of an exponent, a cost over the strength, where that is larger.
    """
    cost, a, b, strength = problem
    epsilon = float(jnp.finfo(cost.dtype).eps)
    present = (a[..., :, None] > 0) & (b[..., None, :] > 0)
    largest = jnp.max(jnp.where(present, cost, jnp.zeros((), cost.dtype)), axis=(-2, -1))
    rounding = epsilon * largest / strength
    tolerance = jnp.minimum(jnp.maximum(rounding, max(1e-8, 32 * epsilon)), COARSEST)

    def goes_on(s: _Search) -> Array:
        return ~s.converged & ~jnp.isnan(s.error) & (s.iterations < max_iterations)

    def improve(s: _Search) -> _Search:
        better = _first(s.second, cost, a, s.strength) if symmetric else _iteration(s.second, cost, a, b, s.strength)
        # From far off, the ratio of the masses is large: then it is no measure, and may overflow.
        ratio = jnp.minimum((s.second - better) / s.strength[..., None], 1)
        error = jnp.sum(b * jnp.abs(jnp.expm1(ratio)), axis=-1)
        last = s.strength <= strength
        converged = last & (error <= tolerance)
        # A sample and itself have equal potentials, which lie between one iterate and the next; others lie beyond.
        step = jnp.where(symmetric, 0.5, jnp.where(last & (error < NEAR), 1.5, 1.0)).astype(cost.dtype)
        after = s.second + jnp.where(goes_on(s), step, 0)[..., None] * (better - s.second)
        lower = jnp.where(error < NEAR, jnp.maximum(0.5 * s.strength, strength), s.strength)
        return _Search(s.iterations + 1, after, lower, error, converged)

    batch = cost.shape[:-2]
    start = _Search(
        iterations=jnp.zeros((), jnp.int32),
        second=jnp.zeros_like(b),
        strength=jnp.maximum(largest / 8, strength),
        error=jnp.full(batch, jnp.inf, cost.dtype),
        converged=jnp.zeros(batch, bool),
    )
    # Inside `jax.shard_map`, what comes out of an iteration differs wherever any part of the problem does.
    axes = tuple(sorted({axis for part in problem for axis in varying_axes(part)}))
    start = jax.tree.map(lambda x: vary_over(x, axes), start)
    return jax.lax.while_loop(lambda s: jnp.any(goes_on(s)), improve, start)


def _envelope(second: Array, problem: Problem, tangents: Problem) -> tuple[Array, Array]:
    """Value and slope at optimal potentials: moving them does not change the value, though it changes the slope."""
    return _at_optimum(second, *problem), jax.jvp(functools.partial(_dual, second), problem, tangents)[1]


@jax.custom_jvp
def _at_optimum(second: Array, *problem: Array) -> Array:
    return _dual(second, *problem)


@_at_optimum.defjvp
def _higher_order(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    return _envelope(primals[0], primals[1:], tangents[1:])


def _first(second: Array, cost: Array, b: Array, strength: Array) -> Array:
    """The potentials of the rows that are best for those of the columns."""
    exponents = (second[..., None, :] - cost) / strength[..., None, None]
    return -strength[..., None] * jax.nn.logsumexp(exponents, axis=-1, b=jnp.broadcast_to(b[..., None, :], cost.shape))


def _shares(gains: Array, masses: Array, strength: Array, axis: int) -> Array:
    """Which share of each row or column of the plan goes to each of the others."""
    return jax.nn.softmax(gains / strength[..., None, None] + jnp.log(masses), axis=axis)


def _iteration(second: Array, cost: Array, a: Array, b: Array, strength: Array) -> Array:
    """One iteration of Sinkhorn: the best potentials of the rows, and the best of the columns for these."""
    return _first(_first(second, cost, b, strength), jnp.swapaxes(cost, -1, -2), a, strength)


def _dual(second: Array, cost: Array, a: Array, b: Array, strength: Array) -> Array:
    """The dual value at the potentials of the columns and the best of the rows; never above the optimum."""
    return jnp.sum(a * _first(second, cost, b, strength), axis=-1) + jnp.sum(b * second, axis=-1)
