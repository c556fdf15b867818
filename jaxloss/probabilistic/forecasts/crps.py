"""Continuous ranked probability scores: the squared distance of a distribution function to the step observed."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import positive_part
from jaxloss._floor.reduction import blank, hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.probabilistic.forecasts._gaussian import gaussian_score
from jaxloss.regression.quantiles import multi_quantile_loss

__all__ = ["ensemble_crps", "fair_ensemble_crps", "gaussian_crps", "quantile_crps"]


def gaussian_crps(
    means: ArrayLike,
    scales: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Continuous ranked probability score (CRPS) of a normal distribution, in closed form.

    .. math:: \ell = \sigma \left( z \, (2 \Phi(z) - 1) + 2 \varphi(z) - \frac{1}{\sqrt \pi} \right), \qquad
              z = \frac{y - \mu}{\sigma}

    A score in the units of the data that grows linearly with the error: beside `gaussian_nll` it forgives
    outliers and does not reward a vanishing variance without bound.

    Args:
        means: Shape ``[...]``, floating.
        scales: Shape ``[...]``, the same; the standard deviations :math:`\sigma`; > 0, NaN otherwise.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar > 0, in units of ``targets``; at least 0.2337 :math:`\sigma`.

    Raises:
        TypeError: If ``means`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.gaussian_crps(jnp.array([0.0, 0.0]), jnp.array([1.0, 1.0]), jnp.array([0.0, 1.0]), reduction="none")
        Array([0.23369497, 0.6024413 ], dtype=float32)

    Reference:
        Gneiting et al. (2005), Calibrated Probabilistic Forecasting Using Ensemble Model Output Statistics and
        Minimum CRPS Estimation. https://doi.org/10.1175/MWR2904.1
    """
    means, scales, targets = checks.values(means=means, scales=scales, targets=targets)
    means, scales, targets = blank(where, means, scales, targets, fill=1)
    values = value_checks.within_domain(gaussian_score(targets - means, scales), scales > 0, "scales must be > 0")
    return reduce(values, where=where, weights=weights, reduction=reduction)


def ensemble_crps(
    members: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Continuous ranked probability score (CRPS) of the empirical distribution of an ensemble.

    .. math:: \ell = \frac1M \sum_i |x_i - y| - \frac{1}{2 M^2} \sum_{i, j} |x_i - x_j|

    The score of the ensemble as it is (``nrg`` and ``qd`` in scoringrules): as an estimate of the score of the
    distribution behind the members it is biased and favours too little spread; `fair_ensemble_crps` is not.
    By sorting, in M log M steps.

    Args:
        members: Shape ``[..., M]``, floating.
        targets: Shape ``[...]``, floating or integer.
        where, weights, reduction: See `jaxloss.reduce`; over the batch axes ``[...]``.

    Returns:
        A scalar >= 0, in units of ``targets``; 0 exactly if all members hit the target.

    Raises:
        TypeError: If ``members`` are not floating.
        ValueError: If the shapes do not match, or M is 0.

    Example:
        >>> jaxloss.ensemble_crps(jnp.array([[0.0, 2.0], [1.0, 1.0]]), jnp.array([1.0, 1.0]), reduction="none")
        Array([0.5, 0. ], dtype=float32)

    Reference:
        Gneiting and Raftery (2007), Strictly Proper Scoring Rules, Prediction, and Estimation.
        https://doi.org/10.1198/016214506000001437
    """
    members, targets = _members_and_targets(where, members, targets)
    values = _crps_of_members(members, targets, members.shape[-1] ** 2)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def fair_ensemble_crps(
    members: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Fair CRPS: unbiased estimate, from an ensemble, of the score of its underlying distribution.

    .. math:: \ell = \frac1M \sum_i |x_i - y| - \frac{1}{2 M (M - 1)} \sum_{i, j} |x_i - x_j|

    The estimator to train with: ensembles of different sizes have the same expected score, and two members
    are enough. It is ``fair`` in scoringrules, whose default is that of `ensemble_crps`.

    Args:
        members: Shape ``[..., M]``, floating; M >= 2.
        targets: Shape ``[...]``, floating or integer.
        where, weights, reduction: See `jaxloss.reduce`; over the batch axes ``[...]``.

    Returns:
        A scalar >= 0, in units of ``targets``; 0 exactly if all members hit the target, and also for two
        members with the target between them.

    Raises:
        TypeError: If ``members`` are not floating.
        ValueError: If the shapes do not match, or M is less than 2.

    Example:
        >>> jaxloss.fair_ensemble_crps(jnp.array([[0.0, 2.0], [1.0, 2.0]]), jnp.array([1.0, 3.0]), reduction="none")
        Array([0., 1.], dtype=float32)

    Reference:
        Ferro (2014), Fair Scores for Ensemble Forecasts. https://doi.org/10.1002/qj.2270
    """
    members, targets = _members_and_targets(where, members, targets)
    size = members.shape[-1]
    if size < 2:
        raise ValueError(f"members must have at least 2 entries on the last axis; found shape {members.shape}.")
    values = _crps_of_members(members, targets, size * (size - 1))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _members_and_targets(where: ArrayLike | None, members: ArrayLike, targets: ArrayLike) -> tuple[Array, ...]:
    (members,) = checks.floating(members=members)
    (targets,) = checks.numeric(targets=targets)
    checks.with_axes("members", members=members)
    checks.has_shape(members.shape[:-1], "members.shape[:-1], the member axis is last", targets=targets)
    return promote(hide(where, members, event_ndim=1), hide(where, targets))


def _crps_of_members(members: Array, targets: Array, pairs: int) -> Array:
    order = jnp.argsort(jax.lax.stop_gradient(members), axis=-1)
    return _crps_of_sorted(pairs, jnp.take_along_axis(members, order, axis=-1), targets)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _crps_of_sorted(pairs: int, members: Array, targets: Array) -> Array:
    """``mean |x - y| - sum_ij |x_i - x_j| / (2 pairs)`` as a sum over the gaps between neighbours.

    A gap with i members below and j above weighs ``i / M - i j / pairs`` below the target and
    ``j / M - i j / pairs`` above it; for M^2 and M (M - 1) pairs none of that is negative, so nothing cancels.
    """
    size = members.shape[-1]
    below = np.arange(1, size)
    spread = below * below[::-1] / pairs
    under, over = (jnp.asarray(x / size - spread, members.dtype) for x in (below, below[::-1]))
    left, right, target = members[..., :-1], members[..., 1:], targets[..., None]
    split = jnp.clip(target, left, right)
    expand = functools.partial(jnp.broadcast_to, shape=left.shape)
    inner = jnp.sum(expand(under) * (split - left) + expand(over) * (right - split), axis=-1)
    return inner + positive_part(members[..., 0] - targets) + positive_part(targets - members[..., -1])


@_crps_of_sorted.defjvp
def _crps_of_sorted_jvp(pairs: int, primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    members, targets = primals
    size = members.shape[-1]
    target = jnp.broadcast_to(targets[..., None], members.shape)
    toward = ((members > target).astype(members.dtype) - (members < target).astype(members.dtype)) / size
    rank = (_first_of_ties(members) - _first_of_ties(members[..., ::-1])[..., ::-1]).astype(members.dtype)
    slopes = toward - rank / pairs
    tangent = jnp.sum(slopes * tangents[0], axis=-1) - jnp.sum(toward, axis=-1) * tangents[1]
    return _crps_of_sorted(pairs, members, targets), tangent


def _first_of_ties(ordered: Array) -> Array:
    """How many entries of an ordered last axis come before the first that equals each entry."""
    index = jnp.broadcast_to(jnp.arange(ordered.shape[-1], dtype=jnp.int32), ordered.shape)
    fresh = jnp.concatenate([jnp.ones_like(ordered[..., :1], bool), ordered[..., 1:] != ordered[..., :-1]], axis=-1)
    return jax.lax.cummax(jnp.where(fresh, index, 0), axis=ordered.ndim - 1)


def quantile_crps(
    predictions: ArrayLike,
    targets: ArrayLike,
    levels: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Continuous ranked probability score (CRPS) from predicted quantiles: twice their mean pinball loss.

    .. math:: \ell = \frac2Q \sum_q \max \big( \tau_q (y - \hat y_q), (\tau_q - 1)(y - \hat y_q) \big)

    With evenly spaced levels :math:`\tau_q = (q - \frac12) / Q` it tends to the score of the whole
    distribution; the factor 2, often left out, is what makes that so.

    Args:
        predictions: Shape ``[..., Q]``, floating, one quantile per level.
        targets: Shape ``[...]``, floating or integer.
        levels: Shape ``[Q]``, floating, the levels :math:`\tau`, in (0, 1), NaN otherwise.
        where, weights, reduction: See `jaxloss.reduce`; over the batch axes ``[...]``.

    Returns:
        A scalar >= 0, in units of ``targets``; 0 exactly if all quantiles equal the target.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes do not match, or Q is 0.

    Example:
        >>> jaxloss.quantile_crps(jnp.array([1.0, 2.0, 3.0]), jnp.array(2.0), jnp.array([0.25, 0.5, 0.75]))
        Array(0.33333334, dtype=float32)

    Reference:
        Laio and Tamea (2007), Verification Tools for Probabilistic Forecasts of Continuous Hydrological Variables.
        https://doi.org/10.5194/hess-11-1267-2007
    """
    values = 2 * multi_quantile_loss(predictions, targets, levels, where=where, reduction="none")
    return reduce(values, where=where, weights=weights, reduction=reduction)
