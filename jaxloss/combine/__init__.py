"""Compose named loss terms into one objective: transformations of terms, weights, schedules.

The pieces have the shape of optax: a `LossTransform` is a pair of pure functions, `chain` composes them, and an
`objective` is a differentiable function of the parameters with a state that is carried like an optimiser's.
"""

from jaxloss.combine.aggregation import Aggregator, GramianState, from_gramian, gramian, players
from jaxloss.combine.balance import (
    equal_norms,
    equal_norms_weights,
    learning_rate_annealing,
    learning_rate_annealing_weights,
)
from jaxloss.combine.bargaining import fairgrad, fairgrad_weights, nash, nash_weights
from jaxloss.combine.conflict import gradvac, gradvac_weights, pcgrad, pcgrad_weights
from jaxloss.combine.dual_cone import dualproj, dualproj_weights, upgrad, upgrad_weights
from jaxloss.combine.geometry import aligned_mtl, aligned_mtl_weights, config, config_weights, imtl_g, imtl_g_weights
from jaxloss.combine.lazy import every
from jaxloss.combine.min_norm import cagrad, cagrad_weights, mgda, mgda_weights
from jaxloss.combine.neural_tangent import ntk_trace, ntk_weighting, ntk_weights
from jaxloss.combine.objectives import Aux, Objective, ObjectiveState, objective
from jaxloss.combine.plain_aggregation import constant_weighting, mean_of_gradients, random_weighting, sum_of_gradients
from jaxloss.combine.results import Aux, ObjectiveState
from jaxloss.combine.robust_aggregation import krum, krum_weights, trimmed_mean_of_gradients
from jaxloss.combine.sharing import fork, reverse_gradient
from jaxloss.combine.sign_dropout import graddrop
from jaxloss.combine.sown import collect
from jaxloss.combine.training_rates import GradNormState, gradnorm, gradnorm_weights
from jaxloss.combine.transforms import LossTransform, chain, derive, on, scale, stateless, weigh

__all__ = [
    "Aggregator",
    "Aux",
    "GradNormState",
    "GramianState",
    "LossTransform",
    "Objective",
    "ObjectiveState",
    "aligned_mtl",
    "aligned_mtl_weights",
    "cagrad",
    "cagrad_weights",
    "chain",
    "collect",
    "config",
    "config_weights",
    "constant_weighting",
    "derive",
    "dualproj",
    "dualproj_weights",
    "equal_norms",
    "equal_norms_weights",
    "every",
    "fairgrad",
    "fairgrad_weights",
    "fork",
    "from_gramian",
    "graddrop",
    "gradnorm",
    "gradnorm_weights",
    "gradvac",
    "gradvac_weights",
    "gramian",
    "imtl_g",
    "imtl_g_weights",
    "krum",
    "krum_weights",
    "learning_rate_annealing",
    "learning_rate_annealing_weights",
    "mean_of_gradients",
    "mgda",
    "mgda_weights",
    "nash",
    "nash_weights",
    "ntk_trace",
    "ntk_weighting",
    "ntk_weights",
    "objective",
    "on",
    "pcgrad",
    "pcgrad_weights",
    "players",
    "random_weighting",
    "reverse_gradient",
    "scale",
    "stateless",
    "sum_of_gradients",
    "trimmed_mean_of_gradients",
    "upgrad",
    "upgrad_weights",
    "weigh",
]
