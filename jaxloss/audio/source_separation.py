"""Separation of sources whose order is unknown."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import poison
from jaxloss._floor.reduction import blank, plain_mean, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.vision.detection.assignment import hungarian_matching

__all__ = ["permutation_invariant_loss"]


def permutation_invariant_loss(
    losses: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Permutation-invariant training (PIT): the mean loss of the sources in the order that makes it smallest.

    .. math:: \ell = \min_{\sigma} \frac1S \sum_{s=1}^{S} L_{\sigma(s), s}

    It takes any loss, of every predicted source against every true one: `jaxloss.si_sdr_loss` of waveforms, or
    `jaxloss.sigmoid_binary_cross_entropy` of the activity of speakers. The order is that of
    `jaxloss.hungarian_matching`, found in time :math:`O(S^3)` instead of :math:`S!`, and is a constant of
    differentiation.

    Args:
        losses: Loss :math:`L` of predicted source i against true source j, shape ``[..., S, S]``, floating: two nested
            `jax.vmap`.
        where, weights: One per mixture, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar, in units of ``losses``; NaN if any loss is.

    Raises:
        TypeError: If ``losses`` is not floating.
        ValueError: If the last two axes differ or are empty.

    Example:
        >>> each_pair = jax.vmap(jax.vmap(jaxloss.squared_error, (None, 0)), (0, None))
        >>> sources = jnp.array([[1.0, 0.0], [0.0, 1.0]])
        >>> jaxloss.permutation_invariant_loss(each_pair(sources[::-1], sources))
        Array(0., dtype=float32)

    Reference:
        Yu, Kolbæk, Tan and Jensen (2017), Permutation Invariant Training of Deep Models for Speaker-Independent
        Multi-talker Speech Separation. https://arxiv.org/abs/1607.00325
    """
    (losses,) = checks.floating(losses=losses)
    checks.with_axes("predicted_sources true_sources", losses=losses)
    checks.has_shape((*losses.shape[:-1], losses.shape[-2]), "as many predicted as true sources", losses=losses)
    (losses,) = blank(where, losses, event_ndim=2)
    return reduce(_best(losses), where=where, weights=weights, reduction=reduction)


def _best(losses: Array) -> Array:
    order = hungarian_matching(losses)
    chosen = jnp.take_along_axis(losses, order[..., None, :], axis=-2, mode="promise_in_bounds")
    # A NaN counts as more than any number, and would not be chosen.
    known = jnp.logical_not(jnp.any(jnp.isnan(losses), axis=(-2, -1)))
    return poison(plain_mean(jnp.squeeze(chosen, -2), -1), known)
