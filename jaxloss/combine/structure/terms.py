"""Named terms: what a user's losses return, converted to one type."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss import reductions
from jaxloss._floor.means.notes import note_of, taking_notes
from jaxloss._floor.reduction import promote
from jaxloss._floor.spread import Split, current_split
from jaxloss._floor.typing import Array
from jaxloss.reductions import Term

__all__ = ["Annotation", "WholeBatch", "whole_batch"]

Terms = dict[str, Term]
Parts = Mapping[str, "Term | WholeBatch"]
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


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class WholeBatch:
    """A term that is computed once, from arrays of the whole batch; made by `whole_batch`.

    Attributes:
        args: Pytrees of arrays, the positional arguments of ``fn``.
        kwargs: The keyword arguments.
        fn: What is called with them.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    fn: Callable[..., Any] = dataclasses.field(metadata={"static": True})


def whole_batch(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> WholeBatch:
    """A term whose examples meet each other, as ``fn`` of arrays of the whole batch.

    Inside an objective that is split over devices or micro-batches, ``losses`` sees a part of the batch at a time. The
    arrays given here are gathered from all parts, ``fn`` is called once with those of the whole batch, and its
    derivative goes back through the parts: value and gradient are those of one device in one piece. Memory holds the
    activations of one part and the arrays, but not the activations of all parts. This is what GradCache does, for any
    loss, for micro-batches and devices alike.

    Every device evaluates ``fn`` for the whole batch. Where only devices split the batch, a loss with ``axis_name``
    and ``reduction=jaxloss.reductions.term`` needs less: each device then compares its own examples with all others.

    Args:
        fn: ``fn(*args, **kwargs)`` returns what a term may be, for example ``jaxloss.clip_loss``. What depends on the
            parameters has to be among its arguments, not in its closure.
        *args: Arrays, or pytrees of arrays, whose leading axis is the batch. A floating number of shape ``[]`` belongs
            to the model, such as a temperature, and is equal in all parts.
        **kwargs: Likewise, such as ``where=mask``.

    Returns:
        A `WholeBatch`, to be returned among the terms.

    Example:
        >>> from jaxloss import combine
        >>> def losses(params, images, texts):
        ...     return {"clip": combine.whole_batch(jaxloss.clip_loss, images @ params, texts)}
        >>> objective = combine.objective(losses, microbatches=2)
        >>> params, images, texts = jnp.eye(2), jnp.eye(4, 2), jnp.ones((4, 2))
        >>> state = objective.init(params, images, texts)
        >>> print(f"{objective(params, state, images, texts)[0]:.4f}")
        3.5651

    Reference:
        Gao et al. (2021), Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup.
        https://arxiv.org/abs/2101.06983
    """
    return WholeBatch(jax.tree.map(jnp.asarray, args), jax.tree.map(jnp.asarray, kwargs), fn)


def term_of(name: str, value: Any) -> Term:
    """What a term may be, as a `Term`."""
    return evaluated(name, lift({name: value})[name])


def evaluated(name: str, term: Term | WholeBatch) -> Term:
    """The term that a function of the whole batch gives; other terms as they are."""
    if isinstance(term, Term):
        return term
    # Its examples are all here.
    with current_split(Split()), taking_notes():
        return _lift_one(name, term.fn(*term.args, **term.kwargs))


def annotations_of(terms: Any) -> Notes:
    """The annotations among named terms."""
    found = {name: value.values for name, value in terms.items() if isinstance(value, Annotation)}
    return jax.tree.map(lambda leaf: jax.lax.stop_gradient(jnp.asarray(leaf)), found)


def lift(terms: Any) -> Parts:
    """Named terms, each a `Term` or a function of the whole batch; annotations are left out.

    Inside `taking_notes`, what a loss returned as its mean, or per example, is taken apart into the losses and weights
    of its examples. Any other array is a term of weight 1.
    """
    if not isinstance(terms, Mapping):
        raise TypeError(
            "losses must return a dict of named terms, such as {'ce': ..., 'l2': ...}; found "
            f"{type(terms).__name__}. To return something beside the terms pass has_aux=True to objective()."
        )
    found = {name: value for name, value in terms.items() if not isinstance(value, Annotation)}
    return {n: v if isinstance(v, WholeBatch) else _lift_one(n, v) for n, v in found.items()}


def _lift_one(name: str, value: Any) -> Term:
    if (note := note_of(value)) is not None and note.values.ndim:
        one = jnp.ones(note.values.shape, note.values.dtype)
        value = Term(note.values, one if note.mass is None else one * note.mass.astype(one.dtype))
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
