"""The contract of truth values."""

from __future__ import annotations

from typing import Any

from jaxloss import _checks, _value_checks
from jaxloss._reduce import hide, promote
from jaxloss._typing import Array

__all__ = ["truth_values", "truths_of_pools"]


def truth_values(**operands: Any) -> tuple[Array, ...]:
    """Truth values of one shape, float32 at least."""
    arrays = _checks.floating(**operands)
    named = dict(zip(operands, arrays, strict=True))
    _checks.same_shape(**named)
    _value_checks.ensure_probabilities(sum_to_one=False, **named)
    return promote(*arrays)


def truths_of_pools(truths: Any, where: Array | None, absent: float) -> Array:
    """Truth values ``[..., N]`` of instances, ``absent`` where masked."""
    (truths,) = _checks.floating(truths=truths)
    _checks.with_axes("instances", allow_empty=True, truths=truths)
    (truths,) = promote(hide(where, truths, fill=absent))
    _value_checks.ensure_probabilities(truths=truths)
    return truths
