"""Numbers that belong to whole examples, beside data with any event axes: schedules and weights of the noise level.

The axes of the numbers are the batch axes, those of the data beyond them are event axes. The numbers never decide
the dtype of a loss, so that a schedule in float64 leaves data in float32 alone.
"""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["example_data", "mean_square", "reduce_mean_square", "spread"]


def example_data(
    where: ArrayLike | None, data: dict[str, Any], numbers: dict[str, Any]
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Data ``[..., *event]`` of one shape and numbers ``[...]``, promoted by the data; masked data are 0, numbers 1."""
    data = dict(zip(data, checks.floating(**data), strict=True))
    checks.same_shape(**data)
    numbers = dict(zip(numbers, checks.numeric(**numbers), strict=True))
    checks.same_shape(**numbers)
    shape, ndim = next(iter(data.values())).shape, next(iter(numbers.values())).ndim
    checks.has_shape(shape[:ndim], f"the leading axes of {next(iter(data))}", **numbers)
    arrays = promote(*data.values())
    dtype = arrays[0].dtype
    return (
        tuple(hide(where, array, event_ndim=array.ndim - ndim) for array in arrays),
        tuple(hide(where, array.astype(dtype), fill=1) for array in numbers.values()),
    )


def spread(numbers: Array, data: Array) -> Array:
    """Numbers ``[...]`` with axes of size 1 for the event axes of ``data``."""
    return jnp.expand_dims(numbers, tuple(range(numbers.ndim, data.ndim)))


def mean_square(residuals: Array, batch_ndim: int) -> Array:
    """The mean square over the event axes, 0 over nothing; no square overflows unless their mean does."""
    size = math.prod(residuals.shape[batch_ndim:])
    shrink = 2.0 ** -(((max(size, 1) - 1).bit_length() + 1) // 2)
    total = jnp.sum(jnp.square(residuals * shrink), axis=tuple(range(batch_ndim, residuals.ndim)))
    return total / (max(size, 1) * shrink * shrink)


def reduce_mean_square(
    residuals: Array, loss_weights: Array, where: ArrayLike | None, weights: ArrayLike | None, reduction: Reduction
) -> Array:
    """Each example's mean square times its number, reduced."""
    values = loss_weights * mean_square(residuals, loss_weights.ndim)
    return reduce(values, where=where, weights=weights, reduction=reduction)
