"""Softmax over angles between embeddings and class centres, with margins that are fixed, adaptive or multiplied."""

from jaxloss.margin.angular import adaptive_margins, fixed_margins, multiplied_angles, sub_centers
from jaxloss.margin.angular.adaptive_margins import *
from jaxloss.margin.angular.fixed_margins import *
from jaxloss.margin.angular.multiplied_angles import *
from jaxloss.margin.angular.sub_centers import *

__all__: list[str] = []
__all__ += adaptive_margins.__all__
__all__ += fixed_margins.__all__
__all__ += multiplied_angles.__all__
__all__ += sub_centers.__all__
