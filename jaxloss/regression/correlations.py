"""Losses of direction and agreement: one minus a cosine or a correlation, written so that it cannot fall below 0."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.errors import apart_on_cpu
from jaxloss._floor.maths.rows.directions import half_squared_chord
from jaxloss._floor.reduction import blank, hide, pool_mass, pool_mean, promote, reduce
from jaxloss._floor.spread import whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction

__all__ = ["concordance_correlation_loss", "cosine_distance", "pearson_correlation_loss"]


def _total(x: Array, mass: Array | None) -> Array:
    """The sum over the last axis, or the weighted mean: an angle is the same in both."""
    return jnp.sum(x, axis=-1) if mass is None else pool_mean(x, mass)


def _one_minus_cosine(x: Array, y: Array, mass: Array | None, half_gap: Array) -> Array:
    """Half the squared chord between the directions; 1, flat, where one of them has none.

    The chord is taken as ``(x - y) / |x| + y (1 / |x| - 1 / |y|)``: of equal vectors both summands are exactly 0,
    where a difference of two roundings, fused into the divisions, need not be. ``half_gap`` is ``(x - y) / 2``, which
    the caller knows better than the difference of the two.
    """
    scale_x, scale_y = numerics.binary_scale_of(x), numerics.binary_scale_of(y)
    x, y = x / scale_x, y / scale_y
    gap = jnp.where(scale_x == scale_y, 2 * (half_gap / scale_x), x - y)
    both = jnp.stack([x, y])
    lengths = numerics.sqrt(_total(jnp.square(both), None if mass is None else jnp.broadcast_to(mass, both.shape)))
    inverse = 1 / jnp.where(lengths == 0, jnp.ones((), x.dtype), lengths)
    growth = -_total(gap * (x + y), mass) * inverse[0] * inverse[1] / jnp.sum(1 / inverse, axis=0)
    shorter = jnp.where((scale_x == scale_y)[..., 0], growth, inverse[0] - inverse[1])
    chord = gap * inverse[0][..., None] + y * shorter[..., None]
    half_chord = 0.5 * _total(jnp.square(chord), mass)
    undefined = jnp.any(lengths == 0, axis=0) & jnp.isfinite(half_chord)
    return jnp.where(undefined, jnp.ones((), half_chord.dtype), half_chord)


def _gap(x: Array, y: Array) -> Array:
    """`numerics.difference`, on a CPU by a barrier: in front of a sum, XLA there stores what a selection gives."""
    behind_barrier = lambda x, y: jnp.subtract(*jax.lax.optimization_barrier((x, y)))
    return jax.lax.platform_dependent(x, y, cpu=behind_barrier, default=numerics.difference)


def _half_deviations(x: Array, mass: Array | None, behind: Array | float = 0.0) -> Array:
    """Half the deviations from the mean of the last axis, exactly 0 if all entries are equal; 0 where massless.

    Taking the largest entry off first keeps the digits of a small spread around a large mean. ``behind`` is what is to
    be added after the last digit of ``x``.
    """
    counted = None if mass is None else mass.astype(bool)
    top = jnp.max(hide(counted, jax.lax.stop_gradient(x), fill=-jnp.inf), axis=-1, keepdims=True, initial=-jnp.inf)
    top = jnp.where(jnp.isneginf(top), jnp.zeros((), x.dtype), top)
    below = _gap(0.5 * x, jnp.broadcast_to(0.5 * top, x.shape))
    return _deviations(hide(counted, below + 0.5 * behind), mass)


def _deviations(x: Array, mass: Array | None) -> Array:
    """The deviations from the mean of the last axis; 0 where massless."""
    return hide(None if mass is None else mass.astype(bool), x - pool_mean(x, mass)[..., None])


def _quarter_gaps(x: Array, y: Array, mass: Array | None) -> Array:
    """A quarter of the difference of the deviations; exactly 0 if the arguments are equal but for a constant.

    Deviations of equal arguments may be rounded differently, so the difference comes first. Where the means are far
    apart it has lost the last digits of both, which the error of a subtraction, itself a float, gives back.
    """
    x, y = 0.5 * x, 0.5 * y
    gap = _gap(x, y)
    minus_y = gap - x
    lost = jax.lax.stop_gradient((x - (gap - minus_y)) - (y + minus_y))
    return _half_deviations(gap, mass, lost)


def _nonempty(present: Array | None, entries: Array) -> Array | None:
    """``present``, or False for every pool of an empty last axis."""
    return present if entries.shape[-1] else jnp.zeros(entries.shape[:-1], bool)


def cosine_distance(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Cosine distance: one minus the cosine similarity of two vectors.

    .. math:: \ell = 1 - \frac{\langle \hat y, y \rangle}{\|\hat y\| \, \|y\|}
              = \frac12 \left\| \frac{\hat y}{\|\hat y\|} - \frac{y}{\|y\|} \right\|^2

    A zero vector has no direction: its cosine counts as 0, its distance is 1 and its gradient 0 (NaN in optax by
    default). Keras' ``cosine_similarity`` is the negative cosine. Regression of similarities, as of pairs of sentences,
    is ``squared_error(1 - cosine_distance(x, y, reduction="none"), similarities)``.

    Args:
        predictions: Shape ``[..., D]``, floating.
        targets: Shape ``[..., D]``, the same; floating or integer; never broadcast.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in ``[0, 2]``, up to rounding at 2; 0 exactly for equal vectors, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ, or the last axis is missing.

    Example:
        >>> vectors = jnp.array([[3.0, 4.0], [0.0, 1.0]])
        >>> jaxloss.cosine_distance(vectors, jnp.array([[6.0, 8.0], [2.0, 0.0]]), reduction="none")
        Array([0., 1.], dtype=float32)

    Reference:
        Salton, Wong and Yang (1975), A Vector Space Model for Automatic Indexing.
        https://doi.org/10.1145/361219.361220
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    checks.with_axes("features", predictions=predictions)
    if not jnp.issubdtype(targets.dtype, jnp.floating):
        (targets,) = promote(targets)
    keep = None if where is None else checks.mask(where, predictions.shape[:-1])
    values = half_squared_chord(predictions, targets, keep)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def pearson_correlation_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""One minus Pearson's correlation over the last axis; 0 for any increasing linear function of the targets.

    .. math:: \ell = 1 - \rho = 1 - \frac{\sum_i w_i (\hat y_i - \bar{\hat y}) (y_i - \bar y)}
              {\sqrt{\sum_i w_i (\hat y_i - \bar{\hat y})^2} \sqrt{\sum_i w_i (y_i - \bar y)^2}}

    The last axis is pooled, with weighted means :math:`\bar{\hat y}` and :math:`\bar y`, so ``where`` and
    ``weights`` belong to its entries. Where predictions or targets are constant, a pool of one entry included,
    there is no correlation: it counts as 0, the loss is 1 and its gradient 0.

    Args:
        predictions: Shape ``[..., N]``, floating.
        targets: Shape ``[..., N]``, the same; floating or integer; never broadcast.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the entries are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``; a pool without an entry is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in ``[0, 2]``, up to rounding at 2; 0 exactly at a perfect fit, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ, or the last axis is missing; or if every pool has one entry, as in ``[N, 1]``.

    Example:
        >>> jaxloss.pearson_correlation_loss(jnp.array([1.0, -1.0, 0.0]), jnp.array([8.0, 6.0, 7.0]))
        Array(0., dtype=float32)

    Reference:
        Pearson (1895), Note on Regression and Inheritance in the Case of Two Parents.
        https://doi.org/10.1098/rspl.1895.0041
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    checks.with_pool("entries", predictions=predictions)
    predictions, targets = blank(where, predictions, targets)
    where, weights, predictions, targets = whole_pool(axis_name, where, weights, predictions, targets)
    mass, present = pool_mass(where, weights, predictions)
    x, y = _half_deviations(predictions, mass), _half_deviations(targets, mass)
    quarter_gaps = _quarter_gaps(predictions, targets, mass)
    if weights is None:
        x, y, quarter_gaps = apart_on_cpu(x, y, quarter_gaps)  # or XLA would compute them anew for every sum
        values = half_squared_chord(x, y, difference=2 * quarter_gaps)
    else:
        values = _one_minus_cosine(x, y, mass, quarter_gaps)
    return reduce(values, where=_nonempty(present, predictions), reduction=reduction)


def concordance_correlation_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""One minus Lin's concordance correlation over the last axis, which also penalises a wrong offset and scale.

    .. math:: \ell = 1 - \frac{2 \sigma_{\hat y y}}{\sigma_{\hat y}^2 + \sigma_y^2 + (\mu_{\hat y} - \mu_y)^2}
              = \frac{\overline{(\hat y - y)^2}}{\sigma_{\hat y}^2 + \sigma_y^2 + (\mu_{\hat y} - \mu_y)^2}

    The last axis is pooled, so ``where`` and ``weights`` belong to its entries; variances are the biased ones,
    with denominator :math:`\sum_i w_i`. A constant prediction or target gives 1, or 0 if both are constant and
    equal.

    Args:
        predictions: Shape ``[..., N]``, floating.
        targets: Shape ``[..., N]``, the same; floating or integer; never broadcast.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the entries are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``; a pool without an entry is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in ``[0, 2]``, up to rounding at 2; 0 exactly at a perfect fit, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ, or the last axis is missing; or if every pool has one entry, as in ``[N, 1]``.

    Example:
        >>> jaxloss.concordance_correlation_loss(jnp.array([2.0, 0.0]), jnp.array([1.0, -1.0]))
        Array(0.33333334, dtype=float32)

    Reference:
        Lin (1989), A Concordance Correlation Coefficient to Evaluate Reproducibility.
        https://doi.org/10.2307/2532051
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    checks.with_pool("entries", predictions=predictions)
    predictions, targets = blank(where, predictions, targets)
    where, weights, predictions, targets = whole_pool(axis_name, where, weights, predictions, targets)
    mass, present = pool_mass(where, weights, predictions)
    parts = apart_on_cpu(  # or XLA would compute them anew for every sum
        _gap(0.5 * predictions, 0.5 * targets), _half_deviations(predictions, mass), _half_deviations(targets, mass)
    )
    peak = functools.reduce(jnp.maximum, map(numerics.scale_of, parts))
    gap, *deviations = (part / peak for part in parts)
    spread = sum((pool_mean(jnp.square(x), mass) for x in deviations), jnp.square(pool_mean(gap, mass)))
    spread = jnp.where(spread == 0, jnp.ones((), spread.dtype), spread)
    values = numerics.quotient(pool_mean(jnp.square(gap), mass), spread)
    return reduce(values, where=present, reduction=reduction)
