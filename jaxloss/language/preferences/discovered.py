"""Preference optimisation from pairs with an objective that a language model found by search (DiscoPOP)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.language._inputs import log_ratio_margin

__all__ = ["discopop_loss"]


def discopop_loss(
    chosen_logps: ArrayLike,
    rejected_logps: ArrayLike,
    reference_chosen_logps: ArrayLike,
    reference_rejected_logps: ArrayLike,
    *,
    beta: Scalar = 0.1,
    blend_temperature: Scalar = 0.05,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""DiscoPOP, log-ratio modulated: the loss of DPO on the wrong side, an exponential loss on the right one.

    .. math:: \ell = -(1 - m) \log \sigma(s) + m \, e^{-s}, \qquad m = \sigma(s / \tau), \quad s = \beta \Delta, \quad
              \Delta = \log \frac{\pi(y_w)}{\pi_{\mathrm{ref}}(y_w)} - \log \frac{\pi(y_l)}{\pi_{\mathrm{ref}}(y_l)}

    Where policy and reference agree the two are blended by halves; the loss is not convex, and has a small local
    minimum just below this point.

    Args:
        chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps: See `jaxloss.dpo_loss`.
        beta: Strength :math:`\beta` of the pull towards the reference, in reward per nat; > 0. The paper has 0.05.
        blend_temperature: Reward :math:`\tau` over which one loss passes into the other; in (0, 1].
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; it keeps full relative accuracy for small values.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or a hyperparameter is out of range.

    Example:
        >>> zero = jnp.zeros(2)
        >>> jaxloss.discopop_loss(jnp.array([0.0, 10.0]), zero, zero, zero, reduction="none")
        Array([0.8465736 , 0.36787945], dtype=float32)

    Reference:
        Lu et al. (2024), Discovering Preference Optimization Algorithms with and for Large Language Models.
        https://arxiv.org/abs/2406.08414
    """
    margin = log_ratio_margin(where, chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps)
    beta = checks.scalar("beta", beta, margin.dtype, above=0)
    tau = checks.scalar("blend_temperature", blend_temperature, margin.dtype, above=0, at_most=1)
    score = beta * margin
    logistic = jax.nn.sigmoid(-score / tau) * numerics.softplus(-score)
    # One exponential of a sum that is negative on either side, not a product of a large and a small number.
    values = logistic + jnp.exp(-(score + numerics.softplus(-score / tau)))
    return reduce(values, where=where, weights=weights, reduction=reduction)
