"""Reinforcement learning: errors and losses of values and policies."""

from jaxloss.reinforcement import (
    categorical_values,
    off_policy,
    policy_gradients,
    q_learning,
    quantile_values,
    sarsa,
    soft_actor_critic,
    temporal_difference,
    value_histograms,
)
from jaxloss.reinforcement.categorical_values import *
from jaxloss.reinforcement.off_policy import *
from jaxloss.reinforcement.policy_gradients import *
from jaxloss.reinforcement.q_learning import *
from jaxloss.reinforcement.quantile_values import *
from jaxloss.reinforcement.sarsa import *
from jaxloss.reinforcement.soft_actor_critic import *
from jaxloss.reinforcement.temporal_difference import *
from jaxloss.reinforcement.value_histograms import *

__all__: list[str] = []
__all__ += categorical_values.__all__
__all__ += off_policy.__all__
__all__ += policy_gradients.__all__
__all__ += q_learning.__all__
__all__ += quantile_values.__all__
__all__ += sarsa.__all__
__all__ += soft_actor_critic.__all__
__all__ += temporal_difference.__all__
__all__ += value_histograms.__all__
