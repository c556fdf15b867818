"""The contract that preference and policy losses share: floating arrays of one shape."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import blank
from jaxloss._floor.typing import Array, ArrayLike

__all__ = ["log_ratio_margin", "log_ratios", "of_one_shape"]


def of_one_shape(where: ArrayLike | None, *, fill: float = 0, **arrays: Any) -> tuple[Array, ...]:
    """The arguments as floating arrays of one shape, promoted, with ``fill`` where masked."""
    named = dict(zip(arrays, checks.floating(**arrays), strict=True))
    checks.same_shape(**named)
    return blank(where, *named.values(), fill=fill)


def log_ratio_margin(
    where: ArrayLike | None,
    chosen_logps: ArrayLike,
    rejected_logps: ArrayLike,
    reference_chosen_logps: ArrayLike,
    reference_rejected_logps: ArrayLike,
) -> Array:
    """How much more the policy has raised the chosen answer than the rejected one, in nats.

    Nearly equal numbers are subtracted first, which costs no digits: those of the two models, or of the two answers.
    """
    chosen, rejected, reference_chosen, reference_rejected = of_one_shape(
        where,
        chosen_logps=chosen_logps,
        rejected_logps=rejected_logps,
        reference_chosen_logps=reference_chosen_logps,
        reference_rejected_logps=reference_rejected_logps,
    )
    raised, other = chosen - reference_chosen, rejected - reference_rejected
    lead, reference_lead = chosen - rejected, reference_chosen - reference_rejected
    near_reference = jnp.abs(raised) + jnp.abs(other) <= jnp.abs(lead) + jnp.abs(reference_lead)
    return jnp.where(near_reference, raised - other, lead - reference_lead)


def log_ratios(
    where: ArrayLike | None,
    chosen_logps: ArrayLike,
    rejected_logps: ArrayLike,
    reference_chosen_logps: ArrayLike,
    reference_rejected_logps: ArrayLike,
) -> tuple[Array, Array]:
    """How much more likely the policy has made the chosen answer, and the rejected one, in nats."""
    chosen, rejected, reference_chosen, reference_rejected = of_one_shape(
        where,
        chosen_logps=chosen_logps,
        rejected_logps=rejected_logps,
        reference_chosen_logps=reference_chosen_logps,
        reference_rejected_logps=reference_rejected_logps,
    )
    return chosen - reference_chosen, rejected - reference_rejected
