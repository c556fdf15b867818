"""Values of states and actions: errors and losses, from one transition or whole trajectories."""

from jaxloss.reinforcement.values import (
    action_traces,
    categorical_values,
    conservative_values,
    entropy_regularized,
    off_policy,
    q_learning,
    quantile_values,
    sarsa,
    squashed_values,
    temporal_difference,
    truncated_quantiles,
    value_histograms,
)
from jaxloss.reinforcement.values.action_traces import *
from jaxloss.reinforcement.values.categorical_values import *
from jaxloss.reinforcement.values.conservative_values import *
from jaxloss.reinforcement.values.entropy_regularized import *
from jaxloss.reinforcement.values.off_policy import *
from jaxloss.reinforcement.values.q_learning import *
from jaxloss.reinforcement.values.quantile_values import *
from jaxloss.reinforcement.values.sarsa import *
from jaxloss.reinforcement.values.squashed_values import *
from jaxloss.reinforcement.values.temporal_difference import *
from jaxloss.reinforcement.values.truncated_quantiles import *
from jaxloss.reinforcement.values.value_histograms import *

__all__: list[str] = []
__all__ += action_traces.__all__
__all__ += categorical_values.__all__
__all__ += conservative_values.__all__
__all__ += entropy_regularized.__all__
__all__ += off_policy.__all__
__all__ += q_learning.__all__
__all__ += quantile_values.__all__
__all__ += sarsa.__all__
__all__ += squashed_values.__all__
__all__ += temporal_difference.__all__
__all__ += truncated_quantiles.__all__
__all__ += value_histograms.__all__
