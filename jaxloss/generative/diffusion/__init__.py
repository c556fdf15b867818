"""Losses of diffusion, score and flow models; their schedules and targets are in `jaxloss.diffusion`."""

from jaxloss.generative.diffusion import consistency, flow_matching, objectives, score_matching
from jaxloss.generative.diffusion.consistency import *
from jaxloss.generative.diffusion.flow_matching import *
from jaxloss.generative.diffusion.objectives import *
from jaxloss.generative.diffusion.score_matching import *

__all__: list[str] = []
__all__ += consistency.__all__
__all__ += flow_matching.__all__
__all__ += objectives.__all__
__all__ += score_matching.__all__
