"""Losses of diffusion, score and flow models."""

from jaxloss.generative.diffusion import (
    consistency,
    flow_matching,
    noising,
    objectives,
    parametrisations,
    score_matching,
    weighting,
)
from jaxloss.generative.diffusion.consistency import *
from jaxloss.generative.diffusion.flow_matching import *
from jaxloss.generative.diffusion.noising import *
from jaxloss.generative.diffusion.objectives import *
from jaxloss.generative.diffusion.parametrisations import *
from jaxloss.generative.diffusion.score_matching import *
from jaxloss.generative.diffusion.weighting import *

__all__: list[str] = []
__all__ += consistency.__all__
__all__ += flow_matching.__all__
__all__ += noising.__all__
__all__ += objectives.__all__
__all__ += parametrisations.__all__
__all__ += score_matching.__all__
__all__ += weighting.__all__
