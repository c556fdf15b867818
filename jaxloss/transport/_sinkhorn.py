"""The entropic transport cost of a cost matrix, with exact derivatives of first and second order.

ott-jax finds the potentials. Value and derivatives follow from the potentials by formulas, so that nothing is
differentiated through the solver, and its rules of promotion never reach the backward pass of the user.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor.typing import Array

__all__ = ["entropic_cost"]

Problem = tuple[Array, ...]
"""Cost matrix ``[N, M]``, masses ``[N]`` and ``[M]`` that sum to one, strength of the regularization."""


def _solver() -> tuple[Any, Any, Any]:
    """The modules of ott-jax that are called here, without the deprecation warnings of its own dependencies."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            from ott.geometry import geometry
            from ott.solvers import linear
            from ott.solvers.linear import acceleration
    except ImportError as error:
        raise ImportError(
            "entropic_transport_loss and sinkhorn_divergence call ott-jax: pip install 'jaxloss[transport]'."
        ) from error
    return geometry, linear, acceleration


def entropic_cost(symmetric: bool) -> Callable[[Array, Array, Array, Array], Array]:
    """The cost of a `Problem`; ``symmetric`` if it is that of a sample with itself, which is solved faster."""
    geometry, linear, acceleration = _solver()
    faster = {"parallel_dual_updates": True, "momentum": acceleration.Momentum(start=0, value=0.5)}

    @jax.custom_jvp
    def potentials(cost: Array, a: Array, b: Array, strength: Array) -> Array:
        # The value is off by the square of this error, which leaves it exact up to rounding.
        threshold = math.sqrt(float(jnp.finfo(cost.dtype).eps))
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            space = geometry.Geometry(cost_matrix=cost, epsilon=strength)
            found = linear.solve(space, a, b, threshold=threshold, **(faster if symmetric else {}))
        first = found.f / strength  # includes the logarithm of a: points of no mass are at minus infinity
        return -strength * jax.nn.logsumexp(first[:, None] - cost / strength, axis=0)

    @potentials.defjvp
    def _implicit(primals: Problem, tangents: Problem) -> tuple[Array, Array]:
        """The potentials are a fixed point of a Sinkhorn iteration, up to a constant: solve for how it moves."""
        second = potentials(*primals)
        _, moved = jax.jvp(functools.partial(_iteration, second), primals, tangents)
        jacobian = jnp.eye(second.size, dtype=second.dtype) - jax.jacobian(_iteration)(second, *primals)
        anchored = jacobian + primals[2][None, :]
        return second, jnp.linalg.solve(anchored, moved)

    @jax.custom_jvp
    def optimum(*problem: Array) -> Array:
        return _dual(potentials(*problem), *problem)

    @optimum.defjvp
    def _first_order(primals: Problem, tangents: Problem) -> tuple[Array, Array]:
        return _envelope(potentials(*primals), primals, tangents)

    return optimum


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
    return -strength * jax.nn.logsumexp((second[None, :] - cost) / strength, axis=1, b=jnp.broadcast_to(b, cost.shape))


def _iteration(second: Array, cost: Array, a: Array, b: Array, strength: Array) -> Array:
    """One iteration of Sinkhorn: the best potentials of the rows, and the best of the columns for these."""
    return _first(_first(second, cost, b, strength), cost.T, a, strength)


def _dual(second: Array, cost: Array, a: Array, b: Array, strength: Array) -> Array:
    """The dual value at the potentials of the columns and the best of the rows; never above the optimum."""
    return jnp.sum(a * _first(second, cost, b, strength)) + jnp.sum(b * second)
