"""Preference optimisation from pairs in which the reward of each answer counts by itself, not only their difference."""

from __future__ import annotations

import jax

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.language._inputs import log_ratio_margin, log_ratios

__all__ = ["apo_down_loss", "apo_zero_loss", "bco_pair_loss", "nca_pair_loss"]


def apo_zero_loss(
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
    r"""Anchored preference optimisation, APO-zero: raises the chosen answer and lowers the rejected one.

    .. math:: \ell = 1 - \sigma(\beta r_w) + \sigma(\beta r_l), \qquad
              r = \log \frac{\pi(y)}{\pi_{\mathrm{ref}}(y)}

    For chosen answers that are better than those of the model; `jaxloss.apo_down_loss` is for worse ones. It is the sum
    of two `jaxloss.kto_loss` with the reference point 0.

    Args:
        chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps: See `jaxloss.dpo_loss`.
        beta: Strength :math:`\beta` of the pull towards the reference, in reward per nat; > 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in [0, 2]; 1 if policy and reference agree.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or ``beta`` is out of range.

    Example:
        >>> zero = jnp.zeros(2)
        >>> jaxloss.apo_zero_loss(jnp.array([0.0, 10.0]), jnp.array([0.0, -10.0]), zero, zero, reduction="none")
        Array([1.        , 0.53788286], dtype=float32)

    Reference:
        D'Oosterlinck et al. (2024), Anchored Preference Optimization and Contrastive Revisions: Addressing
        Underspecification in Alignment. https://arxiv.org/abs/2408.06266
    """
    chosen, rejected = log_ratios(where, chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps)
    beta = checks.scalar("beta", beta, chosen.dtype, above=0)
    values = jax.nn.sigmoid(-beta * chosen) + jax.nn.sigmoid(beta * rejected)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def apo_down_loss(
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
    r"""Anchored preference optimisation, APO-down: lowers both answers, the rejected one more.

    .. math:: \ell = \sigma(\beta r_w) + 1 - \sigma\left( \beta (r_w - r_l) \right), \qquad
              r = \log \frac{\pi(y)}{\pi_{\mathrm{ref}}(y)}

    For chosen answers that are worse than those of the model; `jaxloss.apo_zero_loss` is for better ones.

    Args:
        chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps: See `jaxloss.dpo_loss`.
        beta: Strength :math:`\beta` of the pull towards the reference, in reward per nat; > 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in [0, 2]; 1 if policy and reference agree.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or ``beta`` is out of range.

    Example:
        >>> zero = jnp.zeros(2)
        >>> jaxloss.apo_down_loss(jnp.array([0.0, -10.0]), jnp.array([0.0, -20.0]), zero, zero, reduction="none")
        Array([1.        , 0.53788286], dtype=float32)

    Reference:
        D'Oosterlinck et al. (2024), Anchored Preference Optimization and Contrastive Revisions: Addressing
        Underspecification in Alignment. https://arxiv.org/abs/2408.06266
    """
    four = (chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps)
    margin, (chosen, _) = log_ratio_margin(where, *four), log_ratios(where, *four)
    beta = checks.scalar("beta", beta, chosen.dtype, above=0)
    values = jax.nn.sigmoid(beta * chosen) + jax.nn.sigmoid(-beta * margin)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def bco_pair_loss(
    chosen_logps: ArrayLike,
    rejected_logps: ArrayLike,
    reference_chosen_logps: ArrayLike,
    reference_rejected_logps: ArrayLike,
    *,
    beta: Scalar = 0.1,
    reward_shift: Scalar = 0.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Binary classifier optimisation (BCO) of pairs: the reward is the logit of a classifier of good and bad answers.

    .. math:: \ell = -\log \sigma(\beta r_w - \delta) - \log \sigma\left( -(\beta r_l - \delta) \right), \qquad
              r = \log \frac{\pi(y)}{\pi_{\mathrm{ref}}(y)}

    It is an upper bound of `jaxloss.dpo_loss`, and tight if :math:`\delta` lies between the rewards of the answers.
    Trainers take the running mean of the rewards of both kinds of answers.

    Args:
        chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps: See `jaxloss.dpo_loss`.
        beta: Strength :math:`\beta` of the pull towards the reference, in reward per nat; > 0.
        reward_shift: The reward :math:`\delta` at which the classifier is undecided.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; 2 log 2 if policy and reference agree and the shift is 0; it keeps full relative
        accuracy for small values.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or ``beta`` is out of range.

    Example:
        >>> zero = jnp.zeros(2)
        >>> jaxloss.bco_pair_loss(jnp.array([0.0, 30.0]), jnp.array([0.0, -30.0]), zero, zero, reduction="none")
        Array([1.3862944 , 0.09717469], dtype=float32)

    Reference:
        Jung, Han, Nam and On (2024), Binary Classifier Optimization for Large Language Model Alignment.
        https://arxiv.org/abs/2404.04656
    """
    chosen, rejected = log_ratios(where, chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps)
    beta = checks.scalar("beta", beta, chosen.dtype, above=0)
    shift = checks.scalar("reward_shift", reward_shift, chosen.dtype)
    values = numerics.softplus(shift - beta * chosen) + numerics.softplus(beta * rejected - shift)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def nca_pair_loss(
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
    r"""Noise contrastive alignment (NCA) of pairs: classifies the chosen answer as data, and both answers as noise.

    .. math:: \ell = -\log \sigma(\beta r_w) - \tfrac12 \log \sigma(-\beta r_w) - \tfrac12 \log \sigma(-\beta r_l),
              \qquad r = \log \frac{\pi(y)}{\pi_{\mathrm{ref}}(y)}

    The chosen answer has a finite target, :math:`\beta r_w = \log 2`, so that it does not become less likely.

    Args:
        chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps: See `jaxloss.dpo_loss`.
        beta: Strength :math:`\beta` of the pull towards the reference, in reward per nat; > 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in nats, at least 0.955, which is :math:`\tfrac32 \log 3 - \log 2`; 2 log 2 if policy and reference
        agree.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or ``beta`` is out of range.

    Example:
        >>> zero = jnp.zeros(2)
        >>> jaxloss.nca_pair_loss(jnp.array([0.0, 7.0]), jnp.array([0.0, -70.0]), zero, zero, reduction="none")
        Array([1.3862944, 0.9552349], dtype=float32)

    Reference:
        Chen et al. (2024), Noise Contrastive Alignment of Language Models with Explicit Rewards.
        https://arxiv.org/abs/2402.05369
    """
    chosen, rejected = log_ratios(where, chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps)
    beta = checks.scalar("beta", beta, chosen.dtype, above=0)
    noise = numerics.softplus(beta * chosen) + numerics.softplus(beta * rejected)
    values = numerics.softplus(-beta * chosen) + 0.5 * noise
    return reduce(values, where=where, weights=weights, reduction=reduction)
