"""Compose named loss terms into one objective: transformations of terms, weights, schedules.

The pieces have the shape of optax: a `LossTransform` is a pair of pure functions, `chain` composes them, and an
`objective` is a differentiable function of the parameters with a state that is carried like an optimiser's.
"""

from jaxloss.combine.lazy import every
from jaxloss.combine.objectives import Objective, objective
from jaxloss.combine.results import Aux, ObjectiveState
from jaxloss.combine.sharing import fork, reverse_gradient
from jaxloss.combine.sown import collect
from jaxloss.combine.transforms import LossTransform, chain, derive, on, scale, stateless, weigh

__all__ = [
    "Aux",
    "LossTransform",
    "Objective",
    "ObjectiveState",
    "chain",
    "collect",
    "derive",
    "every",
    "fork",
    "objective",
    "on",
    "reverse_gradient",
    "scale",
    "stateless",
    "weigh",
]
