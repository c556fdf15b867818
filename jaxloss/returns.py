"""Returns and advantages: the targets of value functions and the factors of policy gradients.

`lambda_returns` and `n_step_bootstrapped_returns` are targets for values, and `off_policy_returns` those for values of
actions from trajectories of another policy. `symlog` and `signed_hyperbolic` squash targets of any size; `symexp` and
`signed_parabolic` are their inverses. `generalized_advantage_estimation` (GAE) gives advantages from values, which PPO
standardises over the batch (`standardized_advantages`). The others need no value function: they compare the answers to
one prompt with each other, as GRPO (`group_advantages`), Dr. GRPO (`centered_advantages`), RLOO
(`leave_one_out_advantages`) and Lite PPO (`batch_scaled_advantages`) do.

Example:
    >>> rewards, discounts, values = jnp.array([0.0, 1.0]), jnp.array([0.5, 0.0]), jnp.zeros(3)
    >>> advantages = jaxloss.returns.generalized_advantage_estimation(rewards, discounts, values, lambda_=1.0)
    >>> advantages
    Array([0.5, 1. ], dtype=float32)
    >>> jaxloss.reinforce_loss(jnp.array([-1.0, -2.0]), advantages)
    Array(1.25, dtype=float32)
"""

from jaxloss.language.policies import _advantages
from jaxloss.language.policies._advantages import *
from jaxloss.reinforcement import _advantages as _of_batches
from jaxloss.reinforcement import _returns, _transforms
from jaxloss.reinforcement._advantages import *
from jaxloss.reinforcement._returns import *
from jaxloss.reinforcement._transforms import *

__all__: list[str] = []
__all__ += _advantages.__all__
__all__ += _of_batches.__all__
__all__ += _returns.__all__
__all__ += _transforms.__all__
