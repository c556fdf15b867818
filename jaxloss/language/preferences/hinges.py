"""Preference optimisation from pairs with a hinge: on the margin (SLiC), or on the decline of the chosen answer."""

from __future__ import annotations

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.language._inputs import log_ratio_margin, of_one_shape

__all__ = ["dpo_positive_loss", "slic_loss"]


def slic_loss(
    chosen_logps: ArrayLike,
    rejected_logps: ArrayLike,
    reference_chosen_logps: ArrayLike,
    reference_rejected_logps: ArrayLike,
    *,
    beta: Scalar = 0.1,
    margin: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Sequence likelihood calibration (SLiC): hinge on the difference of log-ratios, 0 from a margin on.

    .. math:: \ell = \max(0, \delta - \beta \Delta), \qquad
              \Delta = \log \frac{\pi(y_w)}{\pi_{\mathrm{ref}}(y_w)} - \log \frac{\pi(y_l)}{\pi_{\mathrm{ref}}(y_l)}

    The paper has no reference policy: pass zeros for its log-probabilities.

    Args:
        chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps: See `jaxloss.dpo_loss`.
        beta: Reward :math:`\beta` per nat; > 0.
        margin: Reward difference :math:`\delta` beyond which the loss is 0; >= 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; exactly 0 with zero gradient from the margin on.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or a hyperparameter is out of range.

    Example:
        >>> zero = jnp.zeros(2)
        >>> jaxloss.slic_loss(jnp.array([2.0, 20.0]), zero, zero, zero, beta=0.25, reduction="none")
        Array([0.5, 0. ], dtype=float32)

    Reference:
        Zhao et al. (2023), SLiC-HF: Sequence Likelihood Calibration with Human Feedback.
        https://arxiv.org/abs/2305.10425
    """
    lead = log_ratio_margin(where, chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps)
    beta = checks.scalar("beta", beta, lead.dtype, above=0)
    margin = checks.scalar("margin", margin, lead.dtype, at_least=0)
    values = numerics.positive_part(margin - beta * lead)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def dpo_positive_loss(
    chosen_logps: ArrayLike,
    rejected_logps: ArrayLike,
    reference_chosen_logps: ArrayLike,
    reference_rejected_logps: ArrayLike,
    *,
    beta: Scalar = 0.3,
    penalty_weight: Scalar = 50.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""DPO-Positive: DPO with a penalty if the chosen answer is less likely than under the reference.

    .. math:: \ell = -\log \sigma\left( \beta \left( \Delta
              - \lambda \max\left( 0, \log \frac{\pi_{\mathrm{ref}}(y_w)}{\pi(y_w)} \right) \right) \right), \qquad
              \Delta = \log \frac{\pi(y_w)}{\pi_{\mathrm{ref}}(y_w)} - \log \frac{\pi(y_l)}{\pi_{\mathrm{ref}}(y_l)}

    Args:
        chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps: See `jaxloss.dpo_loss`.
        beta: Strength :math:`\beta` of the pull towards the reference, in reward per nat; > 0.
        penalty_weight: Factor :math:`\lambda` of the decline of the chosen answer; >= 0. With 0 this is
            `jaxloss.dpo_loss`.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; log 2 if policy and reference agree; it keeps full relative accuracy for small values.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or a hyperparameter is out of range.

    Example:
        >>> zero = jnp.zeros(2)
        >>> jaxloss.dpo_positive_loss(jnp.array([1.0, -1.0]), jnp.array([0.0, -2.0]), zero, zero, reduction="none")
        Array([ 0.5543552, 14.700001 ], dtype=float32)

    Reference:
        Pal et al. (2024), Smaug: Fixing Failure Modes of Preference Optimisation with DPO-Positive.
        https://arxiv.org/abs/2402.13228
    """
    margin = log_ratio_margin(where, chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps)
    chosen, reference = of_one_shape(where, chosen_logps=chosen_logps, reference_chosen_logps=reference_chosen_logps)
    beta = checks.scalar("beta", beta, margin.dtype, above=0)
    penalty_weight = checks.scalar("penalty_weight", penalty_weight, margin.dtype, at_least=0)
    decline = numerics.positive_part(reference - chosen)
    values = numerics.softplus(-beta * (margin - penalty_weight * decline))
    return reduce(values, where=where, weights=weights, reduction=reduction)
