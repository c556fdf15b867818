"""Sums and means over all entries, over devices too."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.means.reducers import reducer
from jaxloss._floor.reduction import weighted_mean
from jaxloss._floor.typing import Array, AxisName, Scalar

__all__ = ["batch_mean", "mean", "mean_over", "sum"]


@reducer
def mean(values: Array, weights: Array, *, axis_name: AxisName | None = None) -> Array:
    """Weighted mean, over all devices along ``axis_name`` if given; called: ``reductions.mean()``.

    Numerator and denominator are summed over the devices separately, so that shards with different masks
    give exactly the mean of the whole batch. Over the tokens of a policy loss this is ``token-mean`` in verl and
    ``loss_type="bnpo"`` in TRL; over the tokens of all devices it is the objective of the DAPO paper.

    Reference:
        Yu et al. (2025), DAPO: An Open-Source LLM Reinforcement Learning System at Scale.
        https://arxiv.org/abs/2503.14476
    """
    return weighted_mean(values, weights, axis_name=axis_name)


@reducer
def sum(values: Array, weights: Array, *, axis_name: AxisName | None = None) -> Array:
    """Weighted sum, over all devices along ``axis_name`` if given; called: ``reductions.sum()``."""
    total = jnp.sum(values * weights)
    return total if axis_name is None else jax.lax.psum(total, axis_name)


@reducer
def mean_over(values: Array, weights: Array, n: Scalar, *, axis_name: AxisName | None = None) -> Array:
    """Weighted sum over a given ``n`` > 0, for example the number of tokens of all micro-batches together.

    The weights are not normalised, as importance weights must not be: with ``n`` the batch size this is the estimate
    without bias of prioritised replay and of off-policy losses.

    This is exact under gradient accumulation: the parts add up to the mean of the whole batch. Over the tokens of a
    policy loss it is ``loss_type="dapo"`` in TRL. A traced ``n`` may be 0 where every weight is 0: the mean over no
    tokens is 0, with zero gradient. With any weight, an ``n`` that is not positive gives NaN.

    Example:
        >>> jaxloss.reduce(jnp.array([1.0, 2.0, 3.0]), reduction=jaxloss.reductions.mean_over(12))
        Array(0.5, dtype=float32)
    """
    n = checks.scalar("n", n, values.dtype, above=0)
    total = sum(axis_name=axis_name)
    if isinstance(n, float):
        return total(values, weights) / n
    some = total((weights != 0).astype(values.dtype), jnp.ones_like(weights)) > 0
    mean = total(values, weights) / jnp.where(n > 0, n, jnp.ones((), values.dtype))
    return numerics.poison(mean, (n > 0) | ~some)


@reducer
def batch_mean(values: Array, weights: Array, event_ndim: int = 1, *, axis_name: AxisName | None = None) -> Array:
    r"""Sum over the event axes of each example, then the mean over examples: PyTorch's ``batchmean``, with masks.

    .. math:: \frac{\sum_i \sum_e w_{ie} \ell_{ie}}{\sum_i \max_e w_{ie}}

    with the entries :math:`e` along the last ``event_ndim`` axes and the examples :math:`i` that have any weight, on
    all devices along ``axis_name`` if given. An example counts with the largest weight of its entries: a mask or
    weights ``[B, 1]`` are those of the examples, and entries that are masked within an example leave the denominator as
    it is. Multi-label classification, which sums over classes, and reconstructions, which sum over pixels, are usually
    averaged in this way.

    Args:
        event_ndim: Number of last axes that belong to one example, >= 1.

    Example:
        >>> losses, where = jnp.array([[1.0, 2.0], [4.0, 9.0], [7.0, 7.0]]), jnp.array([[True], [True], [False]])
        >>> jaxloss.reduce(losses, where=where, reduction=jaxloss.reductions.batch_mean())
        Array(8., dtype=float32)
    """
    events = checks.whole("event_ndim", event_ndim)
    if events > values.ndim:
        raise ValueError(
            f"event_ndim must be at most the number of axes of the loss; found {events} for {values.shape}"
        )
    batch = values.shape[: values.ndim - events]
    values, weights = (x.reshape(*batch, math.prod(x.shape[len(batch) :])) for x in (values, weights))
    mass = jnp.max(weights, axis=-1, initial=0)
    shares = numerics.divide(weights, jnp.broadcast_to(mass[..., None], weights.shape))
    return mean(axis_name=axis_name)(jnp.sum(values * shares, axis=-1), mass)
