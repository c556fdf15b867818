"""Mean squares and their roots, over all entries and over pools."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.maths.scales import size_and_shrink, square_shrink
from jaxloss._floor.means.notes import notes_are_taken, take_note
from jaxloss._floor.reduction import plain_mean, pool_mean, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["pool_root_mean_square", "reduce_squared_differences"]


def pool_root_mean_square(values: Array, mass: Array | None) -> Array:
    """The root of the weighted mean square over the last axis: no overflow in the squares, zero slope at 0."""
    return _scaled_root_mean_square(values, mass) if mass is not None else _root_mean_square(values)


def _scaled_root_mean_square(values: Array, mass: Array | None) -> Array:
    """The same, of entries over the largest of them."""
    scale = numerics.scale_of(values)
    return scale[..., 0] * numerics.sqrt(pool_mean(jnp.square(values / scale), mass))


def _plain_root_mean_square(values: Array) -> Array:
    """The same, with a look for the largest entry only where a mean square is not of ordinary size."""
    square, far = jnp.sum(jnp.square(values), -1) / size_and_shrink(values, -1)[0], 2.0**64
    scaled = lambda values: _scaled_root_mean_square(values, None)
    return jax.lax.cond(jnp.all((square > 1 / far) & (square < far)), lambda _: jnp.sqrt(square), scaled, values)


def _root_mean_square_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (values,), (dot,) = primals, tangents
    root = _root_mean_square(values)
    by_shares = lambda values, dot: plain_mean(_shares(values, root) * dot, -1)
    by_rule = lambda values, dot: jax.jvp(lambda x: _scaled_root_mean_square(x, None), (values,), (dot,))[1]
    return root, jax.lax.platform_dependent(values, dot, cpu=by_shares, default=by_rule)


def _shares(values: Array, root: Array) -> Array:
    return numerics.divide(values, jnp.broadcast_to(root[..., None], values.shape))


@with_rule(_root_mean_square_jvp)
def _root_mean_square(values: Array) -> Array:
    scaled = lambda values: _scaled_root_mean_square(values, None)
    return jax.lax.platform_dependent(values, cpu=_plain_root_mean_square, default=scaled)


def reduce_squared_differences(
    x: Array,
    y: Array,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    """`reduce` of ``(x - y)**2``, for arrays in the working dtype.

    The plain mean on a CPU scales the differences instead of their squares: XLA has one step for a square and its sum.
    """
    if where is None and weights is None and reduction == "mean":
        mean = _mean_square(x, y)
        return take_note(mean, _square(x, y), None) if notes_are_taken() else mean
    return reduce(_square(x, y), where=where, weights=weights, reduction=reduction)


@functools.partial(jax.jit, inline=True)
def _square(x: Array, y: Array) -> Array:
    return jnp.square(x - y)


def _mean_square_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (x, y), (x_dot, y_dot) = primals, tangents
    return _mean_square(x, y), 2 * plain_mean((x - y) * (x_dot - y_dot))


@with_rule(_mean_square_jvp)
def _mean_square(x: Array, y: Array) -> Array:
    mean_of_squares = lambda x, y: plain_mean(_square(x, y))
    return jax.lax.platform_dependent(x, y, cpu=_mean_by_roots, default=mean_of_squares)


def _mean_by_roots(x: Array, y: Array) -> Array:
    size, shrink = square_shrink(x)
    return jnp.sum(jnp.square((x - y) * shrink)) / (size * shrink * shrink)
