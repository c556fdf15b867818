"""An objective in one piece: plain JAX, which can be differentiated in any way."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor.mesh import varying_axes
from jaxloss._floor.typing import Array
from jaxloss.combine._engine.plan import Plan, forward, report, require_structure, transformed
from jaxloss.combine.structure.results import Aux, ObjectiveState, means_of, sum_of
from jaxloss.combine.structure.terms import Terms, evaluated
from jaxloss.reductions import Term

__all__ = ["evaluate_directly"]


def evaluate_directly(
    plan: Plan, params: Any, state: ObjectiveState, /, *args: Any, **kwargs: Any
) -> tuple[Array, Aux]:
    """The loss and its report."""
    parts, notes, extra = forward(plan, params, *args, **kwargs)
    terms = {name: evaluated(name, term) for name, term in parts.items()}
    _require_one_loss(terms)
    require_structure(state.transform, jax.eval_shape(plan.transform.init, terms))

    def shifted(shifts: dict[str, Array]) -> tuple[Array, tuple[dict[str, Array], Any]]:
        moved = {name: Term(term.values + shifts[name], term.weights) for name, term in terms.items()}
        changed, inner = transformed(plan, moved, notes, state)
        contributions = means_of(changed)
        return sum_of(contributions), (contributions, inner)

    nowhere = {name: jnp.zeros((), term.values.dtype) for name, term in terms.items()}
    value, pull, (contributions, inner) = jax.vjp(shifted, nowhere, has_aux=True)
    (weights,) = pull(jnp.ones_like(value))
    return value, report(ObjectiveState(state.step + 1, inner, ()), terms, contributions, weights, extra)


def _require_one_loss(terms: Terms) -> None:
    axes = sorted({axis for term in terms.values() for axis in varying_axes(term.values)})
    if axes:
        raise ValueError(
            f"the terms vary over the mesh axes {axes}: each device would have its own loss. Pass "
            f"axis_name={tuple(axes)} to objective()."
        )
