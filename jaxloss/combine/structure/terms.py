"""Named terms: what a user's losses return, converted to one type."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss import reductions
from jaxloss._floor.reduction import promote
from jaxloss._floor.typing import Array
from jaxloss.reductions import Term

__all__ = ["Annotation"]

Terms = dict[str, Term]
Notes = dict[str, Any]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class ModelTerm(Term):
    """A term of the model instead of examples, such as a penalty: equal on every device and micro-batch.

    Its weight says whether it is present. It does not grow with the number of devices or micro-batches.
    """


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Annotation:
    """Per-example data that transformations need and losses do not carry, such as a group index.

    Returned among the terms, it is not averaged. Every transformation receives it as an extra argument with its name,
    for the whole batch over devices and micro-batches.

    Attributes:
        values: An array, or a pytree of arrays, whose leading axis is the batch; integer, boolean or floating. No
            gradient flows through them. Floating numbers of shape ``[]`` belong to the model and are averaged over the
            parts of a batch.

    Example:
        >>> from jaxloss import combine
        >>> def losses(params, x, group):
        ...     return {"fit": (params - x) ** 2, "groups": combine.Annotation(group)}
        >>> worst = combine.reduce_by(jaxloss.reductions.worst_group, groups="groups", num_groups=2)
        >>> objective = combine.objective(losses, worst)
        >>> x, group = jnp.array([0.0, 0.0, 3.0]), jnp.array([0, 0, 1])
        >>> float(objective(1.0, objective.init(1.0, x, group), x, group)[0])
        4.0
    """

    values: Any


def annotations_of(terms: Any) -> Notes:
    """The annotations among named terms."""
    found = {name: value.values for name, value in terms.items() if isinstance(value, Annotation)}
    return jax.tree.map(lambda leaf: jax.lax.stop_gradient(jnp.asarray(leaf)), found)


def lift(terms: Any) -> Terms:
    """Named terms with every bare array or scalar turned into a `Term` of weight 1; annotations are left out."""
    if not isinstance(terms, Mapping):
        raise TypeError(
            "losses must return a dict of named terms, such as {'ce': ..., 'l2': ...}; found "
            f"{type(terms).__name__}. To return something beside the terms pass has_aux=True to objective()."
        )
    return {name: _lift_one(name, value) for name, value in terms.items() if not isinstance(value, Annotation)}


def _lift_one(name: str, value: Any) -> Term:
    if isinstance(value, Term):
        if jnp.shape(value.values) != jnp.shape(value.weights):
            raise ValueError(
                f"term {name!r}: values and weights of a Term must have one shape; found "
                f"{jnp.shape(value.values)} and {jnp.shape(value.weights)}."
            )
        values, weights = promote(_floating(name, value.values), _floating(name, value.weights))
        return type(value)(jnp.where(weights > 0, values, jnp.zeros((), values.dtype)), weights)
    (values,) = promote(_floating(name, value))
    return (Term if values.ndim else ModelTerm)(values, jnp.ones_like(values))


def _floating(name: str, value: Any) -> Array:
    array = jnp.asarray(value)
    if not jnp.issubdtype(array.dtype, jnp.floating):
        raise TypeError(f"term {name!r} must hold floating-point losses; found {array.dtype}.")
    return array


def mean_of(term: Term) -> Array:
    """The weighted mean of a term, 0 over nothing."""
    if term.values.ndim == 0:
        return jnp.where(term.weights > 0, term.values, jnp.zeros((), term.values.dtype))
    return reductions.mean()(term.values, term.weights)


def summary(term: Term) -> Term:
    """The mean and the total weight, as a term of the same kind."""
    return type(term)(mean_of(term), jnp.sum(term.weights))


def known_names(who: str, names: Any, terms: Mapping[str, Any]) -> None:
    """Raise a KeyError that lists the existing terms unless all ``names`` are among them."""
    unknown = sorted(set(names) - set(terms))
    if unknown:
        raise KeyError(f"{who}: unknown term(s) {unknown}; the terms are {sorted(terms)}")
