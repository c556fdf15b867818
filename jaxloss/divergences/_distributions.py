"""Pairs of discrete distributions: shapes, masks, and what is not a probability."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp

from jaxloss._floor import checks, numerics, value_checks
from jaxloss._floor.reduction import hide, promote
from jaxloss._floor.typing import Array, ArrayLike

__all__ = ["ensure_normalised", "log_distributions", "logit_pair", "valid_log_probs", "valid_probs"]

ROUNDING = 1e-2
"""How far rounding in 16 bits may lift a probability above 1."""


def ensure_normalised(**log_probs: Array) -> None:
    """Under `checked`: each row of log-probabilities sums to one."""
    for name, array in log_probs.items():
        value_checks.ensure(
            lambda a=array: jnp.abs(jnp.sum(jnp.exp(a), axis=-1) - 1) <= ROUNDING,
            f"exp({name}) must sum to 1 over the last axis; apply jax.nn.log_softmax to logits",
        )


def valid_log_probs(log_probs: Array) -> Array:
    """``log_probs`` with NaN in every row that has an entry above 0."""
    return numerics.poison(log_probs, jnp.all((log_probs <= ROUNDING) | jnp.isnan(log_probs), axis=-1, keepdims=True))


def valid_probs(probs: Array) -> Array:
    """``probs`` with NaN in every row that has an entry outside [0, 1]."""
    legal = (probs >= 0) & (probs <= 1 + ROUNDING) | jnp.isnan(probs)
    return numerics.poison(probs, jnp.all(legal, axis=-1, keepdims=True))


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
    """`logit_pair` of log-probabilities: checked under `checked`, NaN where one is above 0."""
    first, second = logit_pair(where, **arrays)
    ensure_normalised(**dict(zip(arrays, (first, second), strict=True)))
    return valid_log_probs(first), valid_log_probs(second)
