"""The loss of reward models: pairwise comparisons under the Bradley-Terry model."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.language._inputs import of_one_shape

__all__ = ["bradley_terry_reward_loss"]


def bradley_terry_reward_loss(
    chosen_rewards: ArrayLike,
    rejected_rewards: ArrayLike,
    *,
    margin: Scalar = 0.0,
    centering_weight: Scalar = 0.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Bradley-Terry loss of reward models: the negative log-probability that the chosen answer wins.

    .. math:: \ell = -\log \sigma(r_w - r_l - m) + c \, (r_w + r_l)^2

    Comparisons determine differences of rewards only; the second term keeps their level near 0. For a margin per pair,
    as in Llama 2, subtract it from ``chosen_rewards``.

    Args:
        chosen_rewards: Rewards :math:`r_w` of the preferred answers, shape ``[...]``, floating.
        rejected_rewards: Rewards :math:`r_l` of the other answers, shape ``[...]``, the same; floating.
        margin: Difference :math:`m` of rewards at which the odds are even, in units of the rewards.
        centering_weight: Factor :math:`c` of the squared sum of the rewards; >= 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; it keeps full relative accuracy for small values.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or a hyperparameter is out of range.

    Example:
        >>> jaxloss.bradley_terry_reward_loss(jnp.array([1.0, 0.0]), jnp.array([0.0, 0.0]), reduction="none")
        Array([0.31326166, 0.6931472 ], dtype=float32)

    Reference:
        Ouyang et al. (2022), Training Language Models to Follow Instructions with Human Feedback.
        https://arxiv.org/abs/2203.02155
        Eisenstein et al. (2023), Helping or Herding? Reward Model Ensembles Mitigate but do not Eliminate Reward
        Hacking (centering). https://arxiv.org/abs/2312.09244
    """
    chosen, rejected = of_one_shape(where, chosen_rewards=chosen_rewards, rejected_rewards=rejected_rewards)
    margin = checks.scalar("margin", margin, chosen.dtype)
    centering_weight = checks.scalar("centering_weight", centering_weight, chosen.dtype, at_least=0)
    values = numerics.softplus(rejected - chosen + margin) + centering_weight * jnp.square(chosen + rejected)
    return reduce(values, where=where, weights=weights, reduction=reduction)
