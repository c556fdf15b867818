"""The types that public signatures share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol

import jax
import numpy as np
import numpy.typing as npt

__all__ = ["Array", "ArrayLike", "AxisName", "Loss", "Reducer", "Reduction", "Scalar"]

Array = jax.Array

ArrayLike = jax.Array | npt.ArrayLike
"""What a loss takes for data: JAX and NumPy arrays, numbers, and nested lists of numbers."""

AxisName = str | tuple[str, ...]
"""One or several mesh axes inside `jax.shard_map`, or axes of `jax.pmap` or `jax.vmap`."""

Scalar = float | np.floating | np.integer | Array
"""A hyperparameter that is one number: of Python or NumPy, or traced so that sweeps and schedules never recompile."""

Reducer = Callable[[Array, Array], Any]
"""``(values, weights) -> result`` over per-example losses; see `jaxloss.reductions`."""

Reduction = Literal["mean", "sum", "none"] | Reducer
"""What the argument ``reduction`` of a loss takes; see `jaxloss.reduce`."""


class Loss(Protocol):
    """A loss that `jaxloss.elementwise` or `jaxloss.per_example` made: data, hyperparameters and the common tail."""

    __name__: str

    def __call__(
        self,
        *data: ArrayLike,
        where: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        reduction: Reduction = "mean",
        **hypers: Any,
    ) -> Array: ...
