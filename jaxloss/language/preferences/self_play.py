"""Preference optimisation by regression: the log-ratio of every answer against a target that its wins decide."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.language._inputs import log_ratios

__all__ = ["sppo_hard_loss"]


def sppo_hard_loss(
    chosen_logps: ArrayLike,
    rejected_logps: ArrayLike,
    reference_chosen_logps: ArrayLike,
    reference_rejected_logps: ArrayLike,
    *,
    beta: Scalar = 0.1,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Self-play preference optimisation (SPPO) with certain wins: squared errors of both log-ratios.

    .. math:: \ell = \left( r_w - \frac{1}{2 \beta} \right)^2 + \left( r_l + \frac{1}{2 \beta} \right)^2, \qquad
              r = \log \frac{\pi(y)}{\pi_{\mathrm{ref}}(y)}

    `jaxloss.ipo_loss` fixes the difference of the log-ratios only. An answer that wins with the probability P has the
    target :math:`(P - 1/2) / \beta`: that is `jaxloss.squared_error` of its log-ratio. ``beta`` is the inverse of the
    paper's :math:`\eta`.

    Args:
        chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps: See `jaxloss.dpo_loss`.
        beta: Strength :math:`\beta` of the pull towards the reference; > 0. The targets are plus and minus half its
            inverse.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared nats; exactly 0 if both log-ratios equal their targets.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or ``beta`` is out of range.

    Example:
        >>> zero = jnp.zeros(2)
        >>> jaxloss.sppo_hard_loss(jnp.array([2.0, 0.0]), -jnp.full(2, 2.0), zero, zero, beta=0.25, reduction="none")
        Array([0., 4.], dtype=float32)

    Reference:
        Wu et al. (2024), Self-Play Preference Optimization for Language Model Alignment.
        https://arxiv.org/abs/2405.00675
    """
    chosen, rejected = log_ratios(where, chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps)
    beta = checks.scalar("beta", beta, chosen.dtype, above=0)
    values = jnp.square(chosen - 0.5 / beta) + jnp.square(rejected + 0.5 / beta)
    return reduce(values, where=where, weights=weights, reduction=reduction)
