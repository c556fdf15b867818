"""Losses of generative adversarial networks."""

from jaxloss.generative.adversarial import critics, features, gradient_penalties, minimax, relativistic
from jaxloss.generative.adversarial.critics import *
from jaxloss.generative.adversarial.features import *
from jaxloss.generative.adversarial.gradient_penalties import *
from jaxloss.generative.adversarial.minimax import *
from jaxloss.generative.adversarial.relativistic import *

__all__: list[str] = []
__all__ += critics.__all__
__all__ += features.__all__
__all__ += gradient_penalties.__all__
__all__ += minimax.__all__
__all__ += relativistic.__all__
