"""Self-supervision without negatives (Barlow Twins, VICReg): two views agree, features vary and do not repeat."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.rows.moments import deviations, greatest, off_diagonal, second_moments, shares
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.spread import mass_over, require_whole, summed, whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.regression.correlations import pearson_correlation_loss

__all__ = ["barlow_twins_loss", "vicreg_loss"]

Views = tuple[Array, Array]


def _views(
    axis_name: AxisName | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
    first: ArrayLike,
    second: ArrayLike,
) -> tuple[Views, Array, Array | None, Array | None]:
    """Features ``[..., D, N]`` of both views, the share of every example, its mass and which sets have any."""
    first, second = checks.floating(first=first, second=second)
    checks.with_pool("examples features", first=first)
    checks.with_axes("features", first=first)
    checks.same_shape(first=first, second=second)
    first, second = blank(where, first, second, event_ndim=1)
    entries = first[..., 0]
    require_whole(axis_name, entries.shape[-1:], first, second)
    mass, present = mass_over(axis_name, where, weights, entries)
    share = shares(axis_name, mass, entries)
    if not entries.shape[-1]:
        present = jnp.zeros(entries.shape[:-1], bool)
    return (jnp.swapaxes(first, -1, -2), jnp.swapaxes(second, -1, -2)), share, mass, present


def barlow_twins_loss(
    first: ArrayLike,
    second: ArrayLike,
    *,
    redundancy_weight: Scalar = 0.005,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Barlow Twins loss: squared distance of the cross-correlation of the features of two views from the identity.

    .. math:: \ell = \sum_i (1 - C_{ii})^2 + \lambda \sum_{i \ne j} C_{ij}^2, \qquad
              C_{ij} = \frac{\sum_n w_n a_{ni} b_{nj}}{\sqrt{\sum_n w_n a_{ni}^2} \sqrt{\sum_n w_n b_{nj}^2}}

    where :math:`a, b` are the features of the two views minus their weighted means over the examples. A constant
    feature has no correlation: its row and column of :math:`C` are 0. The examples are pooled, so ``where`` and
    ``weights`` belong to them.

    Args:
        first: Embeddings of one view, shape ``[..., N, D]``, floating.
        second: Embeddings of the other view, shape ``[..., N, D]``, the same; row n belongs to row n.
        redundancy_weight: Factor :math:`\lambda` >= 0 of the correlations between features.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the examples are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``; a set without examples is absent. See `jaxloss.reduce`.
        reduction: Over the sets ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 for equal views with uncorrelated features.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or ``redundancy_weight`` is negative; or if every pool has one entry, as in
            ``[N, 1, D]``.

    Example:
        >>> view = jnp.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> jaxloss.barlow_twins_loss(view, view), jaxloss.barlow_twins_loss(view, -view)
        (Array(0., dtype=float32), Array(8., dtype=float32))

    Reference:
        Zbontar et al. (2021), Barlow Twins: Self-Supervised Learning via Redundancy Reduction.
        https://arxiv.org/abs/2103.03230
    """
    views, share, mass, present = _views(axis_name, where, weights, first, second)
    factor = checks.scalar("redundancy_weight", redundancy_weight, share.dtype, at_least=0)
    # Every device has the whole features of both views for the diagonal, which keeps the digits of 1 - C.
    rows = (jnp.swapaxes(x, -1, -2) for x in views)
    _, every, *features = whole_pool(axis_name, None, None if mass is None else share, *rows, event_ndim=1)
    of_feature = functools.partial(pearson_correlation_loss, axis_name=(), weights=every, reduction="none")
    lack = jax.vmap(of_feature, in_axes=-1, out_axes=-1)(*features)
    one, other = (_standardised(axis_name, deviations(axis_name, x, mass), share) for x in views)
    values = jnp.sum(jnp.square(lack), axis=-1) + factor * off_diagonal(second_moments(axis_name, one, other, share))
    return reduce(values, where=present, reduction=reduction)


def _scale(axis_name: AxisName | None, x: Array) -> Array:
    """`numerics.scale_of` the entries of all devices on the last axis."""
    if not axis_name:
        return numerics.scale_of(x)
    return numerics.scale_of(greatest(axis_name, jnp.max(jnp.abs(jax.lax.stop_gradient(x)), -1, keepdims=True)))


def _standardised(axis_name: AxisName | None, centred: Array, share: Array) -> Array:
    """Features of variance 1, or 0 where they are constant."""
    scaled = centred / _scale(axis_name, centred)
    spread = numerics.sqrt(summed(axis_name, jnp.sum(share[..., None, :] * jnp.square(scaled), axis=-1)))
    return numerics.divide(scaled, jnp.broadcast_to(spread[..., None], scaled.shape))


def vicreg_loss(
    first: ArrayLike,
    second: ArrayLike,
    *,
    invariance_weight: Scalar = 25.0,
    variance_weight: Scalar = 25.0,
    covariance_weight: Scalar = 1.0,
    epsilon: Scalar = 1e-4,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""VICReg: invariance between two views, variance of every feature, and no covariance between features.

    .. math:: \ell = \lambda \frac{1}{D} \overline{\| z_n - z'_n \|^2} + \frac{\mu}{2} \left( v(Z) + v(Z') \right)
              + \nu \left( c(Z) + c(Z') \right)

    .. math:: v(Z) = \frac1D \sum_i \max\left( 0, 1 - \sqrt{S_{ii} + \epsilon} \right), \qquad
              c(Z) = \frac1D \sum_{i \ne j} S_{ij}^2

    with :math:`S` the unbiased covariance of the features over the examples, of denominator :math:`N - 1` (with
    weights :math:`1 - \sum_n w_n^2` for weights that sum to 1). As in the authors' code and in other libraries the
    first term is divided by D, and the second is halved, where the paper sums.

    Args:
        first: Embeddings of one view, shape ``[..., N, D]``, floating.
        second: Embeddings of the other view, shape ``[..., N, D]``, the same; row n belongs to row n.
        invariance_weight: Factor :math:`\lambda` >= 0.
        variance_weight: Factor :math:`\mu` >= 0.
        covariance_weight: Factor :math:`\nu` >= 0.
        epsilon: Added to the variances under the root; > 0.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the examples are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``; a set without examples is absent. See `jaxloss.reduce`.
        reduction: Over the sets ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 for equal views of uncorrelated features with a standard deviation of 1 or more.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or a hyperparameter is out of range; or if every pool has one entry, as in
            ``[N, 1, D]``.

    Example:
        >>> view = 2 * jnp.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> jaxloss.vicreg_loss(view, view), jaxloss.vicreg_loss(view, -view)
        (Array(0., dtype=float32), Array(400., dtype=float32))

    Reference:
        Bardes, Ponce and LeCun (2022), VICReg: Variance-Invariance-Covariance Regularization for Self-Supervised
        Learning. https://arxiv.org/abs/2105.04906
    """
    views, share, mass, present = _views(axis_name, where, weights, first, second)
    factors = {
        "invariance_weight": invariance_weight,
        "variance_weight": variance_weight,
        "covariance_weight": covariance_weight,
    }
    lam, mu, nu = (checks.scalar(n, x, share.dtype, at_least=0) for n, x in factors.items())
    epsilon = checks.scalar("epsilon", epsilon, share.dtype, above=0)
    size = views[0].shape[-2]
    apart = summed(axis_name, jnp.sum(share[..., None, :] * jnp.square(views[0] - views[1]), axis=(-2, -1))) / size
    unbias = 1 - summed(axis_name, jnp.sum(jnp.square(share), axis=-1, keepdims=True))[..., None]
    flat, related = jnp.zeros((), share.dtype), jnp.zeros((), share.dtype)
    for view in views:
        centred = deviations(axis_name, view, mass)
        spread = second_moments(axis_name, centred, centred, share)
        spread = numerics.divide(spread, jnp.broadcast_to(unbias, spread.shape))
        deviation = jnp.sqrt(jnp.diagonal(spread, axis1=-2, axis2=-1) + epsilon)
        flat = flat + jnp.sum(numerics.positive_part(1 - deviation), axis=-1) / size
        related = related + off_diagonal(spread) / size
    values = lam * apart + 0.5 * mu * flat + nu * related
    return reduce(values, where=present, reduction=reduction)
