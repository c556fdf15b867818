"""An objective: named terms of one forward pass, transformed, weighed and summed into one differentiable number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._typing import Array
from jaxloss.combine.terms import Terms, lift, mean_of
from jaxloss.combine.transforms import LossTransform, chain
from jaxloss.reductions import Term, summarize

__all__ = ["Aux", "Objective", "ObjectiveState", "objective"]


class ObjectiveState(NamedTuple):
    """What an objective carries from step to step: a pytree of arrays that scans, donates and checkpoints.

    Attributes:
        step: Number of evaluations so far, int32; what schedules see.
        transform: The states of the transformations.
    """

    step: Array
    transform: Any


class Aux(NamedTuple):
    """What one evaluation reports beside the loss; nothing in it carries a gradient.

    Attributes:
        state: The state for the next step.
        terms: Name to the raw term before any transformation, as a 0-d `Term`: its mean and its total weight.
            Such terms merge exactly over steps with `jaxloss.reductions.merge`.
        contributions: Name to the share of the objective; they sum to the loss.
        weights: Name to the effective weight, the derivative of the objective by a shift of the whole term. It is 0
            for a term that is switched off, which then passes neither value nor gradient.
        extra: What ``losses`` returned beside the terms, if ``has_aux``.
    """

    state: ObjectiveState
    terms: dict[str, Term]
    contributions: dict[str, Array]
    weights: dict[str, Array]
    extra: Any

    def metrics(self) -> dict[str, Array]:
        """A flat dict for loggers: ``value/<term>``, ``weight/<term>``, ``weighted/<term>`` and ``count/<term>``."""
        return {
            **{f"value/{name}": term.values for name, term in self.terms.items()},
            **{f"weight/{name}": weight for name, weight in self.weights.items()},
            **{f"weighted/{name}": share for name, share in self.contributions.items()},
            **{f"count/{name}": term.weights for name, term in self.terms.items()},
        }


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


def objective(losses: Callable[..., Any], *transforms: LossTransform, has_aux: bool = False) -> Objective:
    """Turn a function that returns named terms into one differentiable, stateful objective.

    The loss is the sum over terms of their weighted means, after the transformations. It is plain JAX: ``jax.jvp``,
    Hessians, ``jax.vmap`` over parameters and ``jax.lax.scan`` over steps all work.

    Args:
        losses: ``losses(params, *args, **kwargs)`` runs the model once and returns a dict of named terms: losses with
            ``reduction=jaxloss.reductions.term``, arrays of per-example losses, or scalars.
        *transforms: Transformations of the terms, in order; see `chain`, `on`, `scale`, `weigh`.
        has_aux: Whether ``losses`` returns ``(terms, extra)``; ``extra`` is handed on in the `Aux`.

    Returns:
        An `Objective`.

    Raises:
        TypeError: At ``init``, if ``losses`` does not return a dict, or a term is not floating.
        KeyError: At ``init``, if a transformation names a term that there is not.
        ValueError: If a transformation changes the set of names, or the state belongs to another objective.

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
    call = losses if has_aux else lambda *args, **kwargs: (losses(*args, **kwargs), None)

    def forward(params: Any, *args: Any, **kwargs: Any) -> tuple[Terms, Any]:
        terms, extra = call(params, *args, **kwargs)
        return lift(terms), extra

    def transformed(terms: Terms, state: ObjectiveState) -> tuple[Terms, Any]:
        changed, inner = transform.update(terms, state.transform, step=state.step)
        if set(changed) != set(terms):
            raise ValueError(
                f"a transformation turned the terms {sorted(terms)} into {sorted(changed)}; it must keep the names."
            )
        return changed, inner

    def init(params: Any, *args: Any, **kwargs: Any) -> ObjectiveState:
        terms, _ = jax.eval_shape(forward, params, *args, **kwargs)
        state = ObjectiveState(jnp.zeros((), jnp.int32), transform.init(terms))
        jax.eval_shape(transformed, terms, state)
        return state

    def apply(params: Any, state: ObjectiveState, *args: Any, **kwargs: Any) -> tuple[Array, Aux]:
        terms, extra = forward(params, *args, **kwargs)
        _same_structure(state, jax.eval_shape(transform.init, terms))
        changed, inner = transformed(terms, state)
        contributions = {name: mean_of(term) for name, term in changed.items()}

        def shifted(shifts: dict[str, Array]) -> Array:
            moved = {n: Term(term.values + shifts[n], term.weights) for n, term in terms.items()}
            return _total({n: mean_of(term) for n, term in transformed(moved, state)[0].items()})

        weights = jax.grad(shifted)({name: jnp.zeros((), term.values.dtype) for name, term in terms.items()})
        aux = Aux(
            ObjectiveState(state.step + 1, inner),
            {name: summarize(term) for name, term in terms.items()},
            contributions,
            weights,
            extra,
        )
        return _total(contributions), jax.tree.map(jax.lax.stop_gradient, aux)

    return Objective(init, apply)


def _total(contributions: dict[str, Array]) -> Array:
    """The sum in the order of the names, so that the rounding does not depend on how a dict was built."""
    return jnp.sum(jnp.stack([contributions[name] for name in sorted(contributions)]))


def _same_structure(state: ObjectiveState, expected: Any) -> None:
    found, wanted = jax.tree.structure(state.transform), jax.tree.structure(expected)
    if found != wanted:
        raise ValueError(
            f"the state belongs to another objective: its transformations have the structure {found}, this objective's "
            f"{wanted}. Make it with objective.init(params, ...)."
        )
