"""Transformations of named loss terms: pairs of pure functions, and the ways to compose them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from jaxloss._floor.reduction import divide_sums, weighted_sums
from jaxloss._floor.typing import Array
from jaxloss.combine.structure.terms import Terms, known_names
from jaxloss.reductions import Term

__all__ = ["LossTransform", "chain", "derive", "monitor", "on", "stateless"]


class InitFn(Protocol):
    """``init(terms) -> state``; reads names, shapes and dtypes only."""

    def __call__(self, terms: Terms, /) -> Any: ...


class UpdateFn(Protocol):
    """``update(terms, state, *, step, **extra) -> (terms, state)``; the state keeps its structure and dtypes."""

    def __call__(self, terms: Terms, state: Any, /, *, step: Array, **extra: Any) -> tuple[Terms, Any]: ...


def _kept(names: frozenset[str], /) -> frozenset[str]:
    return names


@dataclasses.dataclass(frozen=True)
class LossTransform:
    """A transformation of named terms: two pure functions, as in optax, and two declarations about them.

    Attributes:
        init: ``init(terms) -> state``, a pytree of arrays. It is called once and uses only names, shapes and dtypes.
        update: ``update(terms, state, *, step, **extra) -> (terms, state)``. It receives the losses of the whole batch,
            over all devices and micro-batches, before any mean.
        per_example: False declares that the result depends on each term only through its mean and its total weight. The
            terms are then averaged first: devices exchange two numbers per term, and micro-batches need no second pass.
        names: From the names of the terms before ``update`` to those after it; by default the same.
        looks_at: From the names of all terms to those whose examples ``update`` looks at; by default all of them if
            ``per_example``, and otherwise none.
    """

    init: InitFn
    update: UpdateFn
    per_example: bool = True
    names: Callable[[frozenset[str]], frozenset[str]] = _kept
    looks_at: Callable[[frozenset[str]], frozenset[str]] | None = None

    def reads(self, names: frozenset[str]) -> frozenset[str]:
        """The terms whose examples ``update`` looks at."""
        if self.looks_at is not None:
            return self.looks_at(names)
        return names if self.per_example else frozenset()


def described(found: Any) -> str:
    """What an argument of the wrong type is, for a message: a function that makes the right one has to be called."""
    if callable(found) and hasattr(found, "__name__"):
        return f"the function {found.__name__}; if it makes one, call it: {found.__name__}(...)"
    return type(found).__name__


def _renamed(transform: LossTransform, state: Any, terms: Terms) -> Terms:
    return transform.update(terms, state, step=jnp.zeros((), jnp.int32))[0]


def chain(*transforms: LossTransform) -> LossTransform:
    """Apply transformations one after the other.

    Args:
        *transforms: The transformations, in order; without any, the result is the identity.

    Returns:
        One transformation, whose state is the tuple of their states.

    Raises:
        TypeError: If something else is given, such as a function that makes a transformation and was not called.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.chain(combine.scale(2.0), combine.weigh(kl=0.5))
        >>> terms = {"kl": jaxloss.reductions.Term(jnp.ones(3), jnp.ones(3))}
        >>> terms, _ = tx.update(terms, tx.init(terms), step=jnp.int32(0))
        >>> terms["kl"].values
        Array([1., 1., 1.], dtype=float32)
    """
    for transform in transforms:
        if not isinstance(transform, LossTransform):
            raise TypeError(f"a transformation is needed, such as combine.weigh(ce=1.0); found {described(transform)}.")

    def init(terms: Terms, /) -> tuple[Any, ...]:
        states = []
        for transform in transforms:
            states.append(transform.init(terms))
            if transform.names(frozenset(terms)) != frozenset(terms):
                terms = jax.eval_shape(functools.partial(_renamed, transform, states[-1]), terms)
        return tuple(states)

    def update(terms: Terms, state: Any, /, *, step: Array, **extra: Any) -> tuple[Terms, Any]:
        states = []
        for transform, own in zip(transforms, state, strict=True):
            terms, own = transform.update(terms, own, step=step, **extra)
            states.append(own)
        return terms, tuple(states)

    def renamed(given: frozenset[str], /) -> frozenset[str]:
        for transform in transforms:
            given = transform.names(given)
        return given

    def looks_at(given: frozenset[str], /) -> frozenset[str]:
        found: set[str] = set()
        current = given
        for transform in transforms:
            found |= transform.reads(current) & given
            current = transform.names(current)
        return frozenset(found)

    per_example = any(transform.per_example for transform in transforms)
    return LossTransform(init, update, per_example, renamed, looks_at)


def on(names: str | Sequence[str], *transforms: LossTransform) -> LossTransform:
    """Apply transformations to some of the terms and leave the others unchanged.

    Args:
        names: The name of one term, or several names.
        *transforms: What to apply to them, in order.

    Returns:
        One transformation; its ``init`` raises a KeyError for a name that no term has.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.on("kl", combine.scale(0.5))
        >>> terms = {n: jaxloss.reductions.Term(jnp.ones(1), jnp.ones(1)) for n in ("ce", "kl")}
        >>> terms, _ = tx.update(terms, tx.init(terms), step=jnp.int32(0))
        >>> float(terms["ce"].values[0]), float(terms["kl"].values[0])
        (1.0, 0.5)
    """
    chosen = (names,) if isinstance(names, str) else tuple(names)
    inner = chain(*transforms)

    def pick(terms: Terms) -> Terms:
        known_names("on", chosen, terms)
        return {name: terms[name] for name in chosen}

    def update(terms: Terms, state: Any, /, *, step: Array, **extra: Any) -> tuple[Terms, Any]:
        changed, state = inner.update(pick(terms), state, step=step, **extra)
        return {**{name: term for name, term in terms.items() if name not in chosen}, **changed}, state

    def renamed(given: frozenset[str], /) -> frozenset[str]:
        return (given - frozenset(chosen)) | inner.names(frozenset(chosen))

    looks_at = lambda given: inner.reads(frozenset(chosen))
    return LossTransform(lambda terms, /: inner.init(pick(terms)), update, inner.per_example, renamed, looks_at)


def _no_state(terms: Terms, /) -> tuple[()]:
    return ()


def stateless(fn: Callable[[Terms, Array], Terms], *, per_example: bool = True) -> LossTransform:
    """Make a transformation without state from a function of the terms and the step.

    Args:
        fn: ``fn(terms, step) -> terms`` with the same names.
        per_example: False declares that ``fn`` depends on each term only through its mean and its total weight.

    Returns:
        A transformation.

    Example:
        >>> from jaxloss import combine
        >>> halve = lambda terms, step: {k: jaxloss.reductions.Term(t.values / 2, t.weights) for k, t in terms.items()}
        >>> tx = combine.stateless(halve, per_example=False)
        >>> terms = {"ce": jaxloss.reductions.Term(jnp.ones(1), jnp.ones(1))}
        >>> tx.update(terms, tx.init(terms), step=jnp.int32(0))[0]["ce"].values
        Array([0.5], dtype=float32)
    """

    def update(terms: Terms, state: Any, /, *, step: Array, **extra: Any) -> tuple[Terms, Any]:
        return fn(terms, step), state

    return LossTransform(_no_state, update, per_example)


def derive(name: str, fn: Callable[..., Array], *uses: str) -> LossTransform:
    """Replace terms by a function of their means over the whole batch: for losses that are not means.

    For example, a load-balancing loss is a sum of products of two means over the tokens, and a correlation is a ratio
    of means. Averaging such a number over devices or micro-batches is wrong; here the means are those of the whole
    batch.

    Args:
        name: The name of the new term.
        fn: ``fn(*means) -> scalar``; its arguments are the weighted means of the used terms over their leading axis.
        *uses: The names of the used terms, which are removed from the objective. Their values and weights have shape
            ``[batch, ...]``.

    Returns:
        A transformation without state; its ``init`` raises a KeyError for a name that no term has.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.derive("spread", lambda mean, square: square - mean**2, "mean", "square")
        >>> x = jnp.array([1.0, 3.0])
        >>> terms = {n: jaxloss.reductions.Term(v, jnp.ones(2)) for n, v in (("mean", x), ("square", x**2))}
        >>> terms, _ = tx.update(terms, tx.init(terms), step=jnp.int32(0))
        >>> {n: float(t.values) for n, t in terms.items()}
        {'spread': 1.0}
    """

    def init(terms: Terms, /) -> tuple[()]:
        known_names("derive", uses, terms)
        if name in set(terms) - set(uses):
            raise ValueError(f"derive: the term {name!r} exists already.")
        return ()

    def update(terms: Terms, state: Any, /, *, step: Array, **extra: Any) -> tuple[Terms, Any]:
        sums = [weighted_sums(terms[n].values, terms[n].weights, 0 if terms[n].values.ndim else None) for n in uses]
        some = jnp.all(jnp.stack([jnp.any(mass > 0) for _, mass in sums]))
        value = jnp.asarray(fn(*(divide_sums(*pair) for pair in sums)))
        if value.shape:
            raise ValueError(f"derive: the function for {name!r} must return a scalar; found shape {value.shape}.")
        rest = {n: term for n, term in terms.items() if n not in uses}
        return {**rest, name: Term(value, some.astype(value.dtype))}, state

    used = frozenset(uses)
    return LossTransform(init, update, True, lambda given: (given - used) | {name}, lambda given: used)


def monitor(*names: str) -> LossTransform:
    """Only report terms: they appear in the `Aux`, but contribute 0 and pass no gradient, not even a NaN.

    Args:
        *names: Names of terms.

    Returns:
        A transformation without state; its ``init`` raises a KeyError for a name that no term has.

    Example:
        >>> from jaxloss import combine
        >>> objective = combine.objective(lambda p: {"fit": p**2, "accuracy": p}, combine.monitor("accuracy"))
        >>> (loss, aux), slope = jax.value_and_grad(objective, has_aux=True)(3.0, objective.init(3.0))
        >>> float(loss), float(slope), float(aux.terms["accuracy"].values)
        (9.0, 6.0, 3.0)
    """

    def init(terms: Terms, /) -> tuple[()]:
        known_names("monitor", names, terms)
        return ()

    def update(terms: Terms, state: Any, /, *, step: Array, **extra: Any) -> tuple[Terms, Any]:
        known_names("monitor", names, terms)
        return {**terms, **{n: Term(jnp.zeros_like(terms[n].values), terms[n].weights) for n in names}}, state

    return LossTransform(init, update, per_example=False)
