"""Compose named loss terms into one objective: transformations of terms, weights, schedules.

The pieces have the shape of optax: a `LossTransform` is a pair of pure functions, `chain` composes them, and an
`objective` is a differentiable function of the parameters with a state that is carried like an optimiser's.
"""

from jaxloss.combine.objectives import Aux, Objective, ObjectiveState, objective
from jaxloss.combine.transforms import LossTransform, chain, on, scale, weigh

__all__ = ["Aux", "LossTransform", "Objective", "ObjectiveState", "chain", "objective", "on", "scale", "weigh"]
