"""Smoothing of a histogram over [0, 1] by a Gaussian that is reflected at both ends.

Reflection makes the kernel diagonal in cosines, exactly and with infinitely many reflections: smoothing by a width
``s`` multiplies the ``k``-th cosine coefficient by ``exp(-(pi k s)^2 / 2)``. One matrix of cosines therefore replaces
the sums over reflections.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss._floor.reduction import plain_mean
from jaxloss._floor.typing import Array

__all__ = ["smooth_residual_mass"]

HALVINGS = 20
"""Halvings of the interval of widths: to 1e-6, far below a cell."""


def smooth_residual_mass(residuals: Array) -> Array:
    """The width whose smoothed residuals have the integral of magnitude equal to it.

    Args:
        residuals: Shape ``[cells]``: the sum of the residuals of every cell over the number of predictions.

    Returns:
        A scalar; NaN if a residual is.
    """
    cells = residuals.shape[0]
    cosines = jnp.asarray(_cosines(cells), residuals.dtype)
    frequencies = jnp.asarray(np.arange(cells) * math.pi, residuals.dtype)
    # The coefficients of the density whose mass in every cell is the residual.
    coefficients = jnp.dot(cosines, residuals, precision="highest") * jnp.where(frequencies > 0, 2.0, 1.0)

    def mass(width: Array) -> Array:
        damped = coefficients * jnp.exp(-jnp.square(frequencies * width) / 2)
        return plain_mean(jnp.abs(jnp.dot(damped, cosines, precision="highest")))

    def halve(_: int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = (low + high) / 2
        above = mass(middle) > middle
        return jnp.where(above, middle, low), jnp.where(above, high, middle)

    # Starting from the data types the ends for `jax.shard_map`, where the residuals may differ over devices.
    zero = 0 * jnp.sum(residuals)
    low, high = jax.lax.fori_loop(0, HALVINGS, halve, (zero, zero + 1))
    return (low + high) / 2


def _cosines(cells: int) -> np.ndarray:
    """``cos(pi k t)`` at the centres ``t`` of the cells, ``[frequencies, cells]``; the argument is reduced exactly."""
    turns = np.outer(np.arange(cells), 2 * np.arange(cells) + 1) % (4 * cells)
    return np.cos(turns * (math.pi / (2 * cells)))
