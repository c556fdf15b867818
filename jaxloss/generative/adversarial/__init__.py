"""Losses of generative adversarial networks.

Cycle consistency (CycleGAN; Zhu et al., 2017) is the absolute error of what comes back, beside the losses of both
discriminators: ``10 * (absolute_error(to_x(to_y(x)), x) + absolute_error(to_y(to_x(y)), y))``; with the identity term
``5 * (absolute_error(to_x(x), x) + absolute_error(to_y(y), y))``.
"""

from jaxloss.generative.adversarial import (
    critics,
    feature_matching,
    gradient_penalties,
    minimax,
    path_length,
    relativistic,
    score_anchors,
)
from jaxloss.generative.adversarial.critics import *
from jaxloss.generative.adversarial.feature_matching import *
from jaxloss.generative.adversarial.gradient_penalties import *
from jaxloss.generative.adversarial.minimax import *
from jaxloss.generative.adversarial.path_length import *
from jaxloss.generative.adversarial.relativistic import *
from jaxloss.generative.adversarial.score_anchors import *

__all__: list[str] = []
__all__ += critics.__all__
__all__ += feature_matching.__all__
__all__ += gradient_penalties.__all__
__all__ += minimax.__all__
__all__ += path_length.__all__
__all__ += relativistic.__all__
__all__ += score_anchors.__all__
