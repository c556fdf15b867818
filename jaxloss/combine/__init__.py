"""Compose named loss terms into one objective: transformations of terms, weights, schedules.

The pieces have the shape of optax: a `LossTransform` is a pair of pure functions, `chain` composes them, and an
`objective` is a differentiable function of the parameters with a state that is carried like an optimiser's.
"""

from jaxloss.combine.balancing import (
    EMANormalizeState,
    FAMOState,
    RandomWeightsState,
    ema_normalize,
    famo,
    random_weights,
)
from jaxloss.combine.collocation import SelfAdaptiveState, causal, self_adaptive
from jaxloss.combine.constraints import ConstrainState, GecoState, constrain, geco
from jaxloss.combine.curricula import SuperLossState, self_paced, superloss
from jaxloss.combine.groups import GroupDROState, TermDROState, group_dro, term_dro, worst_group
from jaxloss.combine.learned import LearnedState, imtl_l, learned, revised_uncertainty, uncertainty
from jaxloss.combine.objectives import Aux, Objective, ObjectiveState, objective
from jaxloss.combine.progress import DWAState, RelobraloState, SoftadaptState, dwa, relobralo, softadapt
from jaxloss.combine.reshaping import clip_values, focal, reduce_by, soft_maximum
from jaxloss.combine.scalarizations import geometric_mean, scalarized, tchebycheff, vrex
from jaxloss.combine.selections import (
    SkipNonfiniteState,
    cvar,
    nonzero_mean,
    skip_nonfinite,
    small_loss,
    top_fraction,
    trimmed_mean,
)
from jaxloss.combine.transforms import LossTransform, chain, on, scale, weigh
from jaxloss.combine.tuning import WeighTunableState, monitor, weigh_tunable
from jaxloss.combine.variation import CovWeightingState, cov_weighting

__all__ = [
    "Aux",
    "ConstrainState",
    "CovWeightingState",
    "DWAState",
    "EMANormalizeState",
    "FAMOState",
    "GecoState",
    "GroupDROState",
    "LearnedState",
    "LossTransform",
    "Objective",
    "ObjectiveState",
    "RandomWeightsState",
    "RelobraloState",
    "SelfAdaptiveState",
    "SkipNonfiniteState",
    "SoftadaptState",
    "SuperLossState",
    "TermDROState",
    "WeighTunableState",
    "causal",
    "chain",
    "clip_values",
    "constrain",
    "cov_weighting",
    "cvar",
    "dwa",
    "ema_normalize",
    "famo",
    "focal",
    "geco",
    "geometric_mean",
    "group_dro",
    "imtl_l",
    "learned",
    "monitor",
    "nonzero_mean",
    "objective",
    "on",
    "random_weights",
    "reduce_by",
    "relobralo",
    "revised_uncertainty",
    "scalarized",
    "scale",
    "self_adaptive",
    "self_paced",
    "skip_nonfinite",
    "small_loss",
    "soft_maximum",
    "softadapt",
    "superloss",
    "tchebycheff",
    "term_dro",
    "top_fraction",
    "trimmed_mean",
    "uncertainty",
    "vrex",
    "weigh",
    "weigh_tunable",
    "worst_group",
]
