"""f-DPO: preference optimisation from pairs under other divergences from the reference than the reverse one."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.language._inputs import log_ratio_margin, log_ratios
from jaxloss.language.preferences._powers import power_margin

__all__ = ["alpha_dpo_loss", "jensen_shannon_dpo_loss"]


def alpha_dpo_loss(
    chosen_logps: ArrayLike,
    rejected_logps: ArrayLike,
    reference_chosen_logps: ArrayLike,
    reference_rejected_logps: ArrayLike,
    *,
    beta: Scalar = 0.1,
    alpha: Scalar = 0.5,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""f-DPO with an alpha-divergence: DPO in the limit 0, the forward Kullback-Leibler divergence at 1.

    .. math:: \ell = -\log \sigma\left( \beta \left( h(r_w) - h(r_l) \right) \right), \qquad
              h(r) = \frac{1 - e^{-\alpha r}}{\alpha}, \quad r = \log \frac{\pi(y)}{\pi_{\mathrm{ref}}(y)}

    The larger ``alpha``, the less an answer gains that the policy has already raised, and the more one loses that it
    has lowered: the policy keeps to the whole of the reference instead of one of its modes. Log-ratios of whole answers
    are large: where their exponential overflows it is held at a large number, so that value and gradient stay finite.

    Args:
        chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps: See `jaxloss.dpo_loss`.
        beta: Strength :math:`\beta` of the pull towards the reference; > 0.
        alpha: Order :math:`\alpha` of the divergence; > 0, in (0, 1) in the paper.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; log 2 if policy and reference agree.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or a hyperparameter is out of range.

    Example:
        >>> zero, raised = jnp.zeros(2), jnp.array([0.0, 2.0])
        >>> jaxloss.alpha_dpo_loss(raised, -raised, zero, zero, alpha=1.0, reduction="none")
        Array([0.6931472 , 0.39483845], dtype=float32)

    Reference:
        Wang et al. (2023), Beyond Reverse KL: Generalizing Direct Preference Optimization with Diverse Divergence
        Constraints. https://arxiv.org/abs/2309.16240
    """
    four = (chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps)
    margin, (chosen, rejected) = log_ratio_margin(where, *four), log_ratios(where, *four)
    beta = checks.scalar("beta", beta, margin.dtype, above=0)
    alpha = checks.scalar("alpha", alpha, margin.dtype, above=0)
    values = numerics.softplus(-power_margin(margin, chosen, rejected, beta, alpha))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def jensen_shannon_dpo_loss(
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
    r"""f-DPO with the Jensen-Shannon divergence: DPO for answers that become unlikely, with bounded gains for others.

    .. math:: \ell = -\log \sigma\left( \beta \left( h(r_w) - h(r_l) \right) \right), \qquad
              h(r) = \log \frac{2 e^r}{1 + e^r}, \quad r = \log \frac{\pi(y)}{\pi_{\mathrm{ref}}(y)}

    Args:
        chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps: See `jaxloss.dpo_loss`.
        beta: Strength :math:`\beta` of the pull towards the reference; > 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; log 2 if policy and reference agree.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or ``beta`` is out of range.

    Example:
        >>> zero = jnp.zeros(2)
        >>> jaxloss.jensen_shannon_dpo_loss(jnp.array([0.0, 2.0]), jnp.array([0.0, -2.0]), zero, zero, reduction="none")
        Array([0.6931472, 0.5981389], dtype=float32)

    Reference:
        Wang et al. (2023), Beyond Reverse KL: Generalizing Direct Preference Optimization with Diverse Divergence
        Constraints. https://arxiv.org/abs/2309.16240
    """
    four = (chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps)
    margin, (chosen, rejected) = log_ratio_margin(where, *four), log_ratios(where, *four)
    beta = checks.scalar("beta", beta, margin.dtype, above=0)
    # Two forms of one difference: in each of them only small numbers are subtracted where it is taken.
    lowered = margin - (numerics.softplus(chosen) - numerics.softplus(rejected))
    raised = numerics.softplus(-rejected) - numerics.softplus(-chosen)
    values = numerics.softplus(-beta * jnp.where(chosen + rejected < 0, lowered, raised))
    return reduce(values, where=where, weights=weights, reduction=reduction)
