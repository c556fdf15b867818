"""Distillation: a student network learns from the outputs and features of a teacher."""

from jaxloss.distillation import distributions
from jaxloss.distillation.distributions import *

__all__: list[str] = []
__all__ += distributions.__all__
