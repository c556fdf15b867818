"""Batches that are spread over devices or micro-batches, for losses whose examples meet each other.

Such a loss takes ``axis_name``: None if all examples are here, the mesh axes that they are spread over, or ``()`` if
the examples of each device are a set of their own on purpose. A loss of the part that is here would be a plausible
wrong number, so wherever a split can be seen and nothing is said about it, `require_whole` raises.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.means.notes import take_note
from jaxloss._floor.mesh import varying_axes
from jaxloss._floor.reduction import blank, plain_mean, pool_mass, promote, weighted_mean
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction

__all__ = [
    "Split",
    "anywhere",
    "columns",
    "current_split",
    "first_row",
    "mass_over",
    "mean_over",
    "over",
    "own_diagonal",
    "own_rows",
    "pools_of_rows",
    "require_whole",
    "summed",
    "whole_pool",
]


class Split(NamedTuple):
    """How an objective splits the batch that its losses are called with."""

    axes: tuple[str, ...] = ()
    microbatches: int = 1


current_split = jax.make_user_context(Split())
"""The split of the objective whose losses are being traced; part of the key of every cache of traces."""


def require_whole(axis_name: AxisName | None, batch: tuple[int, ...], *arrays: Array) -> None:
    """Raise a ValueError where the loss would see only a part of the examples that have to meet.

    Args:
        axis_name: As given to the loss.
        batch: The batch axes of its inputs; the examples of the last one meet. Where there are several, the leading
            one is split and the last one is whole.
        *arrays: The inputs.
    """
    if axis_name == () or len(batch) > 1:
        return
    split = current_split.value
    if split.microbatches > 1:
        raise ValueError(
            f"the examples of this loss meet each other, and microbatches={split.microbatches} shows it a part of the "
            "batch at a time. Return combine.whole_batch(loss, *arrays) in its place, which calls the loss once with "
            "the arrays of the whole batch; or pass axis_name=() if each part is a set of its own on purpose."
        )
    missing = [axis for axis in split.axes if axis not in _names(axis_name)]
    if axis_name is None:
        missing += [axis for axis in _varying(arrays) if axis not in missing]
    if missing:
        here = f"axis_name={missing[0]!r}" if len(missing) == 1 else f"axis_name={tuple(missing)!r}"
        raise ValueError(
            "the examples of this loss meet each other, and they are spread over the mesh axes "
            f"{missing}: each device would compare its own part only. Pass {here} for the loss of the whole batch, or "
            "axis_name=() if the examples of each device are a set of their own on purpose."
        )


def _names(axis_name: AxisName | None) -> tuple[str, ...]:
    return (axis_name,) if isinstance(axis_name, str) else tuple(axis_name or ())


def _varying(arrays: tuple[Array, ...]) -> list[str]:
    return sorted({axis for array in arrays for axis in varying_axes(array)})


def columns(axis_name: AxisName | None, array: Array, axis: int) -> Array:
    """``array`` of all devices one after the other along ``axis``; itself if all examples are here."""
    if not axis_name:
        return array
    return jax.lax.all_gather(array, axis_name, axis=axis % array.ndim, tiled=True)


def first_row(axis_name: AxisName | None, size: int) -> Array | int:
    """The place among all examples of the first of the ``size`` that are here."""
    return jax.lax.axis_index(axis_name) * size if axis_name else 0


def own_rows(axis_name: AxisName | None, array: Array, axis: int = -1) -> Array:
    """The part of ``array``, which is that of all devices, that lies here along ``axis``: the inverse of `columns`."""
    if not axis_name:
        return array
    size = array.shape[axis] // jax.lax.axis_size(axis_name)
    return jax.lax.dynamic_slice_in_dim(array, first_row(axis_name, size), size, axis)


def own_diagonal(axis_name: AxisName | None, size: int) -> Array:
    """``[rows, size]``: which of all ``size`` examples is that of a row, for the rows that are here."""
    place = jnp.arange(size)
    return own_rows(axis_name, place)[:, None] == place[None, :]


def summed(axis_name: AxisName | None, sums: Any) -> Any:
    """``sums`` over the examples here, added up over all devices."""
    return jax.lax.psum(sums, axis_name) if axis_name else sums


def anywhere(axis_name: AxisName | None, flags: Array) -> Array:
    """True where ``flags`` are on any device."""
    return summed(axis_name, flags.astype(jnp.int32)) > 0 if axis_name else flags


def over(axis_name: AxisName | None, reduction: Reduction) -> Reduction:
    """``reduction`` of one value per example, with the mean and the sum taken over the examples of all devices."""
    if not axis_name or reduction not in ("mean", "sum"):
        return reduction

    def mean(values: Array, weights: Array) -> Array:
        return take_note(weighted_mean(values, weights, axis_name=axis_name), values, weights)

    def total(values: Array, weights: Array) -> Array:
        return jax.lax.psum(jnp.sum(values * weights), axis_name)

    return mean if reduction == "mean" else total


def whole_pool(
    axis_name: AxisName | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
    *arrays: Array,
    event_ndim: int = 0,
) -> tuple[ArrayLike | None, ArrayLike | None, *tuple[Array, ...]]:
    """``(where, weights, *arrays)`` of all devices, for a loss that pools the last batch axis of its inputs.

    What it makes of them is equal on every device. The arrays have ``event_ndim`` trailing axes of one entry.
    """
    batch = arrays[0].shape[: arrays[0].ndim - event_ndim]
    require_whole(axis_name, batch, *arrays)
    if not axis_name:
        return where, weights, *arrays

    # Without types of what varies, and under `jax.vmap`, the transpose has to be that of a sum over devices.
    typed = bool(varying_axes(jax.lax.axis_index(axis_name)))

    def gather(array: Array) -> Array:
        to = "invarying" if typed else "varying"
        return jax.lax.all_gather(array, axis_name, axis=len(batch) - 1, tiled=True, to=to)

    keep = None if where is None else gather(jnp.broadcast_to(checks.mask(where, batch), batch))
    dtype = promote(*arrays)[0].dtype
    scale = None if weights is None else gather(jnp.broadcast_to(checks.example_weights(weights, batch, dtype), batch))
    return keep, scale, *map(gather, arrays)


def mass_over(
    axis_name: AxisName | None, where: ArrayLike | None, weights: ArrayLike | None, entries: Array
) -> tuple[Array | None, Array | None]:
    """`pool_mass` of the ``entries`` ``[..., N]`` that are here, and which pools have any entry on any device."""
    mass, present = pool_mass(where, weights, entries)
    return mass, None if present is None else anywhere(axis_name, present)


def pools_of_rows(
    axis_name: AxisName | None, where: ArrayLike | None, weights: ArrayLike | None, axes: str, **arrays: Any
) -> tuple[Array, Array | None, Array | None]:
    """One array ``[..., N, D]``, checked and blanked, the mass of its rows and which pools of them have any.

    ``axes`` names the last two. A pool of one row behind batch axes is refused, and so is a part of a pool.
    """
    ((name, array),) = zip(arrays, checks.floating(**arrays), strict=True)
    checks.with_pool(axes, **{name: array})
    checks.with_axes(axes.split()[-1], allow_empty=False, **{name: array})
    (array,) = blank(where, array, event_ndim=1)
    entries = array[..., 0]
    require_whole(axis_name, entries.shape, array)
    mass, present = mass_over(axis_name, where, weights, entries)
    return array, mass, present if entries.shape[-1] else jnp.zeros(entries.shape[:-1], bool)


def mean_over(axis_name: AxisName | None, values: Array, mass: Array | None, axis: int = -1) -> Array:
    """The weighted mean along ``axis`` over all devices, 0 over nothing; masked ``values`` must be blanked.

    For pools too big to be gathered: only the two sums travel.
    """
    if mass is None and not axis_name:
        return plain_mean(values, axis)
    every = jnp.ones(values.shape, bool) if mass is None else mass
    return weighted_mean(values, every, axis, axis_name)
