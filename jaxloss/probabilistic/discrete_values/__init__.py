"""Likelihoods of counts and of quantised values."""

from jaxloss.probabilistic.discrete_values import counts, discretized, zero_inflation
from jaxloss.probabilistic.discrete_values.counts import *
from jaxloss.probabilistic.discrete_values.discretized import *
from jaxloss.probabilistic.discrete_values.zero_inflation import *

__all__: list[str] = []
__all__ += counts.__all__
__all__ += discretized.__all__
__all__ += zero_inflation.__all__
