"""Errors relative to the size of the target: fractions, not percent."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import magnitude, quotient
from jaxloss._floor.reduction import blank, pool_mass, pool_mean, reduce
from jaxloss._floor.spread import whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.regression._units import in_units_of

__all__ = ["mean_absolute_percentage_error", "symmetric_mape", "weighted_ape"]


def _half_error(predictions: Array, targets: Array) -> Array:
    """Half the absolute error: the half keeps the difference of two numbers near the top of the dtype finite."""
    return magnitude(0.5 * predictions - 0.5 * targets)


def mean_absolute_percentage_error(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    epsilon: Scalar = 1e-6,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Absolute error as a fraction of the target (MAPE).

    .. math:: \ell = \frac{|\hat y - y|}{\max(|y|, \epsilon)}

    A fraction as in scikit-learn: 0.1 is ten percent (Keras multiplies by 100). It prefers predictions that are
    too low, and one target near 0 outweighs all others; `weighted_ape` and `mean_absolute_scaled_error` do not.

    Args:
        predictions: Shape ``[...]``, floating.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        epsilon: Floor of ``|targets|`` in the denominator, in units of ``targets``; > 0. Set it to the smallest
            target that matters: an error at a target of 0 counts ``1 / epsilon`` times. (scikit-learn's floor is
            2.2e-16, Keras' 1e-7.) Gradients in float16 stay finite for ``epsilon`` >= 1e-4.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, without units; 0 exactly at a perfect fit, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ, or ``epsilon`` is not positive.

    Example:
        >>> jaxloss.mean_absolute_percentage_error(jnp.array([90.0, 3.0]), jnp.array([100.0, 2.0]), reduction="none")
        Array([0.1, 0.5], dtype=float32)

    Reference:
        de Myttenaere, Golden, Le Grand and Rossi (2016), Mean Absolute Percentage Error for Regression Models.
        https://doi.org/10.1016/j.neucom.2015.12.114
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank(where, predictions, targets)
    epsilon = checks.scalar("epsilon", epsilon, predictions.dtype, above=0)
    size = jnp.maximum(magnitude(targets), epsilon)
    values = quotient(_half_error(predictions, targets), 0.5 * size)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def symmetric_mape(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Absolute error as a fraction of the mean size of prediction and target (sMAPE).

    .. math:: \ell = \frac{2 \, |\hat y - y|}{|\hat y| + |y|}

    Three ranges are in use, 0 to 1, to 2 and to 200; this one ends at 2. It is 2, flat, wherever prediction and
    target have opposite signs or one of them is 0, so it does not teach a sign.

    Args:
        predictions: Shape ``[...]``, floating.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in ``[0, 2]``, without units; 0 exactly at a perfect fit, with zero gradient there, also where
        prediction and target are both 0.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.symmetric_mape(jnp.array([3.0, 0.0, -1.0]), jnp.array([1.0, 0.0, 1.0]), reduction="none")
        Array([1., 0., 2.], dtype=float32)

    Reference:
        Makridakis (1993), Accuracy Measures: Theoretical and Practical Concerns.
        https://doi.org/10.1016/0169-2070(93)90079-3
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank(where, predictions, targets)
    size = 0.5 * magnitude(predictions) + 0.5 * magnitude(targets)
    size = jnp.where(size == 0, jnp.ones((), size.dtype), size)
    values = 2 * quotient(_half_error(predictions, targets), size)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def weighted_ape(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Total absolute error over total size of the targets of the last axis (WAPE, WMAPE, the MAD/mean ratio).

    .. math:: \ell = \frac{\sum_t w_t |\hat y_t - y_t|}{\sum_t w_t |y_t|}

    The last axis is pooled before the division, so ``where`` and ``weights`` belong to its entries, and single
    targets may be 0. For one ratio over a whole array pass it flat.

    Args:
        predictions: Shape ``[..., N]``, floating.
        targets: Shape ``[..., N]``, the same; floating or integer; never broadcast.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the entries are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``; see `jaxloss.reduce`. A pool without an entry is absent, and so is one
            whose targets are all 0: it has no scale.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, without units; 0 exactly at a perfect fit, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ, or the last axis is missing; or if every pool has one entry, as in ``[N, 1]``.

    Example:
        >>> jaxloss.weighted_ape(jnp.array([1.0, 4.0]), jnp.array([0.0, 4.0]))
        Array(0.25, dtype=float32)

    Reference:
        Kolassa and Schütz (2007), Advantages of the MAD/Mean Ratio over the MAPE.
        https://ideas.repec.org/a/for/ijafaa/y2007i6p40-43.html
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    checks.with_pool("entries", predictions=predictions)
    predictions, targets = blank(where, predictions, targets)
    where, weights, predictions, targets = whole_pool(axis_name, where, weights, predictions, targets)
    mass, present = pool_mass(where, weights, predictions)
    error = pool_mean(_half_error(predictions, targets), mass)
    values, present = in_units_of(pool_mean(0.5 * magnitude(targets), mass), error, present)
    return reduce(values, where=present, reduction=reduction)
