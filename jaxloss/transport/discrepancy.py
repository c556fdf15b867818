"""Discrepancies of two samples from the distances of all their points: MMD and energy distance."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction
from jaxloss.transport._pairs import PairMeans, pair_means
from jaxloss.transport._samples import Samples, two_samples

__all__ = ["energy_distance", "mmd_loss", "unbiased_mmd_loss"]


def _unlike(axis_name: AxisName | None, chunk_size: int | None, samples: Samples, bandwidths: Any) -> PairMeans:
    """The means of one minus the mean Gaussian kernel of two points."""
    (bandwidths,) = checks.numeric(bandwidths=bandwidths)
    checks.with_axes("bandwidths", bandwidths=bandwidths)
    checks.has_shape((bandwidths.size,), "one number per kernel", bandwidths=bandwidths)
    dtype = samples[0].dtype
    bandwidths = bandwidths.astype(dtype)

    def unlike(squares: Array, scale: Array) -> Array:
        each = []
        for bandwidth in bandwidths:
            inverse = jnp.minimum(scale / bandwidth, jnp.asarray(1e15, dtype))  # beyond, its square times 0 is NaN
            each.append(-jnp.expm1(-0.5 * squares * jnp.square(inverse)))
        return sum(each[1:], each[0]) / len(each)

    means = pair_means(axis_name, chunk_size, samples, unlike)
    legal = jnp.all(bandwidths > 0)
    return PairMeans(*(numerics.poison(mean, legal) for mean in means))


def _excess(means: PairMeans) -> Array:
    """What the mean between the samples exceeds those within them by, twice; never below 0."""
    return numerics.positive_part(2 * means.between - means.first - means.second)


def energy_distance(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    prediction_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Energy distance of two samples: distances between the samples minus those within each of them.

    .. math:: \ell = 2 \, \mathbb E \| X - Y \| - \mathbb E \| X - X' \| - \mathbb E \| Y - Y' \|

    over all pairs of points, including each point with itself (the V-statistic, never negative). In one dimension
    it is the square of ``scipy.stats.energy_distance``. Time grows with :math:`(N + M)^2`, memory
    with the chunk. The distances come
    from inner products: between points that are close compared with the spread of their sample, the error of a
    float32 distance is up to 3e-4 of that spread.

    Args:
        predictions: Points of one sample, shape ``[..., N, D]``, floating.
        targets: Points of the other sample, shape ``[..., M, D]``, floating.
        prediction_weights, target_weights, chunk_size, axis_name, where, weights, reduction: See
            `jaxloss.transport`.

    Returns:
        A scalar >= 0, in units of ``targets``; 0 for equal samples, up to the rounding of a distance.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes do not match or a sample is empty.

    Example:
        >>> jaxloss.energy_distance(jnp.array([[0.0], [2.0]]), jnp.array([[3.0]]))
        Array(3., dtype=float32)

    Reference:
        Székely and Rizzo (2013), Energy Statistics: A Class of Statistics Based on Distances.
        https://doi.org/10.1016/j.jspi.2013.03.018
    """
    samples = two_samples(
        axis_name, where, predictions, targets, prediction_weights, target_weights, axes="points features"
    )
    means = pair_means(axis_name, chunk_size, samples, lambda squares, scale: scale * numerics.sqrt(squares))
    values = _excess(means)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def mmd_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    bandwidths: ArrayLike | tuple[float, ...] = (1.0,),
    prediction_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Squared maximum mean discrepancy (MMD) of two samples under a mean of Gaussian kernels; the biased estimate.

    .. math:: \ell = \mathbb E \, k(X, X') + \mathbb E \, k(Y, Y') - 2 \, \mathbb E \, k(X, Y), \qquad
              k(x, y) = \frac1K \sum_b e^{-\|x - y\|^2 / (2 \sigma_b^2)}

    over all pairs of points, including each point with itself (the V-statistic, never negative). A bandwidth that
    is a median of the distances depends on the data: compute it and pass it through ``jax.lax.stop_gradient``. Time
    grows with :math:`(N + M)^2`, memory with the chunk. The distances come from inner products: the error of one in
    float32 is up to 3e-4 of the spread of a sample, which must be well below the bandwidth. Of the codes of an
    autoencoder and samples of its prior, and added to the reconstruction error, it is the loss of MMD-VAE, InfoVAE and
    WAE-MMD.

    Args:
        predictions: Points of one sample, shape ``[..., N, D]``, floating.
        targets: Points of the other sample, shape ``[..., M, D]``, floating.
        bandwidths: Widths :math:`\sigma_b` > 0 of the kernels, in units of a distance, shape ``[K]``.
        prediction_weights, target_weights, chunk_size, axis_name, where, weights, reduction: See
            `jaxloss.transport`.

    Returns:
        A scalar in ``[0, 2]``; 0 for equal samples, up to the rounding of a distance. NaN if a bandwidth is not
        positive.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes do not match or a sample is empty.

    Example:
        >>> jaxloss.mmd_loss(jnp.array([[0.0], [2.0]]), jnp.array([[3.0]]))
        Array(0.9500278, dtype=float32)

    Reference:
        Gretton et al. (2012), A Kernel Two-Sample Test. https://jmlr.org/papers/v13/gretton12a.html
    """
    samples = two_samples(
        axis_name, where, predictions, targets, prediction_weights, target_weights, axes="points features"
    )
    values = _excess(_unlike(axis_name, chunk_size, samples, bandwidths))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def unbiased_mmd_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    bandwidths: ArrayLike | tuple[float, ...] = (1.0,),
    prediction_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Squared maximum mean discrepancy (MMD) of two samples under a mean of Gaussian kernels; the unbiased estimate.

    .. math:: \ell = \sum_{i \ne j} \frac{a_i a_j k(x_i, x_j)}{1 - \sum_i a_i^2}
              + \sum_{i \ne j} \frac{b_i b_j k(y_i, y_j)}{1 - \sum_i b_i^2}
              - 2 \sum_{i, j} a_i b_j k(x_i, y_j), \qquad
              k(x, y) = \frac1K \sum_b e^{-\|x - y\|^2 / (2 \sigma_b^2)}

    with masses :math:`a, b` that sum to one, 1 / N and 1 / M by default. This U-statistic is 0 on average, and as often
    below 0 as above, for two samples of one distribution.

    Args:
        predictions: Points of one sample, shape ``[..., N, D]``, floating; at least two of them.
        targets: Points of the other sample, shape ``[..., M, D]``, floating; at least two of them.
        bandwidths: Widths :math:`\sigma_b` > 0 of the kernels, in units of a distance, shape ``[K]``.
        prediction_weights, target_weights, chunk_size, axis_name, where, weights, reduction: See
            `jaxloss.transport`.

    Returns:
        A scalar in ``[-1, 2]``. NaN if a bandwidth is not positive.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes do not match or a sample has fewer than two points.

    Example:
        >>> jaxloss.unbiased_mmd_loss(jnp.array([[0.0], [2.0]]), jnp.array([[3.0], [3.0]]))
        Array(0.5176955, dtype=float32)

    Reference:
        Gretton et al. (2012), A Kernel Two-Sample Test. https://jmlr.org/papers/v13/gretton12a.html
    """
    samples = two_samples(
        axis_name, where, predictions, targets, prediction_weights, target_weights, axes="points features"
    )
    x, y, a, b = samples
    if min(x.shape[-2], y.shape[-2]) < 2:
        raise ValueError(f"predictions and targets must hold at least two points; found shapes {x.shape}, {y.shape}.")
    means = _unlike(axis_name, chunk_size, samples, bandwidths)
    values = 2 * means.between - _of_different(means.first, a) - _of_different(means.second, b)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _of_different(mean: Array, shares: Array) -> Array:
    """The mean over the pairs of different points of one sample; a point is not unlike itself."""
    return numerics.divide(mean, 1 - jnp.sum(jnp.square(shares), axis=-1))
