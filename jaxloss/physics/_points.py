"""Functions of one point at many: masked points are stood in for, results are squared in full precision."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.masked_points import stand_in
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["at_each", "kept_points", "reduce_squares", "targets_like"]


def kept_points(where: ArrayLike | None, **arrays: Any) -> tuple[Array, ...]:
    """Points ``[..., D]`` of one shape, floating, none of them masked."""
    named = dict(zip(arrays, checks.floating(**arrays), strict=True))
    checks.with_axes("coordinates", allow_empty=False, **named)
    checks.same_shape(**named)
    return tuple(stand_in(where, array, event_ndim=1) for array in named.values())


def at_each(fn: Callable[..., Any], params: Any, *points: Array) -> Array:
    """``fn(params, *x)`` at every one of the points ``[..., D]``: ``[..., *value]``, float32 at least."""
    batch = points[0].shape[:-1]
    flat = [jnp.reshape(x, (math.prod(batch), x.shape[-1])) for x in points]
    (values,) = promote(*checks.floating(values=jax.vmap(lambda *x: fn(params, *x))(*flat)))
    return jnp.reshape(values, (*batch, *values.shape[1:]))


def targets_like(values: Array, targets: Any, where: ArrayLike | None, batch_ndim: int) -> Array:
    """``targets`` in the dtype of ``values``, 0 where masked."""
    (targets,) = checks.numeric(targets=targets)
    checks.has_shape(values.shape, "the values at all points", targets=targets)
    return hide(where, targets, event_ndim=values.ndim - batch_ndim).astype(values.dtype)


def reduce_squares(
    residuals: Array, batch_ndim: int, where: ArrayLike | None, weights: ArrayLike | None, reduction: Reduction
) -> Array:
    """The house tail of residuals ``[..., *value]``, whose squares are summed over the value."""
    squares = jnp.sum(jnp.square(residuals), axis=tuple(range(batch_ndim, residuals.ndim)))
    return reduce(squares, where=where, weights=weights, reduction=reduction)
