"""Transformations that see the loss of every example: selections, other means, curricula, groups, points."""

from jaxloss.combine.examples import collocation, curricula, groups, reshaping, selections
from jaxloss.combine.examples.collocation import *
from jaxloss.combine.examples.curricula import *
from jaxloss.combine.examples.groups import *
from jaxloss.combine.examples.reshaping import *
from jaxloss.combine.examples.selections import *

__all__: list[str] = []
__all__ += collocation.__all__
__all__ += curricula.__all__
__all__ += groups.__all__
__all__ += reshaping.__all__
__all__ += selections.__all__
