"""Pairs of discrete distributions: shapes, masks, and what is not a probability."""

from __future__ import annotations

import functools
import math
from typing import Any

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import poison
from jaxloss._floor.maths.softmax.terms import mask_of_rows
from jaxloss._floor.reduction import hide, promote
from jaxloss._floor.typing import Array, ArrayLike

__all__ = [
    "ROUNDING",
    "ensure_normalised",
    "legal_log_probs",
    "log_distributions",
    "logit_pair",
    "raised_if_whole",
    "uniform_unless",
    "with_lost_rows",
]

ROUNDING = 1e-2
"""How far rounding in 16 bits may lift a probability above 1."""


def ensure_normalised(keep: Array | None, **log_probs: Array) -> None:
    """Under `checked`: each row of log-probabilities that is kept sums to one."""
    for name, array in log_probs.items():
        shown = hide(keep, array, event_ndim=1, fill=-math.log(array.shape[-1]))
        value_checks.ensure(
            lambda a=shown: jnp.abs(jnp.sum(jnp.exp(promote(a)[0]), axis=-1) - 1) <= ROUNDING,
            f"exp({name}) must sum to 1 over the last axis; apply jax.nn.log_softmax to logits",
        )


def legal_log_probs(*arrays: Array) -> Array:
    """Which rows ``[...]`` of all the arrays ``[..., K]`` hold nothing above 0, up to rounding, and no NaN."""
    # Of maxima, which are NaN where an entry is: XLA on CPU stores comparisons of all entries.
    return functools.reduce(jnp.logical_and, [jnp.max(array, axis=-1) <= ROUNDING for array in arrays])


def uniform_unless(where: Array | None, *log_probs: Array) -> tuple[Array, ...]:
    """Log-probabilities in the working dtype, of the uniform distribution in rows that ``where`` leaves out."""
    return promote(*(hide(where, array, event_ndim=1, fill=-math.log(array.shape[-1])) for array in log_probs))


def with_lost_rows(values: Array) -> Array:
    """``values``, whose gradient is NaN as well where they are."""
    return poison(values, jnp.logical_not(jnp.isnan(values)))


def raised_if_whole(targets: Array, scores: Array) -> Array:
    """Integer ``targets`` in the working dtype, others as they are."""
    return targets if jnp.issubdtype(targets.dtype, jnp.floating) else promote(targets, scores[..., :0])[0]


def logit_pair(where: ArrayLike | None, **arrays: Any) -> tuple[Array, Array, Array | None]:
    """Two floating arrays ``[..., K]`` of one shape, and the mask of their rows."""
    first, second = checks.floating(**arrays)
    named = dict(zip(arrays, (first, second), strict=True))
    checks.with_axes("classes", allow_empty=False, **named)
    checks.same_shape(**named)
    return first, second, mask_of_rows(where, first)


def log_distributions(where: ArrayLike | None, **arrays: Any) -> tuple[Array, Array, Array | None]:
    """`logit_pair` of log-probabilities, which sum to one under `checked`."""
    first, second, keep = logit_pair(where, **arrays)
    ensure_normalised(keep, **dict(zip(arrays, (first, second), strict=True)))
    return first, second, keep
