"""Compose named loss terms into one objective: transformations of terms, weights, schedules.

The pieces have the shape of optax: a `LossTransform` is a pair of pure functions, `chain` composes them, and an
`objective` is a differentiable function of the parameters with a state that is carried like an optimiser's.
"""

import typing as _t

from jaxloss.combine.aggregation import Aggregator, GramianState, from_gramian, gramian, players
from jaxloss.combine.balance import (
    equal_norms,
    equal_norms_weights,
    learning_rate_annealing,
    learning_rate_annealing_weights,
)
from jaxloss.combine.balancing import (
    EMANormalizeState,
    FAMOState,
    RandomWeightsState,
    ema_normalize,
    famo,
    random_weights,
)
from jaxloss.combine.bargaining import fairgrad, fairgrad_weights, nash, nash_weights
from jaxloss.combine.collocation import SelfAdaptiveState, causal, self_adaptive
from jaxloss.combine.conflict import gradvac, gradvac_weights, pcgrad, pcgrad_weights
from jaxloss.combine.constraints import ConstrainState, GecoState, constrain, geco
from jaxloss.combine.curricula import SuperLossState, self_paced, superloss
from jaxloss.combine.dual_cone import dualproj, dualproj_weights, upgrad, upgrad_weights
from jaxloss.combine.geometry import aligned_mtl, aligned_mtl_weights, config, config_weights, imtl_g, imtl_g_weights
from jaxloss.combine.groups import GroupDROState, TermDROState, group_dro, term_dro, worst_group
from jaxloss.combine.lazy import every
from jaxloss.combine.learned import LearnedState, imtl_l, learned, revised_uncertainty, uncertainty
from jaxloss.combine.min_norm import cagrad, cagrad_weights, mgda, mgda_weights
from jaxloss.combine.neural_tangent import ntk_trace, ntk_weighting, ntk_weights
from jaxloss.combine.objectives import Objective, objective
from jaxloss.combine.plain_aggregation import constant_weighting, mean_of_gradients, random_weighting, sum_of_gradients
from jaxloss.combine.progress import DWAState, RelobraloState, SoftadaptState, dwa, relobralo, softadapt
from jaxloss.combine.reshaping import clip_values, focal, reduce_by, soft_maximum
from jaxloss.combine.results import Aux, ObjectiveState
from jaxloss.combine.robust_aggregation import krum, krum_weights, trimmed_mean_of_gradients
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
from jaxloss.combine.sharing import fork, reverse_gradient
from jaxloss.combine.sign_dropout import graddrop
from jaxloss.combine.sown import collect
from jaxloss.combine.terms import Annotation
from jaxloss.combine.training_rates import GradNormState, gradnorm, gradnorm_weights
from jaxloss.combine.transforms import LossTransform, chain, derive, on, scale, stateless, weigh
from jaxloss.combine.tuning import WeighTunableState, monitor, weigh_tunable
from jaxloss.combine.variation import CovWeightingState, cov_weighting
from jaxloss.names import no_such_name as _no_such_name

__all__ = [
    "Aggregator",
    "Annotation",
    "Aux",
    "ConstrainState",
    "CovWeightingState",
    "DWAState",
    "EMANormalizeState",
    "FAMOState",
    "GecoState",
    "GradNormState",
    "GramianState",
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
    "aligned_mtl",
    "aligned_mtl_weights",
    "cagrad",
    "cagrad_weights",
    "causal",
    "chain",
    "clip_values",
    "collect",
    "config",
    "config_weights",
    "constant_weighting",
    "constrain",
    "cov_weighting",
    "cvar",
    "derive",
    "dualproj",
    "dualproj_weights",
    "dwa",
    "ema_normalize",
    "equal_norms",
    "equal_norms_weights",
    "every",
    "fairgrad",
    "fairgrad_weights",
    "famo",
    "focal",
    "fork",
    "from_gramian",
    "geco",
    "geometric_mean",
    "graddrop",
    "gradnorm",
    "gradnorm_weights",
    "gradvac",
    "gradvac_weights",
    "gramian",
    "group_dro",
    "imtl_g",
    "imtl_g_weights",
    "imtl_l",
    "krum",
    "krum_weights",
    "learned",
    "learning_rate_annealing",
    "learning_rate_annealing_weights",
    "mean_of_gradients",
    "mgda",
    "mgda_weights",
    "monitor",
    "nash",
    "nash_weights",
    "nonzero_mean",
    "ntk_trace",
    "ntk_weighting",
    "ntk_weights",
    "objective",
    "on",
    "pcgrad",
    "pcgrad_weights",
    "players",
    "random_weighting",
    "random_weights",
    "reduce_by",
    "relobralo",
    "reverse_gradient",
    "revised_uncertainty",
    "scalarized",
    "scale",
    "self_adaptive",
    "self_paced",
    "skip_nonfinite",
    "small_loss",
    "soft_maximum",
    "softadapt",
    "stateless",
    "sum_of_gradients",
    "superloss",
    "tchebycheff",
    "term_dro",
    "top_fraction",
    "trimmed_mean",
    "trimmed_mean_of_gradients",
    "uncertainty",
    "upgrad",
    "upgrad_weights",
    "vrex",
    "weigh",
    "weigh_tunable",
    "worst_group",
]

if not _t.TYPE_CHECKING:  # to a type checker a module with __getattr__ has every attribute

    def __getattr__(name: str) -> _t.NoReturn:
        """For names that do not exist: what to write instead."""
        _no_such_name(__name__, name)
