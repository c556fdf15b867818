"""What transformations share: the means of terms, presence, weights, states, settings.

A term is *seen* in a step if it has weight and a finite mean. A term that is not seen leaves the state unchanged; a
mean that is not finite stays visible in the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.typing import Array, Scalar
from jaxloss.combine.structure.terms import Terms, mean_of
from jaxloss.combine.structure.transforms import LossTransform
from jaxloss.reductions import Term

__all__ = [
    "Factor",
    "Observed",
    "Optimiser",
    "Running",
    "annotation",
    "each",
    "from_means",
    "hold",
    "is_array",
    "keep",
    "masked_softmax",
    "moved",
    "named",
    "observe",
    "ratio",
    "running",
    "setting",
    "stacked",
    "start",
    "times",
    "track",
    "trainable",
    "weighted",
    "working_dtype",
]


Factor = Scalar | Callable[[Array], Any]
"""A number, or a schedule ``step -> number`` such as optax's."""


class Observed(NamedTuple):
    """The terms of one step in the order of their names, as constants of differentiation.

    Attributes:
        names: The sorted names.
        means: The mean of every term, ``[terms]``; 1 where the term is not seen, so that a logarithm is finite.
        seen: Whether the term has weight and a finite mean, ``[terms]``.
    """

    names: tuple[str, ...]
    means: Array
    seen: Array


def is_array(leaf: Any) -> bool:
    """Whether a leaf of a pytree is an array, or the shape of one; modules also hold functions, flags and names."""
    return isinstance(leaf, jax.Array | jax.ShapeDtypeStruct | np.ndarray | np.generic)


def trainable(leaves: Sequence[Any]) -> list[bool]:
    """For each leaf of the parameters whether it is differentiated: floating arrays.

    Python numbers among arrays are settings of a module, such as the rate of a dropout. Without any floating array,
    they are the parameters themselves.
    """
    floating = [is_array(leaf) and jnp.issubdtype(leaf.dtype, jnp.inexact) for leaf in leaves]
    return floating if any(floating) else [isinstance(leaf, float) for leaf in leaves]


def working_dtype(tree: Any) -> Any:
    """float64 if a differentiated leaf has it, else float32: the dtype of means, weights and Gram matrices."""
    leaves = jax.tree.leaves(tree)
    dtypes = [jnp.result_type(leaf) for leaf, chosen in zip(leaves, trainable(leaves), strict=True) if chosen]
    return jnp.dtype(jnp.float64 if any(dtype == jnp.float64 for dtype in dtypes) else jnp.float32)


def observe(terms: Terms) -> Observed:
    """The means of the terms, and which of them are seen."""
    names, dtype = tuple(sorted(terms)), working_dtype(terms)
    means = jnp.stack([mean_of(keep(terms[name], terms[name].weights)).astype(dtype) for name in names])
    present = jnp.stack([jnp.any(terms[name].weights > 0) for name in names])
    means = jax.lax.stop_gradient(means)
    seen = present & jnp.isfinite(means)
    return Observed(names, jnp.where(seen, means, jnp.ones((), dtype)), seen)


def setting(name: str, value: Factor, step: Array, dtype: Any, **limits: float) -> Scalar:
    """The value of a hyperparameter or schedule at this step; its range is checked if it is concrete."""
    return checks.scalar(name, value(step) if callable(value) else value, dtype, **limits)


def annotation(who: str, name: str, extra: Mapping[str, Any]) -> Any:
    """What the losses returned as an `Annotation` of this name; a KeyError if there is none."""
    if name not in extra:
        raise KeyError(
            f"{who}: no annotation {name!r} among {sorted(extra)}; let the losses return {name!r}: Annotation(...)"
        )
    return extra[name]


def keep(term: Term, weights: Array) -> Term:
    """The term with other weights; values of weight 0 become 0, NaN included."""
    return Term(jnp.where(weights > 0, term.values, jnp.zeros((), term.values.dtype)), weights)


def times(term: Term, factor: Array) -> Term:
    """The term multiplied by a constant of differentiation, a number or one number per example.

    No NaN passes where the factor or the weight of the example is 0.
    """
    factor = jax.lax.stop_gradient(factor).astype(term.values.dtype)
    absent = (factor == 0) | (term.weights == 0)
    return Term(jnp.where(absent, jnp.zeros((), factor.dtype), term.values) * factor, term.weights)


def weighted(terms: Terms, observed: Observed, weights: Array) -> Terms:
    """Every term times its weight; a term that is not seen keeps weight 1, so that no NaN is hidden."""
    weights = jnp.where(observed.seen, weights, jnp.ones((), weights.dtype))
    return {name: times(terms[name], weights[i]) for i, name in enumerate(observed.names)}


def named(names: Iterable[str], vector: Array) -> dict[str, Array]:
    """A vector as a dict of numbers."""
    return {name: vector[i] for i, name in enumerate(names)}


def stacked(names: Iterable[str], numbers: Mapping[str, Array]) -> Array:
    """A dict of numbers as a vector."""
    return jnp.stack([numbers[name] for name in names])


def start(names: Iterable[str], value: Any, dtype: Any) -> dict[str, Array]:
    """The same number for every name, for a first state; each is a separate array, so that a state can be donated."""
    return {name: jnp.array(value, dtype) for name in names}


def hold(seen: Mapping[str, Array], new: Any, old: Any) -> Any:
    """``new`` for what was seen and ``old`` for the rest, in the dtypes of ``old``.

    What is stored under the name of a term in a dict belongs to that term; everything else changes if any term is seen.
    If both ``seen`` and a leaf have one entry per example, the choice is made per example.
    """
    anything = jnp.any(jnp.stack([jnp.any(flag) for flag in seen.values()]))

    def choose(path: tuple[Any, ...], new: Array, old: Array) -> Array:
        owners = [seen[key.key] for key in path if isinstance(key, jax.tree_util.DictKey) and key.key in seen]
        flag = owners[-1] if owners else anything
        flag = flag if flag.shape == old.shape else jnp.any(flag)
        return jax.lax.stop_gradient(jnp.where(flag, new.astype(old.dtype), old))

    return jax.tree_util.tree_map_with_path(choose, new, old)


def each(rule: Callable[[Term, Array], Term]) -> LossTransform:
    """A transformation without state that acts on each term separately: ``rule(term, step) -> term``."""

    def update(terms: Terms, state: Any, /, *, step: Array, **extra: Any) -> tuple[Terms, Any]:
        return {name: rule(keep(term, term.weights), step) for name, term in terms.items()}, state

    return LossTransform(lambda terms, /: (), update)


def from_means(
    first: Callable[[tuple[str, ...], Any], Any],
    rule: Callable[[Observed, Any, Array], tuple[Array, Any]],
) -> LossTransform:
    """A transformation that weights terms by what it learns from their means.

    ``first(names, dtype) -> state`` and ``rule(observed, state, step) -> (weights [terms], state)``; terms that are not
    seen, and their part of the state, stay unchanged whatever the rule returns.
    """

    def init(terms: Terms, /) -> Any:
        return first(tuple(sorted(terms)), working_dtype(terms))

    def update(terms: Terms, state: Any, /, *, step: Array, **extra: Any) -> tuple[Terms, Any]:
        observed = observe(terms)
        weights, proposed = rule(observed, state, step)
        return weighted(terms, observed, weights), hold(named(observed.names, observed.seen), proposed, state)

    return LossTransform(init, update, per_example=False)


def masked_softmax(logits: Array, mask: Array) -> Array:
    """The softmax over the entries of a vector where ``mask`` is True; 0 elsewhere."""
    logits = jnp.where(mask, logits, -jnp.inf)
    peak = jax.lax.stop_gradient(jnp.max(logits))
    powers = jnp.exp(logits - jnp.where(jnp.isneginf(peak), jnp.zeros((), logits.dtype), peak))
    return numerics.divide(powers, jnp.sum(powers))


def ratio(new: Array, old: Array) -> Array:
    """``new / old``, clipped to 1e9 in magnitude; 1 where ``old`` is 0, which carries no information."""
    return jnp.where(old == 0, jnp.ones((), new.dtype), jnp.clip(numerics.divide(new, old), -1e9, 1e9))


class Running(NamedTuple):
    """Exponential moving averages without bias towards their start.

    Attributes:
        totals: Name to the decayed sum.
        masses: Name to the decayed number of observations, times ``1 - decay``.
    """

    totals: dict[str, Array]
    masses: dict[str, Array]


def track(running: Running, names: tuple[str, ...], values: Array, decay: Scalar) -> tuple[Running, Array]:
    """The averages updated with ``values``, one per name, and the averages as a vector."""
    totals = decay * stacked(names, running.totals) + (1 - decay) * values
    masses = decay * stacked(names, running.masses) + (1 - decay)
    return Running(named(names, totals), named(names, masses)), numerics.divide(totals, masses)


def running(momentum: Scalar, old: Array, new: Array, known: Array) -> Array:
    """The running mean of weights; unchanged where ``known`` is False."""
    return jnp.where(known, momentum * old + (1 - momentum) * new, old)


class Optimiser(Protocol):
    """Anything with optax's two functions, ``init(params)`` and ``update(gradients, state, params)``."""

    @property
    def init(self) -> Callable[..., Any]: ...

    @property
    def update(self) -> Callable[..., Any]: ...


def moved(tx: Optimiser, gradients: Any, state: Any, params: Any) -> tuple[Any, Any]:
    """The parameters after one step of the optimiser, and the next state of the optimiser."""
    updates, state = tx.update(gradients, state, params)
    return jax.tree.map(lambda p, u: p + u.astype(p.dtype), params, updates), state
