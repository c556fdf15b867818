"""Losses of generative models: adversarial, diffusion, variational."""

from jaxloss.generative import adversarial, diffusion, variational
from jaxloss.generative.adversarial import *
from jaxloss.generative.diffusion import *
from jaxloss.generative.variational import *

__all__: list[str] = []
__all__ += adversarial.__all__
__all__ += diffusion.__all__
__all__ += variational.__all__
