"""The contract of truth values."""

from __future__ import annotations

from typing import Any

from jaxloss._floor import checks, value_checks
from jaxloss._floor.reduction import hide, promote
from jaxloss._floor.typing import Array, ArrayLike

__all__ = ["truth_values", "truths_of_pools"]


def truth_values(**operands: Any) -> tuple[Array, ...]:
    """Truth values of one shape, float32 at least."""
    arrays = checks.floating(**operands)
    named = dict(zip(operands, arrays, strict=True))
    checks.same_shape(**named)
    value_checks.ensure_probabilities(sum_to_one=False, **named)
    return promote(*arrays)


def truths_of_pools(truths: Any, where: ArrayLike | None, absent: float) -> Array:
    """Truth values ``[..., N]`` of instances, ``absent`` where masked."""
    (truths,) = checks.floating(truths=truths)
    checks.with_axes("instances", allow_empty=True, truths=truths)
    (truths,) = promote(hide(where, truths, fill=absent))
    value_checks.ensure_probabilities(truths=truths)
    return truths
