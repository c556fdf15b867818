"""Proper scoring rules for forecasts: of distributions, ensembles, quantiles, intervals and probabilities."""

from jaxloss.probabilistic.forecasts import crps, scores
from jaxloss.probabilistic.forecasts.crps import *
from jaxloss.probabilistic.forecasts.scores import *

__all__: list[str] = []
__all__ += crps.__all__
__all__ += scores.__all__
