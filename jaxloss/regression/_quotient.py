"""Quotients of an error and a scale that keep their derivatives over the whole range of the dtype."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._typing import Array

__all__ = ["in_units_of", "quotient"]


@jax.custom_jvp
def quotient(x: Array, y: Array) -> Array:
    """``x / y`` with the slopes ``1 / y`` and ``-(x / y) / y``.

    JAX multiplies by ``y ** -2``, which overflows below 1e-19 in float32, so that ``0 / y`` has a NaN gradient
    there, and is 0 above 1e23.
    """
    return x / y


@quotient.defjvp
def _quotient_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (x, y), (x_dot, y_dot) = primals, tangents
    value = quotient(x, y)
    return value, quotient(x_dot - value * y_dot, y)


def in_units_of(scale: Array, error: Array, present: Array | None) -> tuple[Array, Array]:
    """``error / scale`` and which entries count: those of ``present`` whose scale is not 0.

    An error that is not finite counts in any case, so that no scale hides it.
    """
    unscaled = scale == 0
    defined = ~(unscaled & jnp.isfinite(error))
    values = quotient(error, jnp.where(unscaled, jnp.ones((), scale.dtype), scale))
    return values, defined if present is None else present & defined
