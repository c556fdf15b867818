"""Survival analysis: losses of times to an event, some of them censored."""

from jaxloss.survival import proportional_hazards
from jaxloss.survival.proportional_hazards import *

__all__: list[str] = []
__all__ += proportional_hazards.__all__
