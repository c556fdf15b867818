"""Reinforcement learning: errors and losses of values and policies."""

from jaxloss.reinforcement import policies, values, world_models
from jaxloss.reinforcement.policies import *
from jaxloss.reinforcement.values import *
from jaxloss.reinforcement.world_models import *

__all__: list[str] = []
__all__ += policies.__all__
__all__ += values.__all__
__all__ += world_models.__all__
