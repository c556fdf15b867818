"""Sums over the triplets of every anchor with their derivatives.

The slopes of such a sum in the distances are counts of triplets. So the sum itself is a constant of differentiation,
and the product of slopes and distances, less its own value, carries the derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.typing import Array, Scalar
from jaxloss.representation.metric_learning._few_positives import all_one_by_one, semi_hard_one_by_one
from jaxloss.representation.metric_learning._labelled_rows import Sides
from jaxloss.representation.metric_learning._sorted_triplets import all_by_sorting, semi_hard_by_sorting

__all__ = ["all_triplets", "semi_hard"]

_FEW = 16
"""Up to so many positives of an anchor are taken one by one."""


def all_triplets(sides: Sides, margin: Scalar) -> tuple[Array, Array]:
    """``(sum of max(0, margin + d_p - d_n) over positives p and negatives n, number of terms above 0)`` per anchor."""
    fixed, reach = _constant(sides), jax.lax.stop_gradient(margin)
    total, active, slopes = _by_number_of_positives(
        lambda most: all_one_by_one(fixed, reach, most), lambda: all_by_sorting(fixed, reach), sides
    )
    known = _known(sides)
    total = _sloped(total, slopes, active, jnp.ones_like(total), sides.distances, margin)
    return numerics.poison(total, known), jnp.where(known, active, 1)


def semi_hard(sides: Sides, margin: Scalar) -> tuple[Array, Array]:
    """``(mean of max(0, margin + d_p - d_n(p)) over the positives p, their number)`` per anchor; 0 without negatives.

    ``d_n(p)`` is the smallest distance of a negative above ``d_p``, or the largest of all if none is above.
    """
    fixed, reach = _constant(sides), jax.lax.stop_gradient(margin)
    pairs = jnp.sum(sides.positives & jnp.any(sides.negatives, axis=-1, keepdims=True), axis=-1, dtype=jnp.int32)
    number = jnp.maximum(pairs, 1).astype(fixed.distances.dtype)
    scale = numerics.binary_scale_of(number[..., None])[..., 0]
    total, active, slopes = _by_number_of_positives(
        lambda most: semi_hard_one_by_one(fixed, reach, scale, most),
        lambda: semi_hard_by_sorting(fixed, reach, scale),
        sides,
    )
    mean = _sloped(total / (number / scale), slopes, active, 1 / number, sides.distances, margin)
    return numerics.poison(mean, _known(sides)), pairs


def _constant(sides: Sides) -> Sides:
    return sides._replace(distances=jax.lax.stop_gradient(sides.distances))


def _by_number_of_positives(few: Callable[[Array], Any], many: Callable[[], Any], sides: Sides) -> Any:
    most = jnp.max(jnp.sum(sides.positives, axis=-1, dtype=jnp.int32), initial=0)
    # Under `jax.vmap` both are computed: the loop stops in time.
    return jax.lax.cond(most > _FEW, many, lambda: few(jnp.minimum(most, _FEW)))


def _sloped(total: Array, slopes: Array, active: Array, share: Array, distances: Array, margin: Scalar) -> Array:
    """``total``, a constant, with derivatives: ``share`` times the slopes in the distances and the number of terms."""
    used = (slopes != 0) & jnp.isfinite(distances)
    linear = jnp.sum(jnp.where(used, distances, 0.0) * slopes.astype(total.dtype), axis=-1)
    linear = share * (linear + active.astype(total.dtype) * margin)
    return total + (linear - jax.lax.stop_gradient(linear))


def _known(sides: Sides) -> Array:
    """False where the anchor has a triplet and a distance that is NaN."""
    broken = jnp.any(jnp.isnan(sides.distances) & (sides.positives | sides.negatives), axis=-1)
    return ~(broken & jnp.any(sides.positives, axis=-1) & jnp.any(sides.negatives, axis=-1))
