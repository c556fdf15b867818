"""Two samples: their points and the share of the mass that each point carries."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import hide, promote
from jaxloss._floor.typing import Array, ArrayLike

__all__ = ["Samples", "two_samples"]

Samples = tuple[Array, Array, Array, Array]


def two_samples(
    where: ArrayLike | None,
    predictions: Any,
    targets: Any,
    prediction_weights: Any,
    target_weights: Any,
    *,
    axes: str,
) -> Samples:
    """``(predictions, targets, shares of the predictions, shares of the targets)``, checked and blanked.

    ``axes`` names the axes of a sample, ``"points"`` or ``"points features"``. The shares ``[..., N]`` sum to one.
    """
    predictions, targets = checks.floating(predictions=predictions, targets=targets)
    checks.with_axes(axes, predictions=predictions, targets=targets)
    ndim = len(axes.split())
    batch, event = predictions.shape[: predictions.ndim - ndim], predictions.shape[predictions.ndim - ndim + 1 :]
    points = targets.shape[targets.ndim - ndim]
    checks.has_shape((*batch, points, *event), "predictions.shape, except for the number of points", targets=targets)
    predictions, targets = promote(*(hide(where, x, event_ndim=ndim) for x in (predictions, targets)))
    first = _shares("prediction_weights", prediction_weights, predictions, ndim)
    second = _shares("target_weights", target_weights, targets, ndim)
    return _present(predictions, first), _present(targets, second), first, second


def _shares(name: str, weights: Any, points: Array, ndim: int) -> Array:
    shape = points.shape[: points.ndim - ndim + 1]
    if weights is None:
        return jnp.full(shape, 1 / shape[-1], points.dtype)
    (weights,) = checks.numeric(**{name: weights})
    checks.has_shape(shape[-1:] if weights.ndim == 1 else shape, "one number per point", **{name: weights})
    weights = jnp.broadcast_to(weights.astype(points.dtype), shape)
    return numerics.divide(weights, jnp.broadcast_to(jnp.sum(weights, axis=-1, keepdims=True), shape))


def _present(points: Array, shares: Array) -> Array:
    """The points, 0 where they carry nothing."""
    return hide(shares != 0, points, event_ndim=points.ndim - shares.ndim)
