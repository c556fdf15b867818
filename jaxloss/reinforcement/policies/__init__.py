"""Policies: gradients from samples, from all actions and through critics, and imitation of actions that did well."""

from jaxloss.reinforcement.policies import (
    deterministic_policies,
    gaussian_policies,
    maximum_a_posteriori,
    policy_gradients,
    regrets,
    soft_actor_critic,
)
from jaxloss.reinforcement.policies.deterministic_policies import *
from jaxloss.reinforcement.policies.gaussian_policies import *
from jaxloss.reinforcement.policies.maximum_a_posteriori import *
from jaxloss.reinforcement.policies.policy_gradients import *
from jaxloss.reinforcement.policies.regrets import *
from jaxloss.reinforcement.policies.soft_actor_critic import *

__all__: list[str] = []
__all__ += deterministic_policies.__all__
__all__ += gaussian_policies.__all__
__all__ += maximum_a_posteriori.__all__
__all__ += policy_gradients.__all__
__all__ += regrets.__all__
__all__ += soft_actor_critic.__all__
