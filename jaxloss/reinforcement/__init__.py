"""Reinforcement learning: errors and losses of values and policies."""

from jaxloss.reinforcement import policies, values
from jaxloss.reinforcement.policies import *
from jaxloss.reinforcement.values import *

__all__: list[str] = []
__all__ += policies.__all__
__all__ += values.__all__
