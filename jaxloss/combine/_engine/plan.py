"""What an objective is made of, and the steps that both ways of evaluating it share."""

from __future__ import annotations

import contextlib
import dataclasses
import operator
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss._floor.means.notes import taking_notes
from jaxloss._floor.spread import Split, current_split
from jaxloss._floor.typing import Array
from jaxloss.combine._engine.averaged import require_no_average
from jaxloss.combine.gradients.aggregator import Aggregator
from jaxloss.combine.structure._observe import is_array, trainable
from jaxloss.combine.structure.results import Aux, ObjectiveState
from jaxloss.combine.structure.terms import ModelTerm, Notes, Parts, Terms, annotations_of, evaluated, lift, summary
from jaxloss.combine.structure.transforms import LossTransform
from jaxloss.reductions import Term, summarize

__all__ = ["Plan", "first_state", "forward", "groups_of", "report", "require_structure", "transformed"]


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """The settings of an objective; see `jaxloss.combine.objective`.

    Attributes:
        losses: ``losses(params, *args, **kwargs)`` returns named terms, with ``has_aux`` also something else.
        transform: All transformations, chained.
        aggregate: How the gradients of the terms become one; None adds them.
        axes: The mesh axes that the batch is sharded over, the slowest first.
        microbatches: The number of parts of each shard.
        has_aux: Whether ``losses`` returns ``(terms, extra)``.
        params_specs: The PartitionSpecs of the parameters, if their types do not contain the mesh axes.
    """

    losses: Callable[..., Any]
    transform: LossTransform
    aggregate: Aggregator | None
    axes: tuple[str, ...]
    microbatches: int
    has_aux: bool
    params_specs: Any

    @property
    def split(self) -> Split:
        """How the batch is split that the losses are called with."""
        return Split(self.axes, self.microbatches)

    @property
    def in_one_piece(self) -> bool:
        """Whether the objective is plain JAX, with derivatives of all orders."""
        return self.aggregate is None and self.split == Split()


def forward(plan: Plan, params: Any, *args: Any, **kwargs: Any) -> tuple[Parts, Notes, Any]:
    """The terms, the annotations among them, and what else the losses returned.

    Functions of the whole batch are evaluated if the batch is whole.
    """
    returned, terms = _lifted(plan, params, *args, **kwargs)
    found, extra = returned if plan.has_aux else (returned, None)
    if plan.split == Split():
        terms = {name: evaluated(name, term) for name, term in terms.items()}
    _require_no_average(plan, terms, params, args, kwargs)
    if not plan.transform.per_example:
        terms = {name: summary(term) if isinstance(term, Term) else term for name, term in terms.items()}
    return terms, annotations_of(found), extra


def _lifted(plan: Plan, params: Any, *args: Any, **kwargs: Any) -> tuple[Any, Parts]:
    """What the losses returned, and the terms in it."""
    whole = contextlib.nullcontext() if plan.split == Split() else current_split(plan.split)
    with whole, taking_notes():
        returned = plan.losses(params, *args, **kwargs)
        return returned, lift(returned[0] if plan.has_aux else returned)


def _require_no_average(plan: Plan, terms: Parts, params: Any, args: Any, kwargs: Any) -> None:
    """Scalar terms that a split or a transformation of examples would get wrong must not depend on the batch."""
    names = frozenset(terms)
    exposed = names if plan.split != Split() else plan.transform.reads(names)
    numbers = [name for name in sorted(exposed) if isinstance(terms[name], ModelTerm)]
    if not numbers:
        return

    def of(given: Any) -> dict[str, Array]:
        found = _lifted(plan, params, *given[0], **given[1])[1]
        return {name: term.values for name in numbers if isinstance(term := found[name], Term)}

    require_no_average(of, (args, kwargs), plan.split)


def transformed(plan: Plan, terms: Terms, notes: Notes, state: ObjectiveState) -> tuple[Terms, Any]:
    """The terms after the transformations, and the next state of these."""
    changed, inner = plan.transform.update(terms, state.transform, step=state.step, **notes)
    if set(changed) != plan.transform.names(frozenset(terms)):
        raise ValueError(
            f"a transformation turned the terms {sorted(terms)} into {sorted(changed)}; it must keep the names."
        )
    return changed, inner


def groups_of(plan: Plan, terms: Terms) -> dict[str, tuple[str, ...]]:
    """Row of the aggregator to the names of its transformed terms; without an aggregator, a single row."""
    names = tuple(sorted(plan.transform.names(frozenset(terms))))
    if plan.aggregate is None:
        return {"": names}
    groups = {group: tuple(members) for group, members in sorted(plan.aggregate.groups(names).items())}
    routed = sorted({name for members in groups.values() for name in members})
    if routed != list(names):
        raise ValueError(f"the aggregator routes the terms {routed}, but the terms are {list(names)}.")
    return groups


def first_state(plan: Plan, params: Any, *args: Any, **kwargs: Any) -> ObjectiveState:
    """The first state of an objective, from the shapes of one step; errors in its definition are raised here."""
    terms, notes = _whole_shapes(plan, params, *args, **kwargs)
    names = sorted({name for members in groups_of(plan, terms).values() for name in members})
    gradients = () if plan.aggregate is None else plan.aggregate.init(params, names)
    state = ObjectiveState(jnp.zeros((), jnp.int32), plan.transform.init(terms), gradients)
    jax.eval_shape(lambda *given: transformed(plan, *given), terms, notes, state)
    return state


def _whole_shapes(plan: Plan, params: Any, *args: Any, **kwargs: Any) -> tuple[Terms, Notes]:
    """The shapes for the whole batch: as on a mesh of one device, so that the losses may name its axes.

    Only arrays are traced. Python numbers, NumPy scalars and everything else reach the losses as they are, as they do
    in an evaluation, so that the losses may branch on them.
    """
    own = jax.tree.leaves(params)
    leaves, structure = jax.tree.flatten((params, args, kwargs))
    arrays = [is_array(leaf) and not isinstance(leaf, np.generic) for leaf in leaves]
    arrays[: len(own)] = map(operator.or_, arrays, trainable(own))

    def fn(given: list[Any]) -> Any:
        rest = iter(given)
        joined = [next(rest) if array else leaf for array, leaf in zip(arrays, leaves, strict=True)]
        params, args, kwargs = jax.tree.unflatten(structure, joined)
        terms, notes, _ = forward(plan, params, *args, **kwargs)
        return {name: evaluated(name, term) for name, term in terms.items()}, notes

    for axis in plan.axes:
        fn = jax.vmap(fn, in_axes=None, out_axes=0, axis_name=axis, axis_size=1)
    shapes = jax.eval_shape(fn, [leaf for array, leaf in zip(arrays, leaves, strict=True) if array])
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[len(plan.axes) :], leaf.dtype), shapes)


def report(
    state: ObjectiveState, terms: Terms, contributions: dict[str, Array], weights: dict[str, Array], extra: Any
) -> Aux:
    """What an evaluation reports, as constants of differentiation."""
    summaries = {n: summarize(t) if t.values.ndim else Term(t.values, t.weights) for n, t in terms.items()}
    return jax.tree.map(jax.lax.stop_gradient, Aux(state, summaries, contributions, weights, extra))


def require_structure(found: Any, expected: Any) -> None:
    """Raise a ValueError unless a state has the structure that this objective gives it."""
    given, wanted = jax.tree.structure(found), jax.tree.structure(expected)
    if given != wanted:
        raise ValueError(
            f"the state belongs to another objective: its parts have the structure {given}, this objective's {wanted}. "
            "Make it with objective.init(params, ...)."
        )
