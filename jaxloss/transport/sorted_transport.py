"""Optimal transport on the line, which sorting solves, and its mean over projections to lines (sliced)."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.rows.products import precision
from jaxloss._floor.maths.rows.quantiles import mean_over_quantiles
from jaxloss._floor.reduction import plain_mean, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.transport._samples import Samples, centre, two_samples

__all__ = ["random_directions", "sliced_wasserstein_loss", "wasserstein_1d_loss"]


def _transported(samples: Samples, p: Scalar, uniform: bool) -> Array:
    """``W_p ** p`` of points ``[..., N]`` and ``[..., M]`` with shares of these shapes."""
    x, y, *shares = samples
    cost = lambda gap: numerics.power(numerics.magnitude(gap), p)
    return mean_over_quantiles(cost, x, y, *([] if uniform and x.shape[-1] == y.shape[-1] else shares))


def wasserstein_1d_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    p: Scalar = 1.0,
    prediction_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Wasserstein distance of two samples on the line, to the power p (earth mover's distance for p = 1).

    .. math:: \ell = W_p^p = \int_0^1 \left| F^{-1}(t) - G^{-1}(t) \right|^p dt

    with :math:`F^{-1}, G^{-1}` the quantile functions of the samples. At p = 1 it is the distance itself, SciPy's
    ``wasserstein_distance``; for other p take the root of the result if the distance is wanted (its slope is infinite
    at 0, that of the power is not).

    Args:
        predictions: Points of one sample, shape ``[..., N]``, floating.
        targets: Points of the other sample, shape ``[..., M]``, floating.
        p: Exponent, >= 1 and finite.
        prediction_weights, target_weights, axis_name, where, weights, reduction: See `jaxloss.transport`.

    Returns:
        A scalar >= 0, in the p-th power of the units of ``targets``; 0 exactly for equal samples of equal masses.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes do not match, a sample is empty, or ``p`` is out of range.

    Example:
        >>> jaxloss.wasserstein_1d_loss(jnp.array([3.0, 0.0, 1.0]), jnp.array([5.0, 6.0, 8.0]))
        Array(5., dtype=float32)

    Reference:
        Peyré and Cuturi (2019), Computational Optimal Transport, section 2.6. https://arxiv.org/abs/1803.00567
    """
    samples = two_samples(axis_name, where, predictions, targets, prediction_weights, target_weights, axes="points")
    p = checks.scalar("p", p, samples[0].dtype, at_least=1, below=math.inf)
    values = _transported(samples, p, prediction_weights is None and target_weights is None)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def sliced_wasserstein_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    directions: ArrayLike,
    *,
    p: Scalar = 2.0,
    prediction_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Sliced Wasserstein distance to the power p: mean over directions of that of the projected samples.

    .. math:: \ell = \frac1K \sum_k W_p^p\left( \{ \langle \theta_k, x_n \rangle \}, \{ \langle \theta_k, y_m \rangle \}
              \right), \qquad \| \theta_k \| = 1

    The directions are an argument, so nothing is random here: draw new ones for every step with
    `jaxloss.random_directions`, or keep them fixed. POT's ``sliced_wasserstein_distance`` is the p-th root.

    Args:
        predictions: Points of one sample, shape ``[..., N, D]``, floating.
        targets: Points of the other sample, shape ``[..., M, D]``, floating.
        directions: Shape ``[K, D]``, floating; need not be normalised. With ``axis_name`` they must be equal on every
            device: draw them from the same key.
        p: Exponent, >= 1 and finite.
        prediction_weights, target_weights, axis_name, where, weights, reduction: See `jaxloss.transport`.

    Returns:
        A scalar >= 0, in the p-th power of the units of ``targets``; 0 exactly for equal samples of equal masses.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes do not match, a sample is empty, or ``p`` is out of range.

    Example:
        >>> points = jnp.array([[0.0, 1.0], [2.0, 1.0]])
        >>> jaxloss.sliced_wasserstein_loss(points, points + 1, jnp.array([[1.0, 0.0], [3.0, 4.0]]))
        Array(1.4799999, dtype=float32)

    Reference:
        Bonneel et al. (2015), Sliced and Radon Wasserstein Barycenters of Measures.
        https://doi.org/10.1007/s10851-014-0506-3
    """
    x, y, a, b = two_samples(
        axis_name, where, predictions, targets, prediction_weights, target_weights, axes="points features"
    )
    (directions,) = checks.floating(directions=directions)
    checks.with_axes("directions features", directions=directions)
    checks.has_shape((directions.shape[0], x.shape[-1]), "directions, features", directions=directions)
    x, directions = promote(x, directions)
    p = checks.scalar("p", p, x.dtype, at_least=1, below=math.inf)
    units = numerics.normalize(directions)
    origin = centre(y, b)  # far from it, products would lose the digits of the differences
    x, y = (jnp.einsum("kd,...nd->...kn", units, (z - origin).astype(x.dtype), precision=precision()) for z in (x, y))
    a, b = (jnp.broadcast_to(s[..., None, :].astype(x.dtype), z.shape) for s, z in ((a, x), (b, y)))
    values = plain_mean(_transported((x, y, a, b), p, prediction_weights is None and target_weights is None), -1)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def random_directions(key: Array, num_directions: int, num_features: int) -> Array:
    """Random unit vectors, uniform on the sphere: the directions of `jaxloss.sliced_wasserstein_loss`.

    Args:
        key: A random key.
        num_directions: Number of vectors.
        num_features: Size of a vector.

    Returns:
        Shape ``[num_directions, num_features]``, float32.

    Example:
        >>> directions = jaxloss.random_directions(jax.random.key(0), 5, 3)
        >>> jnp.linalg.norm(directions, axis=-1)
        Array([1., 1., 1., 1., 1.], dtype=float32)
    """
    return numerics.normalize(jax.random.normal(key, (num_directions, num_features), jnp.float32))
