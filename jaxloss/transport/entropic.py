"""Entropic optimal transport (Sinkhorn) between two samples."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.transport._samples import Samples, centred, two_samples
from jaxloss.transport._sinkhorn import entropic_cost

__all__ = ["entropic_transport_loss", "sinkhorn_divergence"]

UNCONVERGED = (
    "the Sinkhorn iterations did not converge: use a larger regularization, more max_iterations or float64, or take "
    "what was found with allow_unconverged=True"
)


def _positive(regularization: Scalar, samples: Samples) -> Array:
    """The regularization of each pair of samples."""
    x = samples[0]
    strength = checks.scalar("regularization", regularization, x.dtype, above=0)
    return jnp.broadcast_to(jnp.asarray(strength, x.dtype), x.shape[:-2])


def _squares(x: Array, y: Array) -> Array:
    return jnp.sum(jnp.square(x[..., :, None, :] - y[..., None, :, :]), axis=-1)


def _apart(samples: Samples, offset: Array) -> Array:
    """What the vector between the centres adds to the cost: the same for every plan.

    Without it, the differences of far samples in units of the distances within them would be lost to rounding.
    """
    x, y, a, b = samples
    lean = jnp.sum(a[..., None] * x, axis=-2) - jnp.sum(b[..., None] * y, axis=-2)
    return jnp.sum(offset * (offset + 2 * lean), axis=-1)


def _found(values: Array) -> Array:
    """The costs; under `jaxloss.checked`, an error where they are NaN."""
    value_checks.ensure(lambda: ~jnp.isnan(values), f"predictions or targets hold a NaN, or {UNCONVERGED}")
    return values


def entropic_transport_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    regularization: Scalar,
    max_iterations: int = 10_000,
    allow_unconverged: bool = False,
    prediction_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Entropic optimal transport (Sinkhorn) cost of moving one sample to another by squared distance.

    .. math:: \ell = \min_P \sum_{nm} P_{nm} \| x_n - y_m \|^2 + \epsilon \, \mathrm{KL}(P \,\|\, a b^\top)

    over couplings :math:`P` with the marginals :math:`a` and :math:`b`, the masses of the points. The divergence is
    part of the value (POT's ``sinkhorn2`` leaves it out). It is not 0 for equal samples: see
    `jaxloss.sinkhorn_divergence`.
    The Sinkhorn iterations start from a larger regularization, which is halved step by step, and end when the marginals
    are off by at most 1e-8, or 4e-6 in float32. For small :math:`\epsilon`, rounding allows only the machine epsilon
    times the largest cost over :math:`\epsilon`; more than 0.01 never counts as converged. Costs are those of centred
    samples: distances from the origin and between the samples change neither the iterations nor their accuracy.
    Derivatives of first and second order are those at the optimum; a second derivative solves a linear system of M
    equations.

    Args:
        predictions: Points of one sample, shape ``[..., N, D]``, floating.
        targets: Points of the other sample, shape ``[..., M, D]``, floating.
        regularization: Strength :math:`\epsilon` of the regularization > 0, in squared units of ``targets``.
        max_iterations: Most iterations of the solver, an integer >= 1. They grow about as :math:`1 / \epsilon`.
        allow_unconverged: Whether to return what the last iteration gave where the solver did not converge. By default,
            the value and the gradient of that pair of samples are NaN, and `jaxloss.checked` raises an error: use a
            larger regularization, more iterations or float64.
        prediction_weights, target_weights, axis_name, where, weights, reduction: See `jaxloss.transport`.

    Returns:
        A scalar >= 0, in squared units of ``targets``; NaN where the solver did not converge.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes do not match, a sample is empty, ``regularization`` is not positive, or
            ``max_iterations`` is not an integer >= 1.

    Example:
        >>> points = jnp.array([[0.0], [1.0]])
        >>> print(f"{jaxloss.entropic_transport_loss(points, points + 3, regularization=0.1):.2f}")
        9.07

    Reference:
        Cuturi (2013), Sinkhorn Distances: Lightspeed Computation of Optimal Transport.
        https://arxiv.org/abs/1306.0895
    """
    max_iterations = checks.whole("max_iterations", max_iterations)
    cost = entropic_cost(False, max_iterations, allow_unconverged)
    samples = two_samples(
        axis_name, where, predictions, targets, prediction_weights, target_weights, axes="points features"
    )
    strength = _positive(regularization, samples)
    samples, offset = centred(samples)

    x, y, a, b = samples
    values = _found(_apart(samples, offset) + cost(_squares(x, y), a, b, strength))
    return reduce(numerics.positive_part(values), where=where, weights=weights, reduction=reduction)


def sinkhorn_divergence(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    regularization: Scalar,
    max_iterations: int = 10_000,
    allow_unconverged: bool = False,
    prediction_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    axis_name: AxisName | None = None,
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
        max_iterations: Most iterations of the solver, an integer >= 1. They grow about as :math:`1 / \epsilon`.
        allow_unconverged: Whether to return what the last iteration gave where the solver did not converge. By default,
            the value and the gradient of that pair of samples are NaN, and `jaxloss.checked` raises an error: use a
            larger regularization, more iterations or float64.
        prediction_weights, target_weights, axis_name, where, weights, reduction: See `jaxloss.transport`.

    Returns:
        A scalar, in squared units of ``targets``; >= 0 up to the error of the solver. NaN where it did not
        converge.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes do not match, a sample is empty, ``regularization`` is not positive, or
            ``max_iterations`` is not an integer >= 1.

    Example:
        >>> points = jnp.array([[0.0], [1.0]])
        >>> print(f"{jaxloss.sinkhorn_divergence(points, points + 3, regularization=0.1):.2f}")
        9.00

    Reference:
        Feydy et al. (2019), Interpolating between Optimal Transport and MMD using Sinkhorn Divergences.
        https://arxiv.org/abs/1810.08278
    """
    max_iterations = checks.whole("max_iterations", max_iterations)
    between, within = (entropic_cost(own, max_iterations, allow_unconverged) for own in (False, True))
    samples = two_samples(
        axis_name, where, predictions, targets, prediction_weights, target_weights, axes="points features"
    )
    strength = _positive(regularization, samples)
    samples, offset = centred(samples)

    x, y, a, b = samples
    own = within(_squares(x, x), a, a, strength) + within(_squares(y, y), b, b, strength)
    values = _found(_apart(samples, offset) + (between(_squares(x, y), a, b, strength) - 0.5 * own))
    return reduce(values, where=where, weights=weights, reduction=reduction)
