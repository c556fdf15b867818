"""Alignment of distributions of rewards by optimal transport (AOT): quantiles are compared instead of single pairs."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.rows.quantiles import mean_over_quantiles
from jaxloss._floor.reduction import plain_mean, reduce, relative_mass
from jaxloss._floor.spread import whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.language._inputs import of_one_shape

__all__ = ["aot_loss", "aot_unpaired_loss"]


def _aligned(
    better: Array,
    worse: Array,
    beta: Scalar,
    label_smoothing: Scalar,
    axis_name: AxisName | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
    reduction: Reduction,
) -> Array:
    where, weights, better, worse = whole_pool(axis_name, where, weights, better, worse)
    beta = checks.scalar("beta", beta, better.dtype, above=0)
    smoothing = checks.scalar("label_smoothing", label_smoothing, better.dtype, at_least=0, at_most=0.5)
    mass, present = relative_mass(where, weights, better)
    if not better.shape[-1]:
        return reduce(plain_mean(better, -1), where=jnp.zeros(better.shape[:-1], bool), reduction=reduction)

    def loss(lead: Array) -> Array:
        score = beta * lead
        return (1 - smoothing) * numerics.softplus(-score) + smoothing * numerics.softplus(score)

    masses = [] if mass is None else 2 * [jax.lax.stop_gradient(mass.astype(better.dtype))]
    values = mean_over_quantiles(loss, better, worse, *masses)
    return reduce(values, where=present, reduction=reduction)


def aot_loss(
    chosen_logps: ArrayLike,
    rejected_logps: ArrayLike,
    reference_chosen_logps: ArrayLike,
    reference_rejected_logps: ArrayLike,
    *,
    beta: Scalar = 0.1,
    label_smoothing: Scalar = 0.0,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Alignment via optimal transport (AOT) of pairs: every quantile of the policy's margins exceeds the reference's.

    .. math:: \ell = \int_0^1 -\log \sigma\left( \beta \left( F_u^{-1}(t) - F_v^{-1}(t) \right) \right) dt, \qquad
              u = \log \frac{\pi(y_w)}{\pi(y_l)}, \quad v = \log \frac{\pi_{\mathrm{ref}}(y_w)}{\pi_{\mathrm{ref}}(y_l)}

    with the quantile functions of the batch: in a batch without weights, sorted margins are compared one by one.
    `jaxloss.dpo_loss` compares both margins of each pair. TRL calls it ``aot``.

    Args:
        chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps: See `jaxloss.dpo_loss`; shape
            ``[..., N]``, of at least two pairs.
        beta: Strength :math:`\beta` of the pull towards the reference, in reward per nat; > 0.
        label_smoothing: Probability that an order is swapped, as in `jaxloss.dpo_loss`; in [0, 1/2].
        axis_name: Mesh axes inside ``jax.shard_map``, or an axis of ``jax.pmap``, over which the last axis is spread;
            None if all of it is here.
        where, weights: Shape ``[..., N]``; see `jaxloss.reduce`. A weight counts as so many copies of a pair.
        reduction: Over the batches ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; log 2 if policy and reference agree.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, there is one pair only, or a hyperparameter is out of range.

    Example:
        >>> zero = jnp.zeros(2)
        >>> jaxloss.aot_loss(jnp.array([30.0, 0.0]), zero, jnp.array([0.0, 20.0]), zero)
        Array(0.5032044, dtype=float32)

    Reference:
        Melnyk et al. (2024), Distributional Preference Alignment of LLMs via Optimal Transport.
        https://arxiv.org/abs/2406.05882
    """
    four = _four(where, chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps)
    chosen, rejected, reference_chosen, reference_rejected = four
    margins = chosen - rejected, reference_chosen - reference_rejected
    return _aligned(*margins, beta, label_smoothing, axis_name, where, weights, reduction)


def aot_unpaired_loss(
    chosen_logps: ArrayLike,
    rejected_logps: ArrayLike,
    reference_chosen_logps: ArrayLike,
    reference_rejected_logps: ArrayLike,
    *,
    beta: Scalar = 0.1,
    label_smoothing: Scalar = 0.0,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Alignment via optimal transport (AOT) without pairs: quantiles of chosen rewards exceed those of rejected ones.

    .. math:: \ell = \int_0^1 -\log \sigma\left( \beta \left( F_w^{-1}(t) - F_l^{-1}(t) \right) \right) dt, \qquad
              r = \log \frac{\pi(y)}{\pi_{\mathrm{ref}}(y)}

    with the quantile functions of the log-ratios of the chosen answers and of the rejected ones. Which of them answer
    the same prompt does not matter. TRL calls it ``aot_unpaired``, and called it ``aot_pair``.

    Args:
        chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps: See `jaxloss.dpo_loss`; shape
            ``[..., N]``, of at least two answers of each kind.
        beta, label_smoothing, axis_name: See `jaxloss.aot_loss`.
        where, weights: Shape ``[..., N]``, those of a chosen and of a rejected answer; see `jaxloss.reduce`.
        reduction: Over the batches ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; log 2 if policy and reference agree.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, there is one pair only, or a hyperparameter is out of range.

    Example:
        >>> zero = jnp.zeros(2)
        >>> jaxloss.aot_unpaired_loss(jnp.array([30.0, 0.0]), jnp.array([0.0, 20.0]), zero, zero)
        Array(0.5032044, dtype=float32)

    Reference:
        Melnyk et al. (2024), Distributional Preference Alignment of LLMs via Optimal Transport.
        https://arxiv.org/abs/2406.05882
    """
    four = _four(where, chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps)
    chosen, rejected, reference_chosen, reference_rejected = four
    ratios = chosen - reference_chosen, rejected - reference_rejected
    return _aligned(*ratios, beta, label_smoothing, axis_name, where, weights, reduction)


def _four(where: ArrayLike | None, *logps: ArrayLike) -> tuple[Array, ...]:
    names = ("chosen_logps", "rejected_logps", "reference_chosen_logps", "reference_rejected_logps")
    named = dict(zip(names, checks.floating(**dict(zip(names, logps, strict=True))), strict=True))
    checks.with_pool("pairs", chosen_logps=named["chosen_logps"])
    return of_one_shape(where, **named)
