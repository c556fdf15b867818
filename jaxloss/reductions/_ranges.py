"""Arguments of reductions out of their range."""

from __future__ import annotations

import jax

from jaxloss._floor.maths import numerics
from jaxloss._floor.typing import Array, ArrayLike

__all__ = ["within"]


def within(values: Array, legal: ArrayLike) -> Array:
    """NaN where a traced argument is out of its range; a concrete one is refused when the reduction is called.

    A rule that may drop every loss asks for it before and after: of the losses for the gradient, of its result for the
    value.
    """
    return numerics.poison(values, legal) if isinstance(legal, jax.Array) else values
