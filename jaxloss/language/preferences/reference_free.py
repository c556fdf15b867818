"""Preference optimisation from pairs without a reference policy."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.language._inputs import of_one_shape
from jaxloss.language.preferences._powers import power_margin

__all__ = ["alpha_po_loss", "cpo_loss", "orpo_loss", "simpo_loss"]


def simpo_loss(
    chosen_logps: ArrayLike,
    rejected_logps: ArrayLike,
    *,
    beta: Scalar = 2.0,
    margin: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Simple preference optimisation (SimPO): log-probabilities per token as rewards, with a margin.

    .. math:: \ell = -\log \sigma\left( \beta \left( \frac{\log \pi(y_w)}{|y_w|}
              - \frac{\log \pi(y_l)}{|y_l|} \right) - \gamma \right)

    Args:
        chosen_logps: Log-probabilities per token, `jaxloss.tokens.mean_sequence_logps`, of the preferred answers; shape
            ``[...]``, floating.
        rejected_logps: Those of the rejected answers, shape ``[...]``, the same.
        beta: Reward :math:`\beta` per nat; > 0.
        margin: Reward difference :math:`\gamma` at which the odds are even, in units of the reward. Multiply a ratio
            :math:`\gamma / \beta`, as some trainers take it, by ``beta``.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; it keeps full relative accuracy for small values.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or a hyperparameter is out of range.

    Example:
        >>> jaxloss.simpo_loss(jnp.array([-1.0, -1.0]), jnp.array([-1.5, -4.0]), reduction="none")
        Array([0.6931472 , 0.00671535], dtype=float32)

    Reference:
        Meng, Xia and Chen (2024), SimPO: Simple Preference Optimization with a Reference-Free Reward.
        https://arxiv.org/abs/2405.14734
    """
    chosen, rejected = of_one_shape(where, chosen_logps=chosen_logps, rejected_logps=rejected_logps)
    beta = checks.scalar("beta", beta, chosen.dtype, above=0)
    margin = checks.scalar("margin", margin, chosen.dtype)
    values = numerics.softplus(margin - beta * (chosen - rejected))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def alpha_po_loss(
    chosen_logps: ArrayLike,
    rejected_logps: ArrayLike,
    *,
    alpha: Scalar = 0.25,
    beta: Scalar = 2.0,
    margin: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""AlphaPO: SimPO with a power of the probability as reward, which falls faster for unlikely answers.

    .. math:: \ell = -\log \sigma\left( \beta \left( h(y_w) - h(y_l) \right) - \gamma \right), \qquad
              h(y) = \frac{1 - \pi(y)^{-\alpha / |y|}}{\alpha}

    In the limit 0 of ``alpha`` it is `jaxloss.simpo_loss`, whose reward is the logarithm. The larger ``alpha``, the
    less is gained by making the rejected answer even less likely, and the more the chosen one is held up. Without a
    margin it is `jaxloss.alpha_dpo_loss` of a reference that gives every token probability 1. Log-probabilities must be
    means over tokens; where the power overflows, for sums of them, it is held at a large number.

    Args:
        chosen_logps, rejected_logps, beta, margin: See `jaxloss.simpo_loss`.
        alpha: Order :math:`\alpha` of the power; > 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; it keeps full relative accuracy for small values.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or a hyperparameter is out of range.

    Example:
        >>> jaxloss.alpha_po_loss(jnp.array([-1.0, -1.0]), jnp.array([-1.5, -4.0]), reduction="none")
        Array([5.2609181e-01, 2.8259958e-05], dtype=float32)

    Reference:
        Gupta et al. (2025), AlphaPO: Reward Shape Matters for LLM Alignment. https://arxiv.org/abs/2501.03884
    """
    chosen, rejected = of_one_shape(where, chosen_logps=chosen_logps, rejected_logps=rejected_logps)
    alpha = checks.scalar("alpha", alpha, chosen.dtype, above=0)
    beta = checks.scalar("beta", beta, chosen.dtype, above=0)
    margin = checks.scalar("margin", margin, chosen.dtype)
    lead = power_margin(chosen - rejected, chosen, rejected, beta, alpha)
    return reduce(numerics.softplus(margin - lead), where=where, weights=weights, reduction=reduction)


def cpo_loss(
    chosen_logps: ArrayLike,
    rejected_logps: ArrayLike,
    *,
    beta: Scalar = 0.1,
    nll_weight: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Contrastive preference optimisation (CPO): DPO with a uniform reference, plus the NLL of the chosen answer.

    .. math:: \ell = -\log \sigma\left( \beta \log \frac{\pi(y_w)}{\pi(y_l)} \right) - \alpha \log \pi(y_w)

    Args:
        chosen_logps: Log-probabilities <= 0 of the preferred answers, `jaxloss.tokens.sequence_logps`; shape ``[...]``,
            floating. A positive one gives NaN in value and gradient.
        rejected_logps: Those of the rejected answers, shape ``[...]``, the same.
        beta: Reward :math:`\beta` per nat; > 0.
        nll_weight: Factor :math:`\alpha` of the negative log-likelihood; >= 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or a hyperparameter is out of range.

    Example:
        >>> jaxloss.cpo_loss(jnp.array([-1.0, -1.0]), jnp.array([-1.0, -21.0]), reduction="none")
        Array([1.6931472, 1.126928 ], dtype=float32)

    Reference:
        Xu et al. (2024), Contrastive Preference Optimization: Pushing the Boundaries of LLM Performance in Machine
        Translation. https://arxiv.org/abs/2401.08417
    """
    chosen, rejected = of_one_shape(where, chosen_logps=chosen_logps, rejected_logps=rejected_logps)
    beta = checks.scalar("beta", beta, chosen.dtype, above=0)
    nll_weight = checks.scalar("nll_weight", nll_weight, chosen.dtype, at_least=0)
    value_checks.ensure(lambda: (chosen <= 0) & (rejected <= 0), "chosen_logps, rejected_logps must be <= 0")
    values = numerics.softplus(-beta * (chosen - rejected)) - nll_weight * chosen
    values = numerics.poison(values, (chosen <= 0) & (rejected <= 0))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def orpo_loss(
    chosen_logps: ArrayLike,
    rejected_logps: ArrayLike,
    *,
    beta: Scalar = 0.1,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Odds ratio preference optimisation (ORPO): the NLL of the chosen answer plus its log-odds against the other.

    With :math:`p = \exp(\log \pi(y) / |y|)`, the geometric mean of the token probabilities:

    .. math:: \ell = -\log p_w - \beta \log \sigma\left( \log \frac{p_w}{1 - p_w} - \log \frac{p_l}{1 - p_l} \right)

    ``beta`` is the paper's :math:`\lambda`. Log-probabilities must be means over tokens,
    `jaxloss.tokens.mean_sequence_logps`: for sums all odds are nearly 0 and only the lengths would matter.

    Args:
        chosen_logps: Log-probabilities per token of the preferred answers, shape ``[...]``, floating, <= 0. A
            positive one gives NaN in value and gradient.
        rejected_logps: Those of the rejected answers, shape ``[...]``, the same.
        beta: Factor of the odds ratio; >= 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; finite for certain answers, whose odds are limited to the inverse of the smallest
        normal number of the inputs' dtype.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or ``beta`` is out of range.

    Example:
        >>> jaxloss.orpo_loss(jnp.log(jnp.array([0.5, 0.8])), jnp.log(jnp.array([0.5, 0.5])), reduction="none")
        Array([0.7624619 , 0.24545789], dtype=float32)

    Reference:
        Hong, Lee and Thorne (2024), ORPO: Monolithic Preference Optimization without Reference Model.
        https://arxiv.org/abs/2403.07691
    """
    inputs = checks.floating(chosen_logps=chosen_logps, rejected_logps=rejected_logps)
    floor = max(float(jnp.finfo(logps.dtype).tiny) for logps in inputs)
    chosen, rejected = of_one_shape(where, fill=-1, chosen_logps=chosen_logps, rejected_logps=rejected_logps)
    beta = checks.scalar("beta", beta, chosen.dtype, at_least=0)
    value_checks.ensure(lambda: (chosen <= 0) & (rejected <= 0), "chosen_logps, rejected_logps must be <= 0")
    odds_ratio = _log_odds(chosen, floor) - _log_odds(rejected, floor)
    values = beta * numerics.softplus(-odds_ratio) - chosen
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _log_odds(logps: Array, floor: float) -> Array:
    """``log(p / (1 - p))`` from ``log p``, with ``1 - p`` guarded at ``floor``."""
    return logps - numerics.guarded_log(-jnp.expm1(logps), floor)
