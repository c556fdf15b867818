"""Entropic optimal transport (Sinkhorn) between two samples, solved by ott-jax (the extra ``transport``)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.transport._samples import Samples, two_samples

__all__ = ["entropic_transport_loss", "sinkhorn_divergence"]


def _solvers() -> tuple[Any, Any, Any]:
    """The modules of ott-jax that are called here; what its own dependencies say of themselves is not for our users."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            from ott.geometry import pointcloud
            from ott.solvers import linear
            from ott.tools import sinkhorn_divergence as divergence
    except ImportError as error:
        raise ImportError(
            "entropic_transport_loss and sinkhorn_divergence call ott-jax: pip install 'jaxloss[transport]'."
        ) from error
    return pointcloud, linear, divergence


def _for_each_pair(solve: Callable[..., Array], samples: Samples) -> Array:
    """``solve(x, y, a, b)`` for every pair of samples, under JAX's own rules of promotion, which ott-jax expects."""
    batch = samples[0].shape[:-2]
    flat = [x.reshape(-1, *x.shape[len(batch) :]) for x in samples]
    if not flat[0].shape[0]:
        return jnp.zeros(batch, flat[0].dtype)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return jax.vmap(solve)(*flat).reshape(batch)


def entropic_transport_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    regularization: Scalar,
    prediction_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Entropic optimal transport (Sinkhorn) cost of moving one sample to another by squared distance.

    .. math:: \ell = \min_P \sum_{nm} P_{nm} \| x_n - y_m \|^2 + \epsilon \, \mathrm{KL}(P \,\|\, a b^\top)

    over couplings :math:`P` with the marginals :math:`a` and :math:`b`, the masses of the points. The divergence is
    part of the value (POT's ``sinkhorn2`` leaves it out). It is not 0 for equal samples: see
    `jaxloss.sinkhorn_divergence`.
    The solver is ott-jax; the gradient is that at the optimal potentials, without its iterations.

    Args:
        predictions: Points of one sample, shape ``[..., N, D]``, floating.
        targets: Points of the other sample, shape ``[..., M, D]``, floating.
        regularization: Strength :math:`\epsilon` of the regularization > 0, in squared units of ``targets``.
        prediction_weights, target_weights, where, weights, reduction: See `jaxloss.transport`.

    Returns:
        A scalar >= 0, in squared units of ``targets``.

    Raises:
        ImportError: If ott-jax is not installed.
        TypeError: If an input is not floating.
        ValueError: If the shapes do not match, a sample is empty, or ``regularization`` is not positive.

    Example:
        >>> points = jnp.array([[0.0], [1.0]])
        >>> print(f"{jaxloss.entropic_transport_loss(points, points + 3, regularization=0.1):.2f}")
        9.07

    Reference:
        Cuturi (2013), Sinkhorn Distances: Lightspeed Computation of Optimal Transport.
        https://arxiv.org/abs/1306.0895
    """
    pointcloud, linear, _ = _solvers()
    samples = two_samples(where, predictions, targets, prediction_weights, target_weights, axes="points features")
    strength = checks.scalar("regularization", regularization, samples[0].dtype, above=0)
    solve = lambda x, y, a, b: linear.solve(pointcloud.PointCloud(x, y, epsilon=strength), a, b).reg_ot_cost
    return reduce(_for_each_pair(solve, samples), where=where, weights=weights, reduction=reduction)


def sinkhorn_divergence(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    regularization: Scalar,
    prediction_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Sinkhorn divergence: entropic transport cost minus half that of each sample to itself; 0 for equal samples.

    .. math:: \ell = \mathrm{OT}_\epsilon(x, y) - \tfrac12 \mathrm{OT}_\epsilon(x, x)
              - \tfrac12 \mathrm{OT}_\epsilon(y, y)

    with `jaxloss.entropic_transport_loss` as :math:`\mathrm{OT}_\epsilon`. For small :math:`\epsilon` it nears the
    squared Wasserstein distance, for large the squared distance of the means.

    Args:
        predictions: Points of one sample, shape ``[..., N, D]``, floating.
        targets: Points of the other sample, shape ``[..., M, D]``, floating.
        regularization: Strength :math:`\epsilon` of the regularization > 0, in squared units of ``targets``.
        prediction_weights, target_weights, where, weights, reduction: See `jaxloss.transport`.

    Returns:
        A scalar, in squared units of ``targets``; >= 0 up to the error of the solver.

    Raises:
        ImportError: If ott-jax is not installed.
        TypeError: If an input is not floating.
        ValueError: If the shapes do not match, a sample is empty, or ``regularization`` is not positive.

    Example:
        >>> points = jnp.array([[0.0], [1.0]])
        >>> print(f"{jaxloss.sinkhorn_divergence(points, points + 3, regularization=0.1):.2f}")
        9.00

    Reference:
        Feydy et al. (2019), Interpolating between Optimal Transport and MMD using Sinkhorn Divergences.
        https://arxiv.org/abs/1810.08278
    """
    pointcloud, _, divergence = _solvers()
    samples = two_samples(where, predictions, targets, prediction_weights, target_weights, axes="points features")
    strength = checks.scalar("regularization", regularization, samples[0].dtype, above=0)

    def solve(x: Array, y: Array, a: Array, b: Array) -> Array:
        return divergence.sinkhorn_divergence(pointcloud.PointCloud, x=x, y=y, a=a, b=b, epsilon=strength)[0]

    return reduce(_for_each_pair(solve, samples), where=where, weights=weights, reduction=reduction)
