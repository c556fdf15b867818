"""Histograms of cosines that can be differentiated: a cosine between two nodes counts for both, in proportion."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.typing import Array

__all__ = ["soft_counts"]


def soft_counts(cosines: Array, num_bins: int, *masses: Array) -> tuple[Array, ...]:
    """For each of the ``masses`` ``[..., M]`` that of the cosines ``[..., M]`` near each node, ``[..., num_bins + 1]``.

    The nodes lie between -1 and 1 at equal distances. They are taken one at a time, so that memory does not grow with
    their number.
    """
    places = (cosines + 1) * (num_bins / 2)
    masses = tuple(mass.astype(cosines.dtype) for mass in masses)

    @jax.checkpoint
    def of_node(node: Array) -> tuple[Array, ...]:
        # At its ends a half of the slope, so that on a node the slope is the mean of both sides.
        shares = jnp.maximum(1 - numerics.magnitude(places - node), 0)
        return tuple(jnp.sum(mass * shares, axis=-1) for mass in masses)

    counts = jax.lax.map(of_node, jnp.arange(num_bins + 1, dtype=cosines.dtype))
    return tuple(jnp.moveaxis(count, 0, -1) for count in counts)
