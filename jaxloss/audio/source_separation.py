"""Separation of sources whose order, or whose mixture, is unknown."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import poison
from jaxloss._floor.reduction import blank, plain_mean, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.audio.signal_distortion import snr_loss
from jaxloss.vision.detection.assignment import hungarian_matching

__all__ = ["mixture_invariant_loss", "permutation_invariant_loss"]

MOST_ASSIGNMENTS = 10**6
"""A bound on mistakes, such as samples in the place of sources."""


def mixture_invariant_loss(
    predictions: ArrayLike,
    mixtures: ArrayLike,
    *,
    threshold: Scalar = 1e-3,
    epsilon: Scalar = 1e-10,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Mixture-invariant training (MixIT): separation learned from mixtures of mixtures, without any true source.

    .. math:: \ell = \min_{A} \frac1K \sum_{k=1}^{K} L\left( x_k, \sum_m A_{km} \hat s_m \right), \qquad
              A \in \{0, 1\}^{K \times M}, \quad \sum_k A_{km} = 1

    A network separates the sum of K mixtures, usually two, into M sources; every source goes to the mixture in which it
    fits best. L is `jaxloss.snr_loss` with its soft threshold, at 30 dB by default. All :math:`K^M` assignments are
    tried, one after the other and without gradient; the best one is a constant of differentiation. The paper takes the
    sum over the mixtures and not their mean.

    Args:
        predictions: Separated sources :math:`\hat s`, shape ``[..., M, T]``, floating.
        mixtures: Mixtures :math:`x`, shape ``[..., K, T]``, floating; their sum is what was separated.
        threshold, epsilon: See `jaxloss.snr_loss`.
        where, weights: One per sum of mixtures, shape ``[...]``; see `jaxloss.reduce`. Pad waveforms by zeros.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in decibels, at least about :math:`10 \log_{10} \tau`; NaN if any sample is.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes do not match, an axis is empty, or a hyperparameter is not positive; or if there are
            more than a million assignments.

    Example:
        >>> sources = jnp.array([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0], [1.0, -1.0, 0.0]])
        >>> mixtures = jnp.stack([sources[0] + sources[2], sources[1]])
        >>> print(f"{jaxloss.mixture_invariant_loss(sources, mixtures):.2f}")
        -30.00

    Reference:
        Wisdom, Tzinis, Erdogan, Weiss, Wilson and Hershey (2020), Unsupervised Sound Separation Using Mixture Invariant
        Training. https://arxiv.org/abs/2006.12701
    """
    predictions, mixtures = checks.floating(predictions=predictions, mixtures=mixtures)
    checks.with_axes("sources samples", predictions=predictions)
    checks.with_axes("mixtures samples", mixtures=mixtures)
    (*batch, sources, samples), count = predictions.shape, mixtures.shape[-2]
    checks.has_shape((*batch, count, samples), "mixtures, samples, in the batch of predictions", mixtures=mixtures)
    if count**sources > MOST_ASSIGNMENTS:
        raise ValueError(
            f"predictions must have few sources, as every one is tried in every mixture; found {sources} sources and "
            f"{count} mixtures, which is {count**sources} assignments."
        )
    predictions, mixtures = blank(where, predictions, mixtures, event_ndim=2)
    threshold = checks.scalar("threshold", threshold, predictions.dtype, above=0)
    epsilon = checks.scalar("epsilon", epsilon, predictions.dtype, above=0)
    place = _best_assignment(predictions, mixtures, threshold, epsilon)
    values = _remixed_loss(predictions, mixtures, place, threshold, epsilon)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _remixed_loss(predictions: Array, mixtures: Array, place: Array, threshold: Scalar, epsilon: Scalar) -> Array:
    """The mean loss ``[...]`` of the mixtures, where source m is in the mixture ``place[..., m]``."""
    here = place[..., None, :] == jax.lax.broadcasted_iota(place.dtype, (*mixtures.shape[:-1], 1), mixtures.ndim - 2)
    remixed = jnp.sum(jnp.where(here[..., None], predictions[..., None, :, :], 0), axis=-2)
    return plain_mean(snr_loss(remixed, mixtures, threshold=threshold, epsilon=epsilon, reduction="none"), -1)


@jax.jit
def _best_assignment(predictions: Array, mixtures: Array, threshold: Scalar, epsilon: Scalar) -> Array:
    """The mixture ``[..., M]`` of every source under which the loss is smallest; the first of equal ones."""
    predictions, mixtures, threshold, epsilon = jax.lax.stop_gradient((predictions, mixtures, threshold, epsilon))
    sources, count = predictions.shape[-2], mixtures.shape[-2]
    every = jnp.asarray(np.array([*itertools.product(range(count), repeat=sources)], np.int32))
    rows = (*predictions.shape[:-2], sources)
    spread = lambda place: jnp.broadcast_to(jnp.expand_dims(place, tuple(range(len(rows) - 1))), rows)
    one = lambda place: _remixed_loss(predictions, mixtures, spread(place), threshold, epsilon)
    return every[jnp.argmin(jax.lax.map(one, every), axis=0)]


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
