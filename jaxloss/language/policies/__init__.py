"""Policy optimisation of language models."""

from jaxloss.language.policies import divergence, geometric_means, objectives, soft_gates, values
from jaxloss.language.policies.divergence import *
from jaxloss.language.policies.geometric_means import *
from jaxloss.language.policies.objectives import *
from jaxloss.language.policies.soft_gates import *
from jaxloss.language.policies.values import *

__all__: list[str] = []
__all__ += divergence.__all__
__all__ += geometric_means.__all__
__all__ += objectives.__all__
__all__ += soft_gates.__all__
__all__ += values.__all__
