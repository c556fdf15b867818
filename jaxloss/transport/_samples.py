"""Two samples: their points and the share of the mass that each point carries."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import hide, promote
from jaxloss._floor.spread import whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName

__all__ = ["Samples", "centre", "centred", "two_samples"]

Samples = tuple[Array, Array, Array, Array]


def two_samples(
    axis_name: AxisName | None,
    where: ArrayLike | None,
    predictions: Any,
    targets: Any,
    prediction_weights: Any,
    target_weights: Any,
    *,
    axes: str,
) -> Samples:
    """``(predictions, targets, shares of the predictions, shares of the targets)``, checked and blanked.

    ``axes`` names the axes of a sample, ``"points"`` or ``"points features"``. The shares ``[..., N]`` sum to one. Both
    samples are those of all devices along ``axis_name``, and equal on each of them.
    """
    predictions, targets = checks.floating(predictions=predictions, targets=targets)
    checks.with_axes(axes, predictions=predictions, targets=targets)
    ndim = len(axes.split())
    batch, event = predictions.shape[: predictions.ndim - ndim], predictions.shape[predictions.ndim - ndim + 1 :]
    points = targets.shape[targets.ndim - ndim]
    checks.has_shape((*batch, points, *event), "predictions.shape, except for the number of points", targets=targets)
    _, _, predictions, targets = whole_pool(axis_name, None, None, predictions, targets, event_ndim=ndim - 1)
    predictions, targets = promote(*(hide(where, x, event_ndim=ndim) for x in (predictions, targets)))
    first = _shares(axis_name, "prediction_weights", prediction_weights, predictions, ndim)
    second = _shares(axis_name, "target_weights", target_weights, targets, ndim)
    return _present(predictions, first), _present(targets, second), first, second


def _shares(axis_name: AxisName | None, name: str, weights: Any, points: Array, ndim: int) -> Array:
    """The share of each of all ``points``, from the weights of those that are here."""
    shape = points.shape[: points.ndim - ndim + 1]
    if weights is None:
        return jnp.full(shape, 1 / shape[-1], points.dtype)
    (weights,) = checks.numeric(**{name: weights})
    here = (*shape[:-1], shape[-1] // (jax.lax.axis_size(axis_name) if axis_name else 1))
    checks.has_shape(here[-1:] if weights.ndim == 1 else here, "one number per point", **{name: weights})
    _, _, weights = whole_pool(axis_name, None, None, jnp.broadcast_to(weights.astype(points.dtype), here))
    return numerics.divide(weights, jnp.broadcast_to(jnp.sum(weights, axis=-1, keepdims=True), shape))


def _present(points: Array, shares: Array) -> Array:
    """The points, 0 where they carry nothing."""
    return hide(shares != 0, points, event_ndim=points.ndim - shares.ndim)


def centre(points: Array, shares: Array) -> Array:
    """The mean ``[..., 1, D]`` of points ``[..., N, D]``, a constant of differentiation."""
    return jax.lax.stop_gradient(jnp.sum(shares[..., None] * points, axis=-2, keepdims=True))


def centred(samples: Samples) -> tuple[Samples, Array]:
    """Each sample of ``[..., points, features]`` relative to its centre, and the vector ``[..., D]`` between these.

    What adds this vector back has the derivatives of the points. What is left has no digits of the distance from the
    origin or between the samples, which products would round.
    """
    x, y, a, b = samples
    here, there = centre(x, a), centre(y, b)
    return (_present(x - here, a), _present(y - there, b), a, b), jnp.squeeze(here - there, -2)
