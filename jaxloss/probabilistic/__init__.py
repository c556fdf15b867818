"""Negative log-likelihoods of distributions and proper scoring rules for forecasts."""

from jaxloss.probabilistic import (
    counts,
    crps,
    discretized,
    evidential,
    gaussian,
    heavy_tailed,
    normalizing_flows,
    positive,
    scores,
)
from jaxloss.probabilistic.counts import *
from jaxloss.probabilistic.crps import *
from jaxloss.probabilistic.discretized import *
from jaxloss.probabilistic.evidential import *
from jaxloss.probabilistic.gaussian import *
from jaxloss.probabilistic.heavy_tailed import *
from jaxloss.probabilistic.normalizing_flows import *
from jaxloss.probabilistic.positive import *
from jaxloss.probabilistic.scores import *

__all__: list[str] = []
__all__ += counts.__all__
__all__ += crps.__all__
__all__ += discretized.__all__
__all__ += evidential.__all__
__all__ += gaussian.__all__
__all__ += heavy_tailed.__all__
__all__ += normalizing_flows.__all__
__all__ += positive.__all__
__all__ += scores.__all__
