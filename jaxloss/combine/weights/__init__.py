"""Transformations that weight whole terms: fixed, scheduled, learned, or adapted to the values of the losses."""

from jaxloss.combine.weights import constraints, fixed, learnable, magnitudes, neural_tangent, progress, scalarizations
from jaxloss.combine.weights.constraints import *
from jaxloss.combine.weights.fixed import *
from jaxloss.combine.weights.learnable import *
from jaxloss.combine.weights.magnitudes import *
from jaxloss.combine.weights.neural_tangent import *
from jaxloss.combine.weights.progress import *
from jaxloss.combine.weights.scalarizations import *

__all__: list[str] = []
__all__ += constraints.__all__
__all__ += fixed.__all__
__all__ += learnable.__all__
__all__ += magnitudes.__all__
__all__ += neural_tangent.__all__
__all__ += progress.__all__
__all__ += scalarizations.__all__
