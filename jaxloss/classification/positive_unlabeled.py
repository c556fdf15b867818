"""Learning from positive and unlabelled examples: risks rewritten so that no negative need be labelled."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.sigmoids import sigmoid_sides
from jaxloss._floor.reduction import blank, hide, pool_mass, pool_mean, reduce
from jaxloss._floor.spread import whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar

__all__ = ["nonnegative_pu_loss", "unbiased_pu_loss"]


def unbiased_pu_loss(
    logits: ArrayLike,
    positives: ArrayLike,
    *,
    prior: Scalar,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Unbiased estimate of the sigmoid risk of a classifier from positive and unlabelled examples (uPU).

    .. math:: \ell = \pi \, \bar\sigma_P(-z) + \bar\sigma_U(z) - \pi \, \bar\sigma_P(z)

    where :math:`\bar\sigma_P, \bar\sigma_U` average the logistic sigmoid over the labelled positives and over the
    unlabelled entries. The last axis is pooled, so ``where`` and ``weights`` belong to its entries; the average
    over no entry is 0. A flexible model drives this estimate far below zero: see `jaxloss.nonnegative_pu_loss`.

    Args:
        logits: Scores of the positive class, shape ``[..., N]``, floating.
        positives: Shape ``[..., N]``, boolean: True for a labelled positive, False for an unlabelled entry.
        prior: Share :math:`\pi` of positives among the unlabelled; in ``(0, 1)``.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the entries are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``; a pool without an entry is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in ``[-prior, 1 + prior]``; negative values are possible.

    Raises:
        TypeError: If ``logits`` are not floating or ``positives`` not boolean.
        ValueError: If the shapes differ, an axis is missing, or ``prior`` is out of range; or if every pool has one
            entry, as in ``[N, 1]``.

    Example:
        >>> jaxloss.unbiased_pu_loss(jnp.zeros(4), jnp.array([True, False, False, True]), prior=0.4)
        Array(0.5, dtype=float32)

    Reference:
        du Plessis, Niu and Sugiyama (2014), Analysis of Learning from Positive and Unlabeled Data.
        https://papers.nips.cc/paper/5509-analysis-of-learning-from-positive-and-unlabeled-data
    """
    logits, positives = _scores_and_flags(logits, positives)
    (logits,), positives = blank(where, logits), hide(where, positives)
    where, weights, logits, positives = whole_pool(axis_name, where, weights, logits, positives)
    prior = checks.scalar("prior", prior, logits.dtype, above=0, below=1)
    mass, present = pool_mass(where, weights, logits)
    positive_risk, negative_risk = _risks(logits, positives, mass, prior)
    return reduce(positive_risk + negative_risk, where=present, reduction=reduction)


def nonnegative_pu_loss(
    logits: ArrayLike,
    positives: ArrayLike,
    *,
    prior: Scalar,
    beta: Scalar = 0.0,
    gamma: Scalar = 1.0,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Positive-unlabelled sigmoid risk whose negative part is kept from falling below zero (nnPU).

    .. math:: \ell = \pi \, \bar\sigma_P(-z) + \max(-\beta, r), \qquad r = \bar\sigma_U(z) - \pi \, \bar\sigma_P(z)

    where :math:`\bar\sigma_P, \bar\sigma_U` average the logistic sigmoid over the labelled positives and over the
    unlabelled entries of the last axis. What is clamped is the average :math:`r` of a whole pool, not single
    entries, so a pool should be a batch that holds both kinds; the average over no entry is 0.

    The derivative is the one of the paper's algorithm, and not that of the value: where :math:`r < -\beta` it is
    that of :math:`-\gamma r`, which undoes overfitting of the negative part by ascending in it, and leaves the
    positive part alone. ``gamma=0`` pauses training there instead.

    Args:
        logits: Scores of the positive class, shape ``[..., N]``, floating.
        positives: Shape ``[..., N]``, boolean: True for a labelled positive, False for an unlabelled entry.
        prior: Share :math:`\pi` of positives among the unlabelled; in ``(0, 1)``.
        beta: How far the negative part may fall below zero; >= 0.
        gamma: Size of the ascending step relative to an ordinary one; >= 0.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the entries are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``; a pool without an entry is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in ``[-beta, 1 + prior]``; >= 0 at the default.

    Raises:
        TypeError: If ``logits`` are not floating or ``positives`` not boolean.
        ValueError: If the shapes differ, an axis is missing, or a hyperparameter is out of range; or if every pool
            has one entry, as in ``[N, 1]``.

    Example:
        >>> logits, positives = jnp.array([2.0, 2.0, -6.0, -6.0]), jnp.array([True, True, False, False])
        >>> print(f"{jaxloss.nonnegative_pu_loss(logits, positives, prior=0.5):.4f}")
        0.0596
        >>> print(f"{jaxloss.unbiased_pu_loss(logits, positives, prior=0.5):.4f}")
        -0.3783

    Reference:
        Kiryo, Niu, du Plessis and Sugiyama (2017), Positive-Unlabeled Learning with Non-Negative Risk Estimator.
        https://arxiv.org/abs/1703.00593
    """
    logits, positives = _scores_and_flags(logits, positives)
    (logits,), positives = blank(where, logits), hide(where, positives)
    where, weights, logits, positives = whole_pool(axis_name, where, weights, logits, positives)
    prior = checks.scalar("prior", prior, logits.dtype, above=0, below=1)
    beta = checks.scalar("beta", beta, logits.dtype, at_least=0)
    gamma = checks.scalar("gamma", gamma, logits.dtype, at_least=0)
    mass, present = pool_mass(where, weights, logits)
    positive_risk, negative_risk = _risks(logits, positives, mass, prior)
    values = positive_risk + jnp.maximum(negative_risk, -beta)
    ascent = jnp.where(negative_risk < -beta, -gamma * negative_risk, positive_risk + negative_risk)
    return reduce(_with_slope_of(values, ascent), where=present, reduction=reduction)


@jax.custom_jvp
def _with_slope_of(values: Array, _other: Array) -> Array:
    """``values`` with the derivatives of the other argument."""
    return values


_with_slope_of.defjvp(lambda primals, tangents: (primals[0], tangents[1]))


def _scores_and_flags(logits: ArrayLike, positives: ArrayLike) -> tuple[Array, Array]:
    """Both as arrays of one shape ``[..., N]``: floating scores and boolean flags."""
    (logits,) = checks.floating(logits=logits)
    (positives,) = checks.boolean("True for a labelled positive", positives=positives)
    checks.with_pool("entries", logits=logits)
    checks.same_shape(logits=logits, positives=positives)
    return logits, positives


def _risks(logits: Array, positives: Array, mass: Array | None, prior: Scalar) -> tuple[Array, Array]:
    """The positive part of the risk and the estimate of its negative part, which may fall below zero."""

    def mean(values: Array, members: Array) -> Array:
        none = False if mass is None or mass.dtype == jnp.bool_ else jnp.zeros((), mass.dtype)
        return pool_mean(values, members if mass is None else jnp.where(members, mass, none))

    accepted, refused = sigmoid_sides(logits)
    positive = prior * mean(refused, positives)
    return positive, mean(accepted, ~positives) - prior * mean(accepted, positives)
