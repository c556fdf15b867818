"""Compose named loss terms into one objective: transformations of terms, weights, schedules, aggregators of gradients."""

from jaxloss.combine import examples, gradients, objectives, structure, weights
from jaxloss.combine.examples import *
from jaxloss.combine.gradients import *
from jaxloss.combine.objectives import *
from jaxloss.combine.structure import *
from jaxloss.combine.weights import *

__all__: list[str] = []
__all__ += examples.__all__
__all__ += gradients.__all__
__all__ += objectives.__all__
__all__ += structure.__all__
__all__ += weights.__all__
