"""An objective over a batch in parts, or with an aggregator: the gradient is computed along with the value."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor.mesh import axes_of_specs, varying_axes
from jaxloss._floor.typing import Array
from jaxloss.combine._engine.backward import Backward, Heads, Spread, run
from jaxloss.combine._engine.batches import part_size, require_rows
from jaxloss.combine._engine.inject import zero_with_gradient
from jaxloss.combine._engine.leaves import Leaves, leaves_of
from jaxloss.combine._engine.plan import Plan, forward, groups_of, report, require_structure, transformed
from jaxloss.combine.structure.results import Aux, ObjectiveState, means_of, sum_of
from jaxloss.combine.structure.terms import Notes, Terms

__all__ = ["evaluate_parts"]


def evaluate_parts(plan: Plan, params: Any, state: ObjectiveState, /, *args: Any, **kwargs: Any) -> tuple[Array, Aux]:
    """The loss, whose gradient by ``params`` is finished already, and its report."""
    if plan.microbatches > 1:
        plan = _checking_rows(plan, part_size(args, plan.microbatches))
    leaves = leaves_of(params)
    spread = Spread(plan.axes, plan.microbatches, _sharded_axes(leaves, plan.params_specs))
    back = run(
        lambda *given, **named: forward(plan, *given, **named),
        lambda terms, notes: _heads(plan, terms, notes, state),
        leaves,
        args,
        kwargs,
        spread,
    )
    gradient, aggregator, shares = _aggregated(plan, leaves, back, state, spread)
    after = ObjectiveState(state.step + 1, back.heads.state, aggregator)
    aux = report(after, back.terms, back.heads.means, _effective_weights(back, shares), back.extra)
    value = sum_of(aux.contributions)
    return value + zero_with_gradient(leaves.floating, gradient).astype(value.dtype), aux


def _checking_rows(plan: Plan, size: int) -> Plan:
    """The plan, whose losses raise an error if a term does not belong to ``size`` examples."""

    def losses(*args: Any, **kwargs: Any) -> Any:
        returned = plan.losses(*args, **kwargs)
        require_rows(returned[0] if plan.has_aux else returned, size)
        return returned

    return dataclasses.replace(plan, losses=losses)


def _heads(plan: Plan, terms: Terms, notes: Notes, state: ObjectiveState) -> Heads:
    require_structure(state.transform, jax.eval_shape(plan.transform.init, terms))
    changed, inner = transformed(plan, terms, notes, state)
    means = means_of(changed)
    groups = groups_of(plan, terms)
    return Heads({group: sum_of({n: means[n] for n in groups[group]}) for group in groups}, means, inner)


def _aggregated(
    plan: Plan, leaves: Leaves, back: Backward, state: ObjectiveState, spread: Spread
) -> tuple[list[Array], Any, Array]:
    """The gradient, the next state of the aggregator, and the share of every row in the gradient."""
    if plan.aggregate is None:
        return back.rows[0], (), jnp.ones(1, jnp.float32)
    rows = [jnp.stack(leaf) for leaf in zip(*back.rows, strict=True)]
    combined, inner = plan.aggregate.update(
        leaves.only(rows),
        state.aggregator,
        values=jnp.stack([back.heads.sums[group] for group in sorted(back.heads.sums)]),
        present=jnp.stack([_takes_part(cotangent) for cotangent in back.cotangents]),
        step=state.step,
        sharded=spread.sharded,
    )
    require_structure(state.aggregator, inner)
    shares = inner.weights if hasattr(inner, "weights") else jnp.ones(len(back.rows), jnp.float32)
    return jax.tree.leaves(combined), inner, shares


def _takes_part(cotangent: dict[str, Array]) -> Array:
    """Whether a group takes part in this step: not if it has no example, or weight 0."""
    return jnp.any(jnp.stack([jnp.any(c != 0) for c in cotangent.values()])) if cotangent else jnp.zeros((), bool)


def _effective_weights(back: Backward, shares: Array) -> dict[str, Array]:
    """The derivative of the objective by a shift of each whole term, with the shares of the aggregator."""

    def weight(name: str, dtype: Any) -> Array:
        own = [(shares[i], c[name]) for i, c in enumerate(back.cotangents) if name in c]
        return sum((share.astype(c.dtype) * jnp.sum(c) for share, c in own), start=jnp.zeros((), dtype))

    return {name: weight(name, term.values.dtype) for name, term in back.terms.items()}


def _sharded_axes(leaves: Leaves, specs: Any) -> list[tuple[str, ...]]:
    """For each differentiated leaf the mesh axes that it is itself sharded over."""
    own = [varying_axes(leaf) for leaf in leaves.floating]
    if specs is not None:
        given = axes_of_specs(specs, leaves.rebuild(leaves.floating))
        given = [spec for spec, chosen in zip(given, leaves.chosen, strict=True) if chosen]
        own = [(*a, *b) for a, b in zip(own, given, strict=True)]
    return own
