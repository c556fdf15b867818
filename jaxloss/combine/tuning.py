"""Weights to be edited by hand during a run, and terms that are only watched.

Warm-ups and ramps need nothing of their own: `weigh` takes schedules of the step, such as optax's.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.typing import Array
from jaxloss.combine._observe import times
from jaxloss.combine.terms import Terms, known_names
from jaxloss.combine.transforms import LossTransform
from jaxloss.reductions import Term

__all__ = ["WeighTunableState", "monitor", "weigh_tunable"]


class WeighTunableState(NamedTuple):
    """What `weigh_tunable` carries.

    Attributes:
        weights: Name to weight.
    """

    weights: dict[str, Array]


def weigh_tunable(**initial: float | Array) -> LossTransform:
    """Weigh terms by numbers that live in the state, where they can be edited during a run without recompilation.

    For a weight that follows a plan, a warm-up or a ramp, give `weigh` a schedule instead:
    ``weigh(kl=optax.linear_schedule(0.0, 1.0, 1000))``.

    Args:
        **initial: Term name to first weight; unnamed terms keep weight 1.

    Returns:
        A transformation with a `WeighTunableState`; its ``init`` raises a KeyError for a name that no term has. A
        weight of 0 lets neither value nor gradient through.

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

    def update(terms: Terms, state: Any, /, *, step: Array, **extra: Any) -> tuple[Terms, Any]:  # noqa: ARG001
        known_names("weigh_tunable", state.weights, terms)
        weights = {name: jnp.asarray(weight, terms[name].values.dtype) for name, weight in state.weights.items()}
        weighed = {name: times(terms[name], weight) for name, weight in weights.items()}
        return {**terms, **weighed}, WeighTunableState(weights)

    return LossTransform(init, update, per_example=False)


def monitor(*names: str) -> LossTransform:
    """Watch terms: they are reported with the others, but contribute 0 and pass no gradient, not even a NaN.

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

    def update(terms: Terms, state: Any, /, *, step: Array, **extra: Any) -> tuple[Terms, Any]:  # noqa: ARG001
        known_names("monitor", names, terms)
        return {**terms, **{n: Term(jnp.zeros_like(terms[n].values), terms[n].weights) for n in names}}, state

    return LossTransform(init, update, per_example=False)
