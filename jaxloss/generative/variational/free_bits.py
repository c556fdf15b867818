"""Free bits: divergences below a floor cost the same as the floor, so that no latent collapses early in training."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import trace_of_nan
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.spread import mass_over, mean_over, require_whole
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar

__all__ = ["batch_free_bits_loss", "free_bits_loss"]


def free_bits_loss(
    kl_divergences: ArrayLike,
    *,
    free_nats: Scalar,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Free bits: each example's divergence per group of latents, floored, and summed over the groups.

    .. math:: \ell = \sum_j \max(\mathrm{KL}_j, \lambda)

    A group below the floor has no gradient, a group above it its full gradient, a group at the floor half of
    it. The caller chooses the groups: one per latent, or a single one, ``kl[..., None]``, for the floor of Dreamer,
    whose balanced divergence of categorical latents is `jaxloss.balanced_categorical_kl`.

    Args:
        kl_divergences: The divergence of each group in nats, the groups last, shape ``[..., J]``, floating.
        free_nats: The floor :math:`\lambda` of every group in nats (bits times log 2); >= 0.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in nats, at least J times ``free_nats``: the divergence term of `elbo_loss`.

    Raises:
        TypeError: If ``kl_divergences`` are not floating.
        ValueError: If the group axis is missing or empty, or ``free_nats`` is negative.

    Example:
        >>> jaxloss.free_bits_loss(jnp.array([0.25, 2.0, 3.0]), free_nats=0.5)
        Array(5.5, dtype=float32)

    Reference:
        Kingma et al. (2016), Improving Variational Inference with Inverse Autoregressive Flow, appendix C.8.
        https://arxiv.org/abs/1606.04934
    """
    (divergences,) = checks.floating(kl_divergences=kl_divergences)
    checks.with_axes("groups", kl_divergences=divergences)
    (divergences,) = promote(hide(where, divergences, event_ndim=1))
    free_nats = checks.scalar("free_nats", free_nats, divergences.dtype, at_least=0)
    values = jnp.sum(jnp.maximum(divergences, free_nats) + trace_of_nan(divergences), axis=-1)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def batch_free_bits_loss(
    kl_divergences: ArrayLike,
    *,
    free_nats: Scalar,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Free bits by batch: the average divergence per group of latents, floored, and summed over the groups.

    .. math:: \ell = \sum_j \max\left( \frac{\sum_i w_i \mathrm{KL}_{ij}}{\sum_i w_i}, \lambda \right)

    The average comes first, so an example may be below the floor as long as the batch is not. Batches are pools:
    ``where`` and ``weights`` belong to their examples. Gradients as in `free_bits_loss`.

    Args:
        kl_divergences: The divergence of each group of each example in nats, shape ``[..., N, J]``, floating.
        free_nats: The floor :math:`\lambda` of every group in nats (bits times log 2); >= 0.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the examples are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``; a batch without an example is absent. See `jaxloss.reduce`.
        reduction: Over the batches ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in nats per example, at least J times ``free_nats``.

    Raises:
        TypeError: If ``kl_divergences`` are not floating.
        ValueError: If the example axis is missing, the group axis is missing or empty, or ``free_nats`` is negative; or
            if every pool has one entry, as in ``[N, 1, G]``.

    Example:
        >>> jaxloss.batch_free_bits_loss(jnp.array([[0.0, 0.0], [2.0, 0.5]]), free_nats=0.5)
        Array(1.5, dtype=float32)

    Reference:
        Kingma et al. (2016), Improving Variational Inference with Inverse Autoregressive Flow, appendix C.8.
        https://arxiv.org/abs/1606.04934
    """
    (divergences,) = checks.floating(kl_divergences=kl_divergences)
    checks.with_pool("examples groups", kl_divergences=divergences)
    checks.with_axes("groups", kl_divergences=divergences)
    (divergences,) = promote(hide(where, divergences, event_ndim=1))
    free_nats = checks.scalar("free_nats", free_nats, divergences.dtype, at_least=0)
    require_whole(axis_name, divergences.shape[-2:-1], divergences)
    # A mask in any case: a pool of no examples is absent, and does not cost the floor.
    counted = jnp.ones(divergences.shape[:-1], bool) if where is None else where
    mass, present = mass_over(axis_name, counted, weights, divergences[..., 0])
    groups_first = jnp.swapaxes(divergences, -1, -2)
    mass = None if mass is None else jnp.broadcast_to(mass[..., None, :], groups_first.shape)
    values = jnp.sum(jnp.maximum(mean_over(axis_name, groups_first, mass), free_nats), axis=-1)
    return reduce(values, where=present, reduction=reduction)
