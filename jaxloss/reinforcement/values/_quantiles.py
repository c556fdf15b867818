"""Quantile regression on samples of a return, for values that are distributions."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.errors import smooth_distance
from jaxloss._floor.reduction import hide, promote
from jaxloss._floor.typing import Array, ArrayLike
from jaxloss.reinforcement._transitions import chosen

__all__ = ["distributions", "each_level", "of_action", "sample_losses"]


def distributions(where: ArrayLike | None, **arrays: ArrayLike) -> list[Array]:
    """Quantiles per action ``[..., N, A]``, whose numbers of quantiles may differ; 0 where masked."""
    checked = dict(zip(arrays, checks.floating(**arrays), strict=True))
    checks.with_axes("quantiles actions", allow_empty=False, **checked)
    (batch, actions), *_ = ((x.shape[:-2], x.shape[-1:]) for x in checked.values())
    for name, x in checked.items():
        checks.has_shape((*batch, x.shape[-2], *actions), "quantiles are the axis before the last", **{name: x})
    return [hide(where, x, event_ndim=2) for x in checked.values()]


def of_action(where: ArrayLike | None, dist_q_tm1: Array, a_tm1: ArrayLike) -> Array:
    """The quantiles ``[..., N]`` of the actions taken; NaN for an action out of range."""
    (a_tm1,) = checks.integer(a_tm1=a_tm1)
    checks.has_shape(dist_q_tm1.shape[:-2], "one action per transition", a_tm1=a_tm1)
    a_tm1 = hide(where, checks.as_int32(a_tm1))
    return chosen(dist_q_tm1, a_tm1=jnp.broadcast_to(a_tm1[..., None], dist_q_tm1.shape[:-1]))


def each_level(where: ArrayLike | None, tau: ArrayLike, shape: tuple[int, ...]) -> Array:
    """Levels of quantiles for every transition, 0 where masked, NaN out of range."""
    (levels,) = checks.numeric(tau_q_tm1=tau)
    if levels.ndim == 1:
        checks.has_shape(shape[-1:], "one level per quantile", tau_q_tm1=levels)
        levels = jnp.broadcast_to(jnp.expand_dims(levels, tuple(range(len(shape) - 1))), shape)
    checks.has_shape(shape, "one level per quantile, or one for each of every transition", tau_q_tm1=levels)
    (levels,) = promote(hide(where, levels, event_ndim=1))
    valid = (levels >= 0) & (levels <= 1)
    value_checks.ensure(lambda: valid, "tau_q_tm1 must lie in [0, 1]")
    return numerics.poison(levels, valid)


def sample_losses(quantiles: Array, levels: Array, samples: Array, kappa: Array) -> Array:
    """The loss ``[..., N, M]`` of every quantile ``[..., N]`` at its level, on every sample ``[..., M]``."""
    quantiles, levels, samples = quantiles[..., None], levels[..., None], samples[..., None, :]
    tilt = jnp.where(samples < quantiles, 1 - levels, levels)
    return tilt * smooth_distance(samples, quantiles, kappa)
