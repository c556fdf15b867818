"""An error in units of a scale that the data sets."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor.maths.numerics import quotient
from jaxloss._floor.typing import Array

__all__ = ["in_units_of"]


def in_units_of(scale: Array, error: Array, present: Array | None) -> tuple[Array, Array]:
    """``error / scale`` and which entries count: those of ``present`` whose scale is not 0.

    An error that is not finite counts in any case, so that no scale hides it.
    """
    unscaled = scale == 0
    defined = ~(unscaled & jnp.isfinite(error))
    values = quotient(error, jnp.where(unscaled, jnp.ones((), scale.dtype), scale))
    return values, defined if present is None else present & defined
