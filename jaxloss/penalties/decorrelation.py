"""Decorrelated features: units of one layer that do not repeat each other over a batch."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor.maths.rows.moments import deviations, off_diagonal, second_moments, shares
from jaxloss._floor.reduction import reduce
from jaxloss._floor.spread import pools_of_rows
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction

__all__ = ["decov_penalty"]


def decov_penalty(
    activations: ArrayLike,
    *,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""DeCov penalty: half the sum of the squared covariances between different units.

    .. math:: \ell = \tfrac12 \left( \lVert C \rVert_F^2 - \lVert \mathrm{diag}(C) \rVert_2^2 \right)
              = \tfrac12 \sum_{i \ne j} C_{ij}^2, \qquad
              C_{ij} = \frac1N \sum_n (h_{ni} - \mu_i)(h_{nj} - \mu_j)

    It does not look at the variances, and shrinking all activations shrinks it too. The covariance is that of the
    batch, divided by N as in the paper; the covariance term of `jaxloss.vicreg_loss` divides by N - 1, by D and not by
    2. The N examples of the last batch axis are pooled, so ``where`` and ``weights`` belong to them; memory grows with
    :math:`D^2`.

    Args:
        activations: Shape ``[..., N, D]``, floating.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the examples are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``. A pool without an example is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in the fourth power of the units of the activations; 0 where the units are uncorrelated, and for
        a single unit.

    Raises:
        TypeError: If ``activations`` are not floating.
        ValueError: If an axis is missing, the axis of units is empty, or every pool has one entry, as in ``[N, 1, D]``.

    Example:
        >>> activations = jnp.array([[1.0, 2.0, 1.0], [-1.0, -2.0, 1.0]])
        >>> jaxloss.decov_penalty(activations)
        Array(4., dtype=float32)

    Reference:
        Cogswell et al. (2016), Reducing Overfitting in Deep Networks by Decorrelating Representations.
        https://arxiv.org/abs/1511.06068
    """
    activations, mass, present = pools_of_rows(axis_name, where, weights, "examples units", activations=activations)
    centred = deviations(axis_name, jnp.swapaxes(activations, -1, -2), mass)
    covariance = second_moments(axis_name, centred, centred, shares(axis_name, mass, activations[..., 0]))
    return reduce(0.5 * off_diagonal(covariance), where=present, reduction=reduction)
