"""Likelihoods of counts and of quantised values."""

from jaxloss.probabilistic.discrete_values import counts, discretized
from jaxloss.probabilistic.discrete_values.counts import *
from jaxloss.probabilistic.discrete_values.discretized import *

__all__: list[str] = []
__all__ += counts.__all__
__all__ += discretized.__all__
