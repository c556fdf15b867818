"""Entropic optimal transport (Sinkhorn) between two samples, solved by ott-jax (the extra ``transport``)."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.transport._samples import Samples, two_samples
from jaxloss.transport._sinkhorn import entropic_cost

__all__ = ["entropic_transport_loss", "sinkhorn_divergence"]


def _for_each_pair(solve: Callable[..., Array], samples: Samples) -> Array:
    """``solve(x, y, a, b)`` for every pair of samples."""
    batch = samples[0].shape[:-2]
    flat = [x.reshape(math.prod(batch), *x.shape[len(batch) :]) for x in samples]
    if not flat[0].shape[0]:
        return jnp.zeros(batch, flat[0].dtype)
    return jax.vmap(solve)(*flat).reshape(batch)


def _positive(regularization: Scalar, samples: Samples) -> Array:
    dtype = samples[0].dtype
    return jnp.asarray(checks.scalar("regularization", regularization, dtype, above=0), dtype)


def _squares(x: Array, y: Array) -> Array:
    return jnp.sum(jnp.square(x[:, None, :] - y[None, :, :]), axis=-1)


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
    The solver is ott-jax, run until the marginals are off by at most the square root of the machine epsilon, or for
    2000 iterations. Derivatives of first and second order are those at the optimum; a second derivative solves a linear
    system of M equations. `jaxloss.checked` does not support the loop of the solver.

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
    cost = entropic_cost(symmetric=False)
    samples = two_samples(where, predictions, targets, prediction_weights, target_weights, axes="points features")
    strength = _positive(regularization, samples)
    values = _for_each_pair(lambda x, y, a, b: cost(_squares(x, y), a, b, strength), samples)
    return reduce(numerics.positive_part(values), where=where, weights=weights, reduction=reduction)


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

    with `jaxloss.entropic_transport_loss`, which describes the solver, as :math:`\mathrm{OT}_\epsilon`. For small
    :math:`\epsilon` it nears the squared Wasserstein distance, for large the squared distance of the means.

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
    between, within = entropic_cost(symmetric=False), entropic_cost(symmetric=True)
    samples = two_samples(where, predictions, targets, prediction_weights, target_weights, axes="points features")
    strength = _positive(regularization, samples)

    def solve(x: Array, y: Array, a: Array, b: Array) -> Array:
        own = within(_squares(x, x), a, a, strength) + within(_squares(y, y), b, b, strength)
        return between(_squares(x, y), a, b, strength) - 0.5 * own

    return reduce(_for_each_pair(solve, samples), where=where, weights=weights, reduction=reduction)
