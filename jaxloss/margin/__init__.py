"""Margin losses, Fenchel-Young losses and losses on angles between embeddings and class centres."""

from jaxloss.margin import angular, binary_margin, fenchel_young, hinge, multiclass_margin
from jaxloss.margin.angular import *
from jaxloss.margin.binary_margin import *
from jaxloss.margin.fenchel_young import *
from jaxloss.margin.hinge import *
from jaxloss.margin.multiclass_margin import *

__all__: list[str] = []
__all__ += angular.__all__
__all__ += binary_margin.__all__
__all__ += fenchel_young.__all__
__all__ += hinge.__all__
__all__ += multiclass_margin.__all__
