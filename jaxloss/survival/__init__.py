"""Survival analysis: losses of times to an event, some of them censored."""

from jaxloss.survival import accelerated_failure, discrete_times, interval_censoring, proportional_hazards, ranked_times
from jaxloss.survival.accelerated_failure import *
from jaxloss.survival.discrete_times import *
from jaxloss.survival.interval_censoring import *
from jaxloss.survival.proportional_hazards import *
from jaxloss.survival.ranked_times import *

__all__: list[str] = []
__all__ += accelerated_failure.__all__
__all__ += discrete_times.__all__
__all__ += interval_censoring.__all__
__all__ += proportional_hazards.__all__
__all__ += ranked_times.__all__
