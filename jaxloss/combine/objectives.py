"""An objective: named terms of one forward pass, transformed, weighed and summed into one differentiable number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss._floor.mesh import axes_of_specs, varying_axes
from jaxloss._floor.typing import Array
from jaxloss.combine import _engine
from jaxloss.combine._inject import zero_with_gradient
from jaxloss.combine._leaves import Leaves, leaves_of
from jaxloss.combine.aggregation import Aggregator
from jaxloss.combine.results import Aux, ObjectiveState, means_of, sum_of
from jaxloss.combine.terms import Notes, Terms, annotations_of, lift, summary
from jaxloss.combine.transforms import LossTransform, chain
from jaxloss.reductions import Term, summarize

__all__ = ["Objective", "objective"]


class Objective(NamedTuple):
    """A pair of pure functions; calling the objective itself is ``apply``.

    Attributes:
        init: ``init(params, *args, **kwargs) -> state``. Only shapes are looked at, no maths run.
        apply: ``apply(params, state, *args, **kwargs) -> (loss, aux)``, made for
            ``jax.value_and_grad(objective, has_aux=True)``.
    """

    init: Callable[..., ObjectiveState]
    apply: Callable[..., tuple[Array, Aux]]

    def __call__(self, params: Any, state: ObjectiveState, /, *args: Any, **kwargs: Any) -> tuple[Array, Aux]:
        return self.apply(params, state, *args, **kwargs)


def objective(
    losses: Callable[..., Any],
    *transforms: LossTransform,
    aggregate: Aggregator | None = None,
    axis_name: str | tuple[str, ...] | None = None,
    microbatches: int = 1,
    has_aux: bool = False,
    params_specs: Any = None,
) -> Objective:
    r"""Turn a function that returns named terms into one differentiable, stateful objective.

    .. math:: L(\theta) = \sum_k w_k \, \frac{\sum_i m_{ki} \, \ell_{ki}(\theta)}{\sum_i m_{ki}}

    The loss is the sum over terms :math:`k` of their weighted means over the examples :math:`i` of the whole batch,
    after the transformations. Without the options that follow it is plain JAX: ``jax.jvp``, Hessians, ``jax.vmap``
    over parameters and ``jax.lax.scan`` over steps all work, and under ``jit`` with sharded arrays sums are global.

    With ``aggregate``, ``axis_name`` or ``microbatches`` the value, the gradient and everything in the `Aux` are the
    ones that one device gives for the whole batch at once, also for transformations that look at the whole batch.
    Then the objective has a first derivative in reverse mode with respect to ``params``, and anything else raises. A
    linear factor on the loss, such as a loss scale, multiplies the finished gradient.

    Args:
        losses: ``losses(params, *args, **kwargs)`` runs the model once and returns a dict of named terms: losses with
            ``reduction=jaxloss.reductions.term``, arrays of per-example losses, or scalars. The leading axis of a
            term is the batch. An `Annotation` among them is data for the transformations.
        *transforms: Transformations of the terms, in order; see `chain`, `on`, `scale`, `weigh`.
        aggregate: How the gradients of the terms become one, for example ``combine.upgrad()``; None adds them. It
            takes the memory of one gradient per term, and one transposition of the model for each.
        axis_name: Inside `jax.shard_map`, the mesh axis or axes that the batch is sharded over.
        microbatches: Into how many parts to split each device's batch, the first argument after the state, along the
            leading axes of its arrays. Random keys among the other arguments differ from part to part.
        has_aux: Whether ``losses`` returns ``(terms, extra)``; ``extra`` is handed on in the `Aux`.
        params_specs: The PartitionSpecs of ``params``, or a prefix of them. Only with ``check_vma=False`` and
            parameters that are themselves sharded; else their types tell.

    Returns:
        An `Objective`.

    Raises:
        TypeError: At ``init``, if ``losses`` does not return a dict, or a term is not floating. When differentiated,
            if by another argument than ``params``, or if ``losses`` changed ``params`` in place.
        KeyError: At ``init``, if a transformation or the aggregator names a term that there is not.
        ValueError: If a transformation changes the set of names, the state belongs to another objective, the terms
            vary over a mesh axis that is not named, or ``microbatches`` does not divide the batch.

    Example:
        >>> from jaxloss import combine
        >>> def losses(params, x, y):
        ...     fit = jaxloss.squared_error(params * x, y, reduction=jaxloss.reductions.term)
        ...     return {"fit": fit, "size": params**2}
        >>> objective = combine.objective(losses, combine.weigh(size=0.5))
        >>> state = objective.init(2.0, jnp.ones(3), jnp.ones(3))
        >>> (loss, aux), slope = jax.value_and_grad(objective, has_aux=True)(2.0, state, jnp.ones(3), jnp.ones(3))
        >>> float(loss), float(slope), float(aux.terms["fit"].weights)
        (3.0, 4.0, 3.0)
    """
    transform = chain(*transforms)
    axes = (axis_name,) if isinstance(axis_name, str) else tuple(axis_name or ())
    plain = aggregate is None and not axes and microbatches == 1
    call = losses if has_aux else lambda *args, **kwargs: (losses(*args, **kwargs), None)
    if microbatches < 1:
        raise ValueError(f"microbatches must be at least 1; found {microbatches}.")

    def forward(params: Any, *args: Any, **kwargs: Any) -> tuple[Terms, Notes, Any]:
        found, extra = call(params, *args, **kwargs)
        terms = lift(found)
        if not transform.per_example:
            terms = {name: summary(term) for name, term in terms.items()}
        return terms, annotations_of(found), extra

    def transformed(terms: Terms, notes: Notes, state: ObjectiveState) -> tuple[Terms, Any]:
        changed, inner = transform.update(terms, state.transform, step=state.step, **notes)
        if set(changed) != transform.names(frozenset(terms)):
            raise ValueError(
                f"a transformation turned the terms {sorted(terms)} into {sorted(changed)}; it must keep the names."
            )
        return changed, inner

    def groups_of(terms: Terms) -> dict[str, tuple[str, ...]]:
        """Row of the aggregator to the names of its transformed terms; without one, a single row."""
        names = tuple(sorted(transform.names(frozenset(terms))))
        if aggregate is None:
            return {"": names}
        groups = {group: tuple(members) for group, members in sorted(aggregate.groups(names).items())}
        routed = sorted({name for members in groups.values() for name in members})
        if routed != list(names):
            raise ValueError(f"the aggregator routes the terms {routed}, but the terms are {list(names)}.")
        return groups

    def init(params: Any, *args: Any, **kwargs: Any) -> ObjectiveState:
        terms, notes = _shapes(forward, axes, params, *args, **kwargs)
        groups = groups_of(terms)
        names = sorted({name for members in groups.values() for name in members})
        gradients = () if aggregate is None else aggregate.init(params, names)
        state = ObjectiveState(jnp.zeros((), jnp.int32), transform.init(terms), gradients)
        jax.eval_shape(transformed, terms, notes, state)
        return state

    def apply(params: Any, state: ObjectiveState, *args: Any, **kwargs: Any) -> tuple[Array, Aux]:
        return (directly if plain else spread)(params, state, *args, **kwargs)

    def directly(params: Any, state: ObjectiveState, *args: Any, **kwargs: Any) -> tuple[Array, Aux]:
        terms, notes, extra = forward(params, *args, **kwargs)
        _not_varying(terms)
        _same_structure(state.transform, jax.eval_shape(transform.init, terms))

        def shifted(shifts: dict[str, Array]) -> tuple[Array, tuple[dict[str, Array], Any]]:
            moved = {n: Term(term.values + shifts[n], term.weights) for n, term in terms.items()}
            changed, inner = transformed(moved, notes, state)
            contributions = means_of(changed)
            return sum_of(contributions), (contributions, inner)

        nowhere = {name: jnp.zeros((), term.values.dtype) for name, term in terms.items()}
        value, pull, (contributions, inner) = jax.vjp(shifted, nowhere, has_aux=True)
        (weights,) = pull(jnp.ones_like(value))
        next_state = ObjectiveState(state.step + 1, inner, ())
        return value, _constant(Aux(next_state, _summaries(terms), contributions, weights, extra))

    def spread(params: Any, state: ObjectiveState, *args: Any, **kwargs: Any) -> tuple[Array, Aux]:
        leaves = leaves_of(params)

        def heads(terms: Terms, notes: Notes) -> _engine.Heads:
            _same_structure(state.transform, jax.eval_shape(transform.init, terms))
            changed, inner = transformed(terms, notes, state)
            means = means_of(changed)
            sums = {group: sum_of({n: means[n] for n in members}) for group, members in groups_of(terms).items()}
            return _engine.Heads(sums, means, inner)

        sharded = _sharded_axes(leaves, params_specs)
        back = _engine.run(forward, heads, leaves, args, kwargs, _engine.Spread(axes, microbatches, sharded))
        if aggregate is None:
            gradient, inner, shares = back.rows[0], (), jnp.ones(1, jnp.float32)
        else:
            rows = [jnp.stack(leaf) for leaf in zip(*back.rows, strict=True)]
            present = jnp.stack([_some(cotangent) for cotangent in back.cotangents])
            values = jnp.stack([back.heads.sums[group] for group in sorted(back.heads.sums)])
            combined, inner = aggregate.update(
                leaves.only(rows), state.aggregator, values=values, present=present, step=state.step, sharded=sharded
            )
            _same_structure(state.aggregator, inner)
            gradient = jax.tree.leaves(combined)
            shares = inner.weights if hasattr(inner, "weights") else jnp.ones(len(back.rows), jnp.float32)
        weights = {
            name: sum(
                (
                    shares[i].astype(c[name].dtype) * jnp.sum(c[name])
                    for i, c in enumerate(back.cotangents)
                    if name in c
                ),
                start=jnp.zeros((), term.values.dtype),
            )
            for name, term in back.terms.items()
        }
        next_state = ObjectiveState(state.step + 1, back.heads.state, inner)
        aux = _constant(Aux(next_state, _summaries(back.terms), back.heads.means, weights, back.extra))
        value = sum_of(aux.contributions)
        return value + zero_with_gradient(leaves.floating, gradient).astype(value.dtype), aux

    return Objective(init, apply)


def _constant(aux: Aux) -> Aux:
    return jax.tree.map(jax.lax.stop_gradient, aux)


def _summaries(terms: Terms) -> dict[str, Term]:
    return {n: summarize(term) if term.values.ndim else Term(term.values, term.weights) for n, term in terms.items()}


def _some(cotangent: dict[str, Array]) -> Array:
    """Whether a group takes part in this step: not if it has no example, or weight 0."""
    return jnp.any(jnp.stack([jnp.any(c != 0) for c in cotangent.values()])) if cotangent else jnp.zeros((), bool)


def _shapes(forward: Callable[..., Any], axes: tuple[str, ...], *args: Any, **kwargs: Any) -> Any:
    """The shapes for the whole batch: as on a mesh of one device, so that ``forward`` may name its axes."""
    leaves, structure = jax.tree.flatten((args, kwargs))
    arrays = [
        isinstance(leaf, jax.Array | jax.ShapeDtypeStruct | np.ndarray | np.generic | float | int) for leaf in leaves
    ]

    def fn(given: list[Any]) -> Any:
        rest = iter(given)
        joined = [next(rest) if array else leaf for array, leaf in zip(arrays, leaves, strict=True)]
        args, kwargs = jax.tree.unflatten(structure, joined)
        return forward(*args, **kwargs)[:2]

    for axis in axes:
        fn = jax.vmap(fn, in_axes=None, out_axes=0, axis_name=axis, axis_size=1)
    shapes = jax.eval_shape(fn, [leaf for array, leaf in zip(arrays, leaves, strict=True) if array])
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[len(axes) :], leaf.dtype), shapes)


def _sharded_axes(leaves: Leaves, specs: Any) -> list[tuple[str, ...]]:
    """For each differentiated leaf the mesh axes that it is itself sharded over."""
    own = [varying_axes(leaf) for leaf in leaves.floating]
    if specs is not None:
        given = axes_of_specs(specs, leaves.rebuild(leaves.floating))
        given = [spec for spec, chosen in zip(given, leaves.chosen, strict=True) if chosen]
        own = [(*a, *b) for a, b in zip(own, given, strict=True)]
    return own


def _not_varying(terms: Terms) -> None:
    axes = sorted({axis for term in terms.values() for axis in varying_axes(term.values)})
    if axes:
        raise ValueError(
            f"the terms vary over the mesh axes {axes}: each device would have a loss of its own. Pass "
            f"axis_name={tuple(axes)} to objective()."
        )


def _same_structure(found: Any, expected: Any) -> None:
    found, wanted = jax.tree.structure(found), jax.tree.structure(expected)
    if found != wanted:
        raise ValueError(
            f"the state belongs to another objective: its parts have the structure {found}, this objective's {wanted}. "
            "Make it with objective.init(params, ...)."
        )
