"""What an objective carries from step to step (`ObjectiveState`), and what it reports (`Aux`)."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

from jaxloss._floor.reduction import promote
from jaxloss._floor.typing import Array
from jaxloss.combine.structure.terms import Terms, mean_of
from jaxloss.reductions import Term

__all__ = ["Aux", "ObjectiveState"]


class ObjectiveState(NamedTuple):
    """What an objective carries from step to step: a pytree of arrays that scans, donates and checkpoints.

    Attributes:
        step: Number of evaluations so far, int32; the argument of schedules.
        transform: The states of the transformations.
        aggregator: The state of the aggregator, if there is one.
    """

    step: Array
    transform: Any
    aggregator: Any = ()


class Aux(NamedTuple):
    """What one evaluation returns beside the loss; no gradient flows through it.

    Attributes:
        state: The state for the next step.
        terms: Name to the raw term before any transformation, as a 0-d `Term`: its mean and its total weight.
            Such terms merge exactly over steps with `jaxloss.reductions.merge`.
        contributions: Name to the contribution to the objective; they sum to the loss.
        weights: Name to the effective weight: the derivative of the objective with respect to a shift of the whole
            term; with an aggregator, the share in the aggregated gradient. It is 0 for a term that is switched off and
            thus contributes neither value nor gradient.
        extra: What ``losses`` returned beside the terms, if ``has_aux``; stacked over micro-batches, if there are any.
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


def means_of(terms: Terms) -> dict[str, Array]:
    """The mean of each term, in the order of the names."""
    return {name: mean_of(terms[name]) for name in sorted(terms)}


def sum_of(means: dict[str, Array]) -> Array:
    """The sum in the order of the names, so that rounding does not depend on the order of a dict."""
    return jnp.sum(jnp.stack(promote(*(means[name] for name in sorted(means)))))
