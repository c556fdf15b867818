"""Distances of samples and Gaussians by their covariances: correlation alignment, Bures-Wasserstein."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import binary_scale_of, difference, divide
from jaxloss._floor.maths.rows.products import precision
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction
from jaxloss.transport._polar import orthogonal_factor
from jaxloss.transport._samples import centre, two_samples

__all__ = ["coral_loss", "gaussian_wasserstein_distance"]


def coral_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    prediction_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Correlation alignment (Deep CORAL): squared distance of the covariances of two samples of features.

    .. math:: \ell = \frac{1}{4 D^2} \lVert C_x - C_y \rVert_F^2, \qquad
              C_x = \frac{1}{1 - \sum_i a_i^2} \sum_i a_i (x_i - \bar x)(x_i - \bar x)^\top

    with masses :math:`a` that sum to one: for equal masses the covariance has the denominator N - 1. It adapts a
    network to another domain without labels of it, as an addition to the loss of the first domain. DomainBed and the
    Transfer Learning Library take the mean over the entries without the 1/4, and add the squared distance of the means,
    which is ``jaxloss.squared_error(xs.mean(0), ys.mean(0))``.

    Args:
        predictions: Features of one sample, shape ``[..., N, D]``, floating; at least two rows.
        targets: Features of the other sample, shape ``[..., M, D]``, floating; at least two rows.
        prediction_weights, target_weights, axis_name, where, weights, reduction: See `jaxloss.transport`.

    Returns:
        A scalar >= 0, in fourth powers of the units of a feature; 0 exactly for equal samples, with zero gradient.

    Raises:
        TypeError: If a sample is not floating.
        ValueError: If the shapes do not match or a sample has fewer than two points.

    Example:
        >>> xs, ys = jnp.array([[0.0], [2.0]]), jnp.array([[5.0], [9.0]])  # variances 2 and 8
        >>> jaxloss.coral_loss(xs, ys)
        Array(9., dtype=float32)

    Reference:
        Sun and Saenko (2016), Deep CORAL: Correlation Alignment for Deep Domain Adaptation.
        https://arxiv.org/abs/1607.01719
    """
    x, y, a, b = two_samples(
        axis_name, where, predictions, targets, prediction_weights, target_weights, axes="points features"
    )
    if min(x.shape[-2], y.shape[-2]) < 2:
        raise ValueError(f"predictions and targets must hold at least two points; found shapes {x.shape}, {y.shape}.")
    apart = (_covariance(x, a) - _covariance(y, b)) / (2 * x.shape[-1])
    return reduce(jnp.sum(jnp.square(apart), axis=(-2, -1)), where=where, weights=weights, reduction=reduction)


def _covariance(points: Array, shares: Array) -> Array:
    near = jnp.where((shares > 0)[..., None], points - centre(points, shares), jnp.zeros((), points.dtype))
    # The constant centre keeps the digits of points far from the origin; what is left of the mean has its derivative.
    near = near - jnp.sum(shares[..., None] * near, axis=-2, keepdims=True)
    products = jnp.einsum("...nd,...ne->...de", shares[..., None] * near, near, precision=precision())
    free = 1 - jnp.sum(jnp.square(shares), axis=-1)
    return divide(products, jnp.broadcast_to(free[..., None, None], products.shape))


def gaussian_wasserstein_distance(
    means_p: ArrayLike,
    factors_p: ArrayLike,
    means_q: ArrayLike,
    factors_q: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Squared 2-Wasserstein distance of two Gaussians (Bures-Wasserstein, Frechet distance), from factors.

    .. math:: \ell = \lVert \mu_p - \mu_q \rVert^2
              + \operatorname{tr}\left( \Sigma_p + \Sigma_q - 2 (\Sigma_p^{1/2} \Sigma_q \Sigma_p^{1/2})^{1/2} \right)
              = \lVert \mu_p - \mu_q \rVert^2 + \min_{Q^\top Q = I} \lVert A_p - A_q Q \rVert_F^2

    with :math:`\Sigma = A A^\top`. Any square factor will do, such as a Cholesky factor. The second form has no square
    root of a matrix, so that covariances of any rank have a finite gradient. For features ``[N, D]`` with N >= D, as of
    the Frechet Inception distance, a factor is ``jnp.linalg.qr((x - x.mean(0)) / (N - 1) ** 0.5, "r").T``. For diagonal
    covariances it is the squared error of means plus that of standard deviations, summed.

    Args:
        means_p, means_q: Means :math:`\mu`, shape ``[..., D]``, floating.
        factors_p, factors_q: Factors :math:`A` of the covariances, shape ``[..., D, D]``, floating.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of the means; 0 for equal Gaussians up to squares of rounding errors.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes do not match, or the last axis is empty.

    Example:
        >>> jaxloss.gaussian_wasserstein_distance(jnp.zeros(2), jnp.eye(2), jnp.array([3.0, 0.0]), 2 * jnp.eye(2))
        Array(11., dtype=float32)

    Reference:
        Dowson and Landau (1982), The Fréchet Distance between Multivariate Normal Distributions.
        https://doi.org/10.1016/0047-259X(82)90077-X
    """
    inputs = {"means_p": means_p, "factors_p": factors_p, "means_q": means_q, "factors_q": factors_q}
    inputs = dict(zip(inputs, checks.floating(**inputs), strict=True))
    checks.with_axes("features", means_p=inputs["means_p"])
    checks.same_shape(means_p=inputs["means_p"], means_q=inputs["means_q"])
    square = (*inputs["means_p"].shape, inputs["means_p"].shape[-1])
    checks.has_shape(square, "means_p.shape and its last axis again", factors_p=inputs["factors_p"])
    checks.has_shape(square, "means_p.shape and its last axis again", factors_q=inputs["factors_q"])
    means_p, means_q = blank(where, inputs["means_p"], inputs["means_q"], event_ndim=1)
    factors_p, factors_q = blank(where, inputs["factors_p"], inputs["factors_q"], event_ndim=2)
    apart = difference(means_p, means_q)
    values = jnp.sum(jnp.square(apart), axis=-1) + _bures(factors_p, factors_q)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _bures(factors_p: Array, factors_q: Array) -> Array:
    size = binary_scale_of(jnp.concatenate([factors_p, factors_q], axis=-1), (-2, -1))
    one, other = factors_p / size, factors_q / size
    product = lambda x, y: jnp.matmul(x, y, precision="highest")
    turned = product(other, orthogonal_factor(product(jnp.swapaxes(other, -1, -2), one)))
    return jnp.sum(jnp.square(one - turned), axis=(-2, -1)) * jnp.square(size[..., 0, 0])
