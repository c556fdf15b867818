"""Policies: gradients from samples and through critics, and imitation of actions that did well."""

from jaxloss.reinforcement.policies import policy_gradients, soft_actor_critic
from jaxloss.reinforcement.policies.policy_gradients import *
from jaxloss.reinforcement.policies.soft_actor_critic import *

__all__: list[str] = []
__all__ += policy_gradients.__all__
__all__ += soft_actor_critic.__all__
