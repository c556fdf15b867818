"""Masks, weights and reductions: the only place that sums or averages over examples."""

from __future__ import annotations

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.scales import (
    at_unit_scale,
    scaled_product,
    scaled_total,
    size_and_shrink,
    unit_power,
)
from jaxloss._floor.means import reducers
from jaxloss._floor.means.notes import notes_are_taken, take_note
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction

__all__ = [
    "blank",
    "divide_sums",
    "hide",
    "plain_mean",
    "pool_mass",
    "pool_mean",
    "pool_sum",
    "promote",
    "reduce",
    "relative_mass",
    "times_weights",
    "weighted_mean",
    "weighted_sums",
]


def promote(*arrays: Array) -> tuple[Array, ...]:
    """The arguments as float64 if one of them is, else as float32; integers do not take part in the choice."""
    dtype = jnp.dtype(jnp.float64 if any(array.dtype == jnp.float64 for array in arrays) else jnp.float32)
    return tuple(array if array.dtype == dtype and not array.weak_type else array.astype(dtype) for array in arrays)


def hide(where: ArrayLike | None, array: Array, *, event_ndim: int = 0, fill: Any = 0) -> Array:
    """``array`` in its own dtype, with ``fill`` where the mask ``where`` over its batch axes is False."""
    if where is None:
        return array
    return _hidden(checks.mask(where, array.shape[: array.ndim - event_ndim]), array, fill)


# Each of these is one program where it is called eagerly, and nothing but its steps inside another.
@functools.partial(jax.jit, inline=True)
def _hidden(keep: Array, array: Array, fill: Any) -> Array:
    keep = jnp.expand_dims(keep, tuple(range(keep.ndim, array.ndim)))
    return jnp.where(keep, array, jnp.asarray(fill, array.dtype))


@functools.partial(jax.jit, inline=True)
def _blanked(keeps: list[Array], arrays: tuple[Array, ...], fill: Any) -> tuple[Array, ...]:
    return promote(*(_hidden(keep, array, fill) for keep, array in zip(keeps, arrays, strict=True)))


@functools.partial(jax.jit, inline=True)
def _mean(values: Array, keep: Array | None, mass: Array | None) -> Array:
    shown = values if keep is None else _hidden(keep, values, 0)
    if mass is None:
        return plain_mean(shown)
    # A mask is small, and the program of weights would keep it for the gradient as numbers.
    return weighted_mean(shown, mass) if mass.dtype == jnp.bool_ else _weighted_mean(shown, mass)


@jax.jit
def _weighted_mean(values: Array, mass: Array) -> Array:
    """A program of its own: its conditional would be compiled in every eager gradient."""
    return weighted_mean(values, mass)


def blank(where: ArrayLike | None, *arrays: Array, event_ndim: int = 0, fill: Any = 0) -> tuple[Array, ...]:
    """Promote the data of a loss and put a harmless number behind its mask.

    This is the first half of the double where: what lies behind the mask never enters the maths, so it
    stays out of the value and of every derivative. `jaxloss.reduce` is the second half. A loss of your own calls
    ``blank`` before its maths and ``reduce`` after it, with the same mask; `jaxloss.elementwise` does both for you.

    Args:
        where: Boolean, the shape of the batch axes, or 1 in its place where an axis is repeated; True where an example
            counts. None: all count.
        *arrays: Data ``[...]`` followed by ``event_ndim`` event axes, floating or integer.
        event_ndim: Number of trailing axes that belong to one example.
        fill: Number in masked places, at which the maths that follows is finite: 1 in front of a logarithm.

    Returns:
        The arrays as float64 if one of them is, else as float32; integers do not take part in the choice.

    Raises:
        TypeError: If ``where`` is not boolean.
        ValueError: If ``where`` has not one axis for each batch axis, of its size or 1, and is not 0-d either.

    Example:
        >>> def log_error(predictions, targets, *, where=None, weights=None, reduction="mean"):
        ...     predictions, targets = jaxloss.blank(where, predictions, targets, fill=1)
        ...     values = jnp.square(jnp.log(predictions) - jnp.log(targets))
        ...     return jaxloss.reduce(values, where=where, weights=weights, reduction=reduction)
        >>> jax.grad(log_error)(jnp.array([2.0, jnp.nan]), jnp.ones(2), where=jnp.array([True, False]))
        Array([0.6931472, 0.       ], dtype=float32)
    """
    if where is None:
        return promote(*arrays)
    keeps = [checks.mask(where, array.shape[: array.ndim - event_ndim]) for array in arrays]
    return _blanked(keeps, arrays, fill)


def _mass(where: ArrayLike | None, weights: ArrayLike | None, values: Array) -> Array | None:
    """The weight of each entry, 0 where masked; boolean without weights; None if every entry counts once."""
    keep = None if where is None else checks.mask(where, values.shape)
    if weights is None:
        return keep
    scale = checks.example_weights(weights, values.shape, values.dtype)
    return scale if keep is None else jnp.where(keep, scale, jnp.zeros((), values.dtype))


def plain_mean(values: Array, axis: int | None = None) -> Array:
    """The mean of all entries, 0 over nothing."""
    size, shrink = size_and_shrink(values, axis)
    return jnp.sum(values * shrink, axis) / (size * shrink)


def times_weights(
    factors: Array,
    where: ArrayLike | None,
    weights: ArrayLike,
    reduction: Reduction,
    axis_name: AxisName | None = None,
) -> Array:
    """``weights`` times what else an example counts, as the weights of ``reduction``; 0 where masked.

    Only their ratios matter to the mean, so large ones are scaled first: neither the products nor their derivatives
    leave the range of the dtype. Ordinary ones keep their size, which objectives report.
    """
    weights = hide(where, checks.example_weights(weights, factors.shape, factors.dtype))
    products = factors * weights
    if reduction != "mean":
        return products
    peak = jnp.max(jax.lax.stop_gradient(products), initial=0)
    peak = jax.lax.pmax(peak, axis_name) if axis_name else peak
    large = peak > math.sqrt(float(jnp.finfo(products.dtype).max))
    return jnp.where(large, factors * at_unit_scale(weights, axis_name=axis_name), products)


def weighted_sums(values: Array, mass: Array, axis: int | None = None) -> tuple[Array, Array]:
    """``(sum of mass * values, sum of mass)``, both scaled by the same power of two; masked ``values`` must be blanked.

    Entries of a boolean mass are counted in integers: float32 stops counting at 2**24.
    """
    _, shrink = size_and_shrink(values, axis)
    if mass.dtype == jnp.bool_:
        count = jnp.sum(mass, axis, dtype=jnp.int32).astype(values.dtype)
        # Scaled before they are hidden: XLA on CPU has a loop for the selection, and would scale again in the sum.
        return jnp.sum(hide(mass, values * shrink), axis), count * shrink
    return jnp.sum(values * shrink * mass, axis), jnp.sum(mass * shrink, axis)


def weighted_mean(values: Array, mass: Array, axis: int | None = None, axis_name: AxisName | None = None) -> Array:
    """The weighted mean, over all devices along ``axis_name`` if given; 0 with zero gradient over nothing.

    Masked ``values`` must be blanked.
    """
    if mass.dtype == jnp.bool_:
        sums = weighted_sums(values, mass, axis)
    elif axis is None and axis_name is None:
        whole, shrink, power = scaled_total(mass)
        sums = jnp.sum(scaled_product(values, mass, shrink, power)), whole
    else:
        shrink = jnp.asarray(size_and_shrink(values, axis)[1], values.dtype)
        power = unit_power(mass, axis, axis_name)
        whole = jnp.sum(mass * jax.lax.optimization_barrier(power), axis)  # a number of its own, as in the slope
        sums = jnp.sum(scaled_product(values, mass, shrink, power), axis), whole * shrink
    return divide_sums(*(jax.lax.psum(sums, axis_name) if axis_name else sums))


def divide_sums(numerator: Array, denominator: Array) -> Array:
    """A mean from its two sums; 0 with zero gradient over nothing."""
    return numerics.divide(numerator, denominator)


def pool_mass(where: ArrayLike | None, weights: ArrayLike | None, entries: Array) -> tuple[Array | None, Array | None]:
    """The mass of each entry ``[..., N]`` of a loss that pools its last axis, and which pools ``[...]`` have any.

    ``where`` and ``weights`` of such a loss have the shape of its entries. A pool without an entry is absent
    from the reduction. Both results are None if every entry counts once.
    """
    mass = _mass(where, weights, entries)
    return mass, None if mass is None else jnp.any(mass.astype(bool), axis=-1)


def relative_mass(
    where: ArrayLike | None, weights: ArrayLike | None, entries: Array
) -> tuple[Array | None, Array | None]:
    """`pool_mass` at unit scale, for a loss to which only the ratios of the masses of a pool matter.

    Its sums and products stay in the range of the dtype for weights of any size.
    """
    mass, present = pool_mass(where, weights, entries)
    return None if mass is None else at_unit_scale(mass, -1), present


def pool_sum(values: Array, mass: Array | None) -> Array:
    """The weighted sum over the last axis; masked ``values`` must be blanked."""
    return jnp.sum(values if mass is None else values * mass.astype(values.dtype), axis=-1)


def pool_mean(values: Array, mass: Array | None) -> Array:
    """The weighted mean over the last axis, 0 over nothing; masked ``values`` must be blanked."""
    return plain_mean(values, -1) if mass is None else weighted_mean(values, mass, -1)


def reduce(
    values: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Reduce per-example losses; the common tail of every loss in this package.

    With mask :math:`m_i \in \{0, 1\}`, weights :math:`w_i` and losses :math:`\ell_i`:

    .. math:: \mathrm{sum} = \sum_i m_i w_i \ell_i, \qquad
              \mathrm{mean} = \frac{\sum_i m_i w_i \ell_i}{\sum_i m_i w_i}

    Args:
        values: Per-example losses ``[...]``; raised to float32 at least.
        where: Boolean, the shape of ``values`` with axes of size 1 where it repeats, or 0-d; an axis is never added.
            False means deletion: the entry is absent from the value, the gradient and the denominator, whatever it
            holds, NaN included.
        weights: Numbers >= 0, of such a shape as ``where``. The mean divides by their sum; importance weights belong to
            `jaxloss.reductions.mean_over`, which does not. A weight below the smallest normal number of the dtype,
            1.2e-38 in float32, may count as 0.
        reduction: ``"mean"`` (0 over nothing), ``"sum"``, ``"none"`` (the weighted losses, 0 where masked) or
            a function ``(values, weights) -> result``, such as those of `jaxloss.reductions`.

    Returns:
        A scalar, or the shape of ``values`` for ``"none"``; float32, or float64 for float64 losses.

    Raises:
        TypeError: If ``where`` is not boolean, ``weights`` are boolean, or ``reduction`` is a function that cannot be
            called with ``(values, weights)``.
        ValueError: If ``where`` or ``weights`` has another number of axes than ``values``, or an axis of another size
            than 1 and that of ``values``; or if the name of the reduction is unknown.

    Example:
        >>> jaxloss.reduce(jnp.array([1.0, 5.0, jnp.nan]), where=jnp.array([True, True, False]))
        Array(3., dtype=float32)
    """
    (values,) = promote(*checks.floating(values=values))
    keep = None if where is None else checks.mask(where, values.shape)
    mass = _mass(keep, weights, values)
    if callable(reduction):
        whole = jnp.ones(values.shape, values.dtype) if mass is None else mass.astype(values.dtype)
        return reducers.apply(reduction, hide(keep, values), whole)
    if reduction == "mean":
        # Not both from one program: the gradient would add the zeros of a result that nobody takes.
        mean = _mean(values, keep, mass)
        return take_note(mean, hide(keep, values), mass) if notes_are_taken() else mean
    if reduction not in ("sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum', 'none' or a function (values, weights) -> result; found {reduction!r}. "
            f"Ready-made functions are in jaxloss.reductions.{reducers.did_you_mean(reduction)}"
        )
    values = hide(keep, values)
    weighted = values if mass is None else values * mass.astype(values.dtype)
    return take_note(weighted, values, mass) if reduction == "none" else jnp.sum(weighted)
