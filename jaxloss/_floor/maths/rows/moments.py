"""Deviations and products of features over the examples of a batch, on one device or over several."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.rows.products import precision
from jaxloss._floor.maths.scales import at_unit_scale
from jaxloss._floor.reduction import hide
from jaxloss._floor.spread import mean_over, summed
from jaxloss._floor.typing import Array, AxisName

__all__ = ["deviations", "greatest", "off_diagonal", "second_moments", "shares"]


def greatest(axis_name: AxisName | None, part: Array) -> Array:
    """The largest of ``part``, a constant of differentiation, over all devices; itself if all examples are here."""
    return jax.lax.pmax(part, axis_name) if axis_name else part


def shares(axis_name: AxisName | None, mass: Array | None, entries: Array) -> Array:
    """The mass of each entry ``[..., N]`` over that of all, on all devices: they sum to 1, or are 0 over nothing."""
    every = jnp.ones(entries.shape, bool) if mass is None else mass
    whole = at_unit_scale(every, -1, axis_name).astype(entries.dtype)
    total = summed(axis_name, jnp.sum(whole, -1, keepdims=True))
    return numerics.divide(whole, jnp.broadcast_to(total, whole.shape))


def deviations(axis_name: AxisName | None, x: Array, mass: Array | None) -> Array:
    """Deviations of ``x`` ``[..., D, N]`` from its mean over the last axis, for the masses ``[..., N]``.

    Exactly 0 if all entries are equal, and where massless.
    """
    if mass is not None:
        mass = jnp.broadcast_to(mass[..., None, :], x.shape)
    counted = None if mass is None else mass.astype(bool)
    top = jnp.max(hide(counted, jax.lax.stop_gradient(x), fill=-jnp.inf), axis=-1, keepdims=True, initial=-jnp.inf)
    top = greatest(axis_name, top)
    below = hide(counted, x - jnp.where(jnp.isneginf(top), jnp.zeros((), x.dtype), top))
    return hide(counted, below - mean_over(axis_name, below, mass)[..., None])


def second_moments(axis_name: AxisName | None, x: Array, y: Array, share: Array) -> Array:
    """``sum_n share_n x_in y_jn``, ``[..., D, D]``, of ``x`` and ``y`` ``[..., D, N]`` and shares ``[..., N]``."""
    products = jnp.matmul(x * share[..., None, :], jnp.swapaxes(y, -1, -2), precision=precision())
    return summed(axis_name, products)


def off_diagonal(matrix: Array) -> Array:
    """The sum of the squares of the entries off the diagonal."""
    rows, columns = (jax.lax.broadcasted_iota(jnp.int32, matrix.shape, matrix.ndim - axis) for axis in (2, 1))
    rest = jnp.where(rows == columns, jnp.zeros((), matrix.dtype), matrix)
    return jnp.sum(jnp.square(rest), axis=(-2, -1))
