"""The types that public signatures share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import jax
import numpy.typing as npt

__all__ = ["Array", "ArrayLike", "Reducer", "Reduction", "Scalar"]

Array = jax.Array

ArrayLike = jax.Array | npt.ArrayLike
"""What a loss takes for data: JAX and NumPy arrays, numbers, and nested lists of numbers."""

Scalar = float | Array
"""A hyperparameter that is one number: concrete, or traced so that sweeps and schedules never recompile."""

Reducer = Callable[[Array, Array], Any]
"""``(values, weights) -> result`` over per-example losses; see `jaxloss.reductions`."""

Reduction = Literal["mean", "sum", "none"] | Reducer
