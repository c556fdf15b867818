"""Transformations of named loss terms: pairs of pure functions, and the ways to compose them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp

from jaxloss import _checks
from jaxloss._typing import Array, Scalar
from jaxloss.combine.terms import Terms, known_names
from jaxloss.reductions import Term

__all__ = ["Factor", "LossTransform", "chain", "on", "scale", "weigh"]

Factor = Scalar | Callable[[Array], Any]
"""A number, or a schedule ``step -> number`` such as optax's."""


class InitFn(Protocol):
    """``init(terms) -> state``; reads names, shapes and dtypes only."""

    def __call__(self, terms: Terms, /) -> Any: ...


class UpdateFn(Protocol):
    """``update(terms, state, *, step, **extra) -> (terms, state)``; the state keeps its structure and dtypes."""

    def __call__(self, terms: Terms, state: Any, /, *, step: Array, **extra: Any) -> tuple[Terms, Any]: ...


class LossTransform(NamedTuple):
    """A transformation of named terms: two pure functions, as in optax.

    Attributes:
        init: ``init(terms) -> state``, a pytree of arrays. Called once, under ``jax.eval_shape``.
        update: ``update(terms, state, *, step, **extra) -> (terms, state)``. It sees the per-example losses before
            any mean and returns the same names.
        per_example: False promises that it depends on each term only through its mean and its total weight, so that
            ``update`` may also be given 0-d terms.
    """

    init: InitFn
    update: UpdateFn
    per_example: bool = True


def chain(*transforms: LossTransform) -> LossTransform:
    """Apply transformations one after the other.

    Args:
        *transforms: The transformations, the first one first; none at all is the identity.

    Returns:
        One transformation, whose state is the tuple of their states.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.chain(combine.scale(2.0), combine.weigh(kl=0.5))
        >>> terms = {"kl": jaxloss.reductions.Term(jnp.ones(3), jnp.ones(3))}
        >>> terms, _ = tx.update(terms, tx.init(terms), step=jnp.int32(0))
        >>> terms["kl"].values
        Array([1., 1., 1.], dtype=float32)
    """

    def init(terms: Terms, /) -> tuple[Any, ...]:
        return tuple(transform.init(terms) for transform in transforms)

    def update(terms: Terms, state: Any, /, *, step: Array, **extra: Any) -> tuple[Terms, Any]:
        states = []
        for transform, own in zip(transforms, state, strict=True):
            terms, own = transform.update(terms, own, step=step, **extra)
            states.append(own)
        return terms, tuple(states)

    return LossTransform(init, update, any(transform.per_example for transform in transforms))


def on(names: str | Sequence[str], *transforms: LossTransform) -> LossTransform:
    """Apply transformations to some of the terms and leave the others alone.

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
        return {**terms, **changed}, state

    return LossTransform(lambda terms, /: inner.init(pick(terms)), update, inner.per_example)


def _no_state(terms: Terms, /) -> tuple[()]:  # noqa: ARG001
    return ()


def scale(factor: Factor) -> LossTransform:
    """Multiply every term by a number or by a schedule of the step.

    Where the factor is 0 the term is absent from the value and passes no gradient, even if it is NaN.

    Args:
        factor: A number, traced or not, or a schedule ``step -> number``; it may be negative.

    Returns:
        A transformation without state. A changed factor never recompiles if it is traced.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.scale(lambda step: 1.0 / (1 + step))
        >>> terms = {"ce": jaxloss.reductions.Term(jnp.ones(1), jnp.ones(1))}
        >>> tx.update(terms, tx.init(terms), step=jnp.int32(3))[0]["ce"].values
        Array([0.25], dtype=float32)
    """

    def update(terms: Terms, state: Any, /, *, step: Array, **extra: Any) -> tuple[Terms, Any]:  # noqa: ARG001
        return {name: _scaled(name, term, factor, step) for name, term in terms.items()}, state

    return LossTransform(_no_state, update, per_example=False)


def weigh(**factors: Factor) -> LossTransform:
    """Weigh terms by name, each by a number or by a schedule of the step; unnamed terms keep weight 1.

    Args:
        **factors: Term name to number or schedule, as for `scale`.

    Returns:
        A transformation without state; its ``init`` raises a KeyError for a name that no term has.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.weigh(kl=1e-3)
        >>> tx.init({"ce": jaxloss.reductions.Term(jnp.ones(1), jnp.ones(1))})
        Traceback (most recent call last):
            ...
        KeyError: "weigh: unknown term(s) ['kl']; the terms are ['ce']"
    """

    def init(terms: Terms, /) -> tuple[()]:
        known_names("weigh", factors, terms)
        return ()

    def update(terms: Terms, state: Any, /, *, step: Array, **extra: Any) -> tuple[Terms, Any]:  # noqa: ARG001
        known_names("weigh", factors, terms)
        weighed = {name: _scaled(name, terms[name], factor, step) for name, factor in factors.items()}
        return {**terms, **weighed}, state

    return LossTransform(init, update, per_example=False)


def _scaled(name: str, term: Term, factor: Factor, step: Array) -> Term:
    number = _checks.scalar(f"the weight of {name!r}", factor(step) if callable(factor) else factor, term.values.dtype)
    if isinstance(number, float) and number == 0:
        return Term(jnp.zeros_like(term.values), term.weights)
    number = jax.lax.stop_gradient(jnp.asarray(number, term.values.dtype))
    return Term(jnp.where(number == 0, jnp.zeros((), number.dtype), term.values) * number, term.weights)
