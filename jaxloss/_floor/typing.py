"""The types that public signatures share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import jax

__all__ = ["Array", "Reducer", "Reduction", "Scalar"]

Array = jax.Array

Scalar = float | Array
"""A hyperparameter that is one number: concrete, or traced so that sweeps and schedules never recompile."""

Reducer = Callable[[Array, Array], Any]
"""``(values, weights) -> result`` over per-example losses; see `jaxloss.reductions`."""

Reduction = Literal["mean", "sum", "none"] | Reducer
