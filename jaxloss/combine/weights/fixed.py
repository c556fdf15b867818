"""Weights that do not depend on the losses: numbers, schedules, weights edited during a run, random weights."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.typing import Array
from jaxloss.combine.structure._observe import Factor, Observed, from_means, masked_softmax, setting, times
from jaxloss.combine.structure.terms import Terms, known_names
from jaxloss.combine.structure.transforms import LossTransform, stateless
from jaxloss.reductions import Term

__all__ = ["WeighRandomlyState", "WeighTunableState", "scale", "weigh", "weigh_randomly", "weigh_tunable"]


def scale(factor: Factor) -> LossTransform:
    """Multiply every term by a number or by a schedule of the step.

    If the factor is 0, the term adds nothing to the value and passes no gradient, even if it is NaN. A Python 0 also
    removes the backward pass of the term, and with it any NaN that arises there; a traced 0 cannot.

    Args:
        factor: A number, traced or not, or a schedule ``step -> number``; it may be negative.

    Returns:
        A transformation without state. Changing a traced factor never recompiles.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.scale(lambda step: 1.0 / (1 + step))
        >>> terms = {"ce": jaxloss.reductions.Term(jnp.ones(1), jnp.ones(1))}
        >>> tx.update(terms, tx.init(terms), step=jnp.int32(3))[0]["ce"].values
        Array([0.25], dtype=float32)
    """

    def scaled(terms: Terms, step: Array) -> Terms:
        return {name: _scaled(name, term, factor, step) for name, term in terms.items()}

    return stateless(scaled, per_example=False)


def weigh(**factors: Factor) -> LossTransform:
    """Weight terms by name, each with a number or a schedule of the step; unnamed terms keep weight 1.

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

    def update(terms: Terms, state: Any, /, *, step: Array, **extra: Any) -> tuple[Terms, Any]:
        known_names("weigh", factors, terms)
        weighted = {name: _scaled(name, terms[name], factor, step) for name, factor in factors.items()}
        return {**terms, **weighted}, state

    return LossTransform(init, update, per_example=False)


def _scaled(name: str, term: Term, factor: Factor, step: Array) -> Term:
    number = checks.scalar(f"the weight of {name!r}", factor(step) if callable(factor) else factor, term.values.dtype)
    if isinstance(number, float):
        return Term(term.values * number if number else jnp.zeros_like(term.values), term.weights)
    number = jax.lax.stop_gradient(jnp.asarray(number, term.values.dtype))
    return Term(jnp.where(number == 0, jnp.zeros((), number.dtype), term.values) * number, term.weights)


class WeighTunableState(NamedTuple):
    """What `weigh_tunable` carries.

    Attributes:
        weights: Name to weight.
    """

    weights: dict[str, Array]


def weigh_tunable(**initial: float | Array) -> LossTransform:
    """Weight terms by numbers in the state, which can be edited during a run without recompilation.

    For a weight that follows a schedule, such as a warm-up, use `weigh` instead:
    ``weigh(kl=optax.linear_schedule(0.0, 1.0, 1000))``.

    Args:
        **initial: Term name to first weight; unnamed terms keep weight 1.

    Returns:
        A transformation with a `WeighTunableState`; its ``init`` raises a KeyError for a name that no term has. A
        weight of 0 passes neither value nor gradient.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.weigh_tunable(kl=0.5)
        >>> terms = {"kl": jaxloss.reductions.Term(jnp.ones(1), jnp.ones(1))}
        >>> state = tx.init(terms)
        >>> state.weights["kl"] = 0.25
        >>> float(tx.update(terms, state, step=0)[0]["kl"].values[0])
        0.25
    """

    def init(terms: Terms, /) -> WeighTunableState:
        known_names("weigh_tunable", initial, terms)
        numbers = {n: checks.scalar(f"the weight of {n!r}", w, terms[n].values.dtype) for n, w in initial.items()}
        return WeighTunableState({name: jnp.array(w, terms[name].values.dtype) for name, w in numbers.items()})

    def update(terms: Terms, state: Any, /, *, step: Array, **extra: Any) -> tuple[Terms, Any]:
        known_names("weigh_tunable", state.weights, terms)
        weights = {name: jnp.asarray(weight, terms[name].values.dtype) for name, weight in state.weights.items()}
        weighted = {name: times(terms[name], weight) for name, weight in weights.items()}
        return {**terms, **weighted}, WeighTunableState(weights)

    return LossTransform(init, update, per_example=False)


class WeighRandomlyState(NamedTuple):
    """What `weigh_randomly` carries.

    Attributes:
        key: The data of the random key.
    """

    key: Array


def weigh_randomly(key: Array, *, spread: Factor = 1.0) -> LossTransform:
    r"""Random loss weighting: new random weights at every step, the baseline for adaptive weights.

    .. math:: w = \operatorname{softmax}(s z), \qquad z_k \sim \mathcal N(0, 1)

    Args:
        key: Random key, as from ``jax.random.key``.
        spread: Standard deviation :math:`s` >= 0 of the logits; 1 in the paper. A number or a schedule
            ``step -> number``.

    Returns:
        A transformation with a `WeighRandomlyState`. The weights sum to 1.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.weigh_randomly(jax.random.key(0))
        >>> terms = {n: jaxloss.reductions.Term(jnp.ones(2), jnp.ones(2)) for n in "ab"}
        >>> terms, state = tx.update(terms, tx.init(terms), step=0)
        >>> print(f"{terms['a'].values[0] + terms['b'].values[0]:.4f}")
        1.0000

    Reference:
        Lin et al. (2022), Reasonable Effectiveness of Random Weighting: A Litmus Test for Multi-Task Learning.
        https://arxiv.org/abs/2111.10603
    """
    seed, kind = jax.random.key_data(key), jax.random.key_impl(key)

    def rule(observed: Observed, state: WeighRandomlyState, step: Array) -> tuple[Array, WeighRandomlyState]:
        new, draw = jax.random.split(jax.random.wrap_key_data(state.key, impl=kind))
        deviation = setting("spread", spread, step, observed.means.dtype, at_least=0)
        logits = deviation * jax.random.normal(draw, observed.means.shape, observed.means.dtype)
        return masked_softmax(logits, observed.seen), WeighRandomlyState(jax.random.key_data(new))

    return from_means(lambda names, dtype: WeighRandomlyState(jnp.array(seed)), rule)
