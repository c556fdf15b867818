"""Negative log-likelihoods of distributions and proper scoring rules for forecasts."""

from jaxloss.probabilistic import (
    circular,
    discrete_values,
    evidential,
    forecasts,
    gaussian,
    heavy_tailed,
    normalizing_flows,
    positive,
    proportions,
)
from jaxloss.probabilistic.circular import *
from jaxloss.probabilistic.discrete_values import *
from jaxloss.probabilistic.evidential import *
from jaxloss.probabilistic.forecasts import *
from jaxloss.probabilistic.gaussian import *
from jaxloss.probabilistic.heavy_tailed import *
from jaxloss.probabilistic.normalizing_flows import *
from jaxloss.probabilistic.positive import *
from jaxloss.probabilistic.proportions import *

__all__: list[str] = []
__all__ += circular.__all__
__all__ += discrete_values.__all__
__all__ += evidential.__all__
__all__ += forecasts.__all__
__all__ += gaussian.__all__
__all__ += heavy_tailed.__all__
__all__ += normalizing_flows.__all__
__all__ += positive.__all__
__all__ += proportions.__all__
