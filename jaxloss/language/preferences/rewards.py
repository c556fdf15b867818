"""The loss of reward models: pairwise comparisons under the Bradley-Terry model."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks, numerics
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.language._inputs import of_one_shape

__all__ = ["bradley_terry_reward_loss"]


def bradley_terry_reward_loss(
    chosen_rewards: ArrayLike,
    rejected_rewards: ArrayLike,
    *,
    margin: Scalar = 0.0,
    centering: Scalar = 0.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-probability that the chosen answer wins, given two rewards: trains reward models.

    .. math:: \ell = -\log \sigma(r_w - r_l - m) + c \, (r_w + r_l)^2

    Only differences of rewards are determined by comparisons; the second term ties their level to 0. A margin per
    pair, as in Llama 2, is subtracted from ``chosen_rewards`` at the call.

    Args:
        chosen_rewards: Rewards :math:`r_w` of the preferred answers, shape ``[...]``, floating.
        rejected_rewards: Rewards :math:`r_l` of the other answers, shape ``[...]``, the same; floating.
        margin: Difference :math:`m` of rewards that counts as even odds, in units of the rewards.
        centering: Coefficient :math:`c` of the squared sum of the rewards; >= 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; accurate relative to its size however small.

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
    centering = checks.scalar("centering", centering, chosen.dtype, at_least=0)
    values = numerics.softplus(rejected - chosen + margin) + centering * jnp.square(chosen + rejected)
    return reduce(values, where=where, weights=weights, reduction=reduction)
