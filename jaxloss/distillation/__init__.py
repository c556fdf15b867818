"""Distillation: a student network learns from the outputs and features of a teacher."""

from jaxloss.distillation import class_groups, distributions
from jaxloss.distillation.class_groups import *
from jaxloss.distillation.distributions import *

__all__: list[str] = []
__all__ += class_groups.__all__
__all__ += distributions.__all__
