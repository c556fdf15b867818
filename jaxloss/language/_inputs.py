"""The contract that preference and policy losses share: floating arrays of one shape."""

from __future__ import annotations

from typing import Any

from jaxloss._floor import checks
from jaxloss._floor.reduction import blank
from jaxloss._floor.typing import Array

__all__ = ["log_ratio_margin", "of_one_shape"]


def of_one_shape(where: Array | None, *, fill: float = 0, **arrays: Any) -> tuple[Array, ...]:
    """The arguments as floating arrays of one shape, promoted, with ``fill`` where masked."""
    named = dict(zip(arrays, checks.floating(**arrays), strict=True))
    checks.same_shape(**named)
    return blank(where, *named.values(), fill=fill)


def log_ratio_margin(
    where: Array | None,
    chosen_logps: Array,
    rejected_logps: Array,
    reference_chosen_logps: Array,
    reference_rejected_logps: Array,
) -> Array:
    """How much more the policy has raised the chosen answer than the rejected one, in nats."""
    chosen, rejected, reference_chosen, reference_rejected = of_one_shape(
        where,
        chosen_logps=chosen_logps,
        rejected_logps=rejected_logps,
        reference_chosen_logps=reference_chosen_logps,
        reference_rejected_logps=reference_rejected_logps,
    )
    return (chosen - reference_chosen) - (rejected - reference_rejected)
