"""Pairs of discrete distributions: shapes, masks, and what is not a probability."""

from __future__ import annotations

import functools
import math
from typing import Any

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.reduction import hide, promote
from jaxloss._floor.typing import Array, ArrayLike

__all__ = ["ensure_normalised", "legal_log_probs", "legal_probs", "log_distributions", "logit_pair"]

ROUNDING = 1e-2
"""How far rounding in 16 bits may lift a probability above 1."""


def ensure_normalised(**log_probs: Array) -> None:
    """Under `checked`: each row of log-probabilities sums to one."""
    for name, array in log_probs.items():
        value_checks.ensure(
            lambda a=array: jnp.abs(jnp.sum(jnp.exp(a), axis=-1) - 1) <= ROUNDING,
            f"exp({name}) must sum to 1 over the last axis; apply jax.nn.log_softmax to logits",
        )


def legal_log_probs(*arrays: Array) -> Array:
    """Which rows ``[...]`` of all the arrays ``[..., K]`` hold nothing above 0, up to rounding, and no NaN."""
    return _everywhere([jnp.max(array, axis=-1) <= ROUNDING for array in arrays])


def legal_probs(*arrays: Array) -> Array:
    """Which rows ``[...]`` of all the arrays ``[..., K]`` lie in [0, 1], up to rounding."""
    # Of extremes, which are NaN where an entry is: XLA on CPU stores comparisons of all entries.
    limits = [(jnp.min(array, axis=-1) >= 0, jnp.max(array, axis=-1) <= 1 + ROUNDING) for array in arrays]
    return _everywhere([legal for pair in limits for legal in pair])


def _everywhere(rows: list[Array]) -> Array:
    return functools.reduce(jnp.logical_and, rows)


def logit_pair(where: ArrayLike | None, **arrays: Any) -> tuple[Array, Array]:
    """Two floating arrays ``[..., K]`` of one shape, promoted, uniform where masked."""
    first, second = checks.floating(**arrays)
    named = dict(zip(arrays, (first, second), strict=True))
    checks.with_axes("classes", allow_empty=False, **named)
    checks.same_shape(**named)
    uniform = -math.log(first.shape[-1])
    first, second = (hide(where, array, event_ndim=1, fill=uniform) for array in promote(first, second))
    return first, second


def log_distributions(where: ArrayLike | None, **arrays: Any) -> tuple[Array, Array]:
    """`logit_pair` of log-probabilities, which sum to one under `checked`."""
    first, second = logit_pair(where, **arrays)
    ensure_normalised(**dict(zip(arrays, (first, second), strict=True)))
    return first, second
