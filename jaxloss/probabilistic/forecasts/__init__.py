"""Proper scoring rules for forecasts: of distributions, ensembles, quantiles, intervals and probabilities."""

from jaxloss.probabilistic.forecasts import crps, location_scale_crps, mixture_crps, positive_crps, scores
from jaxloss.probabilistic.forecasts.crps import *
from jaxloss.probabilistic.forecasts.location_scale_crps import *
from jaxloss.probabilistic.forecasts.mixture_crps import *
from jaxloss.probabilistic.forecasts.positive_crps import *
from jaxloss.probabilistic.forecasts.scores import *

__all__: list[str] = []
__all__ += crps.__all__
__all__ += location_scale_crps.__all__
__all__ += mixture_crps.__all__
__all__ += positive_crps.__all__
__all__ += scores.__all__
