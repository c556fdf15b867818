"""Losses between real numbers: errors, robust losses, quantiles, forecasting errors, agreement of directions."""

from jaxloss.regression import (
    absolute,
    barron,
    correlations,
    expectiles,
    huber,
    hyperbolic,
    landmarks,
    logarithmic,
    percentage,
    quantiles,
    redescending,
    scaled,
    squared,
)
from jaxloss.regression.absolute import *
from jaxloss.regression.barron import *
from jaxloss.regression.correlations import *
from jaxloss.regression.expectiles import *
from jaxloss.regression.huber import *
from jaxloss.regression.hyperbolic import *
from jaxloss.regression.landmarks import *
from jaxloss.regression.logarithmic import *
from jaxloss.regression.percentage import *
from jaxloss.regression.quantiles import *
from jaxloss.regression.redescending import *
from jaxloss.regression.scaled import *
from jaxloss.regression.squared import *

__all__: list[str] = []
__all__ += absolute.__all__
__all__ += barron.__all__
__all__ += correlations.__all__
__all__ += expectiles.__all__
__all__ += huber.__all__
__all__ += hyperbolic.__all__
__all__ += landmarks.__all__
__all__ += logarithmic.__all__
__all__ += percentage.__all__
__all__ += quantiles.__all__
__all__ += redescending.__all__
__all__ += scaled.__all__
__all__ += squared.__all__
