"""Sums over the triplets of an anchor, one positive of every anchor at a time: faster than sorting if there are few."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.mesh import vary_over, varying_axes
from jaxloss._floor.typing import Array, Scalar
from jaxloss.representation.metric_learning._labelled_rows import Sides

__all__ = ["all_one_by_one", "semi_hard_one_by_one"]


def all_one_by_one(sides: Sides, margin: Scalar, most: Array) -> tuple[Array, Array, Array]:
    """``(sum, active, slopes)`` of ``max(0, margin + d_p - d_n)`` over all positives p and negatives n of an anchor.

    Args:
        sides: Whose distances are constants of differentiation.
        margin: Likewise.
        most: The largest number of positives of an anchor.

    Returns:
        The sum and the number of terms above 0, ``[..., rows]``, and the slopes ``[..., rows, M]`` of the sum in the
        distances, which are whole numbers.
    """

    def of_positive(own: Array) -> tuple[Array, Array, Array]:
        hinge = numerics.positive_part((margin + own) - sides.distances)
        used = sides.negatives & (hinge != 0)
        return jnp.sum(jnp.where(used, hinge, 0.0), axis=-1), jnp.sum(used, axis=-1, dtype=jnp.int32), used

    return _one_by_one(sides, of_positive, most)


def semi_hard_one_by_one(sides: Sides, margin: Scalar, scale: Array, most: Array) -> tuple[Array, Array, Array]:
    """As `all_one_by_one`, of ``max(0, margin + d_p - d_n(p)) / scale`` over the positives p of an anchor.

    ``d_n(p)`` is the smallest distance of a negative above ``d_p``, or the largest of all if none is above. The scale
    ``[..., rows]`` is not a part of the slopes.
    """
    distances, _, negatives = sides
    # Of equal ones the last, which is also the last in the order of a stable sort.
    most_distant = jnp.max(jnp.where(negatives, distances, -jnp.inf), axis=-1, keepdims=True)
    furthest = jnp.max(jnp.where(negatives & (distances == most_distant), _places(distances), 0), axis=-1)

    def of_positive(own: Array) -> tuple[Array, Array, Array]:
        above = negatives & (distances > own)
        nearest = jax.lax.argmin(jnp.where(above, distances, jnp.inf), distances.ndim - 1, jnp.int32)
        chosen = jnp.where(jnp.any(above, axis=-1), nearest, furthest)[..., None]
        gap = own - jnp.take_along_axis(distances, chosen, axis=-1, mode="promise_in_bounds")
        hinge = numerics.positive_part(margin + gap)[..., 0]
        active = (hinge > 0) & jnp.any(negatives, axis=-1)
        used = active[..., None] & (_places(distances) == chosen)
        return jnp.where(active, hinge / scale, 0.0), active.astype(jnp.int32), used

    return _one_by_one(sides, of_positive, most)


def _one_by_one(
    sides: Sides, of_positive: Callable[[Array], tuple[Array, Array, Array]], most: Array
) -> tuple[Array, Array, Array]:
    """The sum over positives of ``of_positive(distance [..., rows, 1])``: a term, how many, which negatives it uses."""
    distances, positives, _ = sides
    places = _places(distances)
    size = distances.shape[-1]

    def turn(_: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
        last, total, active, slopes = state
        here = jnp.min(jnp.where(positives & (places > last), places, size), axis=-1, keepdims=True)
        own = jnp.take_along_axis(distances, here, axis=-1, mode="clip")
        terms, count, used = of_positive(own)
        there = here[..., 0] < size
        terms, count = jnp.where(there, terms, 0.0), jnp.where(there, count, 0)
        change = jnp.where(places == here, count[..., None], 0) - (used & there[..., None]).astype(jnp.int32)
        return here, total + terms, active + count, slopes + change

    none = jnp.zeros(distances.shape[:-1], jnp.int32)
    start = none[..., None] - 1, none.astype(distances.dtype), none, jnp.zeros(distances.shape, jnp.int32)
    return jax.lax.fori_loop(0, most, turn, vary_over(start, varying_axes(distances)))[1:]


def _places(x: Array) -> Array:
    return jax.lax.broadcasted_iota(jnp.int32, x.shape, x.ndim - 1)
