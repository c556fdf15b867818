"""Preference optimisation from pairs, against a reference policy: functions of one difference of log-ratios."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.entropies import relative_entropy
from jaxloss._floor.maths.sigmoids import negative_log_sigmoids
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.language._inputs import log_ratio_margin

__all__ = ["dpo_loss", "exo_pair_loss", "ipo_loss", "robust_dpo_loss"]


def dpo_loss(
    chosen_logps: ArrayLike,
    rejected_logps: ArrayLike,
    reference_chosen_logps: ArrayLike,
    reference_rejected_logps: ArrayLike,
    *,
    beta: Scalar = 0.1,
    label_smoothing: Scalar = 0.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Direct preference optimisation (DPO); with ``label_smoothing`` the conservative variant (cDPO).

    .. math:: \ell = -(1 - \varepsilon) \log \sigma(\beta \Delta) - \varepsilon \log \sigma(-\beta \Delta), \qquad
              \Delta = \log \frac{\pi(y_w)}{\pi_{\mathrm{ref}}(y_w)} - \log \frac{\pi(y_l)}{\pi_{\mathrm{ref}}(y_l)}

    Log-probabilities of sequences are sums over tokens, `jaxloss.tokens.sequence_logps`; with means the loss is
    length-normalised DPO. For an offset per pair (ODPO), divide it by ``beta`` and subtract it from ``chosen_logps``.
    RPO adds the negative log-likelihood of the preferred answers, with a factor, as a term of its own: it keeps them
    from becoming less likely together with the rejected ones. For more than two answers in order of preference, pass
    ``beta * (logps - reference_logps)`` to `jaxloss.listmle_loss`. Diffusion-DPO is this loss of the negative squared
    errors of a denoiser, with half the ``beta`` of diffusers. Under other divergences from the reference it is
    `jaxloss.alpha_dpo_loss` or `jaxloss.jensen_shannon_dpo_loss` (f-DPO).

    Args:
        chosen_logps: Log-probabilities of the preferred answers under the policy, shape ``[...]``, floating.
        rejected_logps: Log-probabilities of the rejected answers under the policy, shape ``[...]``, the same.
        reference_chosen_logps: Log-probabilities of the preferred answers under the frozen reference policy, shape
            ``[...]``, the same.
        reference_rejected_logps: Log-probabilities of the rejected answers under the reference policy, shape ``[...]``,
            the same.
        beta: Strength :math:`\beta` of the pull towards the reference, in reward per nat; > 0.
        label_smoothing: Probability :math:`\varepsilon` that the labels of a pair are swapped; in [0, 1/2].
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; log 2 if policy and reference agree; it keeps full relative accuracy for small values.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or a hyperparameter is out of range.

    Example:
        >>> zero = jnp.zeros(2)
        >>> jaxloss.dpo_loss(jnp.array([0.0, -10.0]), jnp.array([0.0, -30.0]), zero, zero, reduction="none")
        Array([0.6931472, 0.126928 ], dtype=float32)

    Reference:
        Rafailov et al. (2023), Direct Preference Optimization: Your Language Model is Secretly a Reward Model.
        https://arxiv.org/abs/2305.18290
    """
    margin = log_ratio_margin(where, chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps)
    beta = checks.scalar("beta", beta, margin.dtype, above=0)
    smoothing = checks.scalar("label_smoothing", label_smoothing, margin.dtype, at_least=0, at_most=0.5)
    score = beta * margin
    values = (1 - smoothing) * numerics.softplus(-score) + smoothing * numerics.softplus(score)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def robust_dpo_loss(
    chosen_logps: ArrayLike,
    rejected_logps: ArrayLike,
    reference_chosen_logps: ArrayLike,
    reference_rejected_logps: ArrayLike,
    *,
    beta: Scalar = 0.1,
    flip_rate: Scalar = 0.1,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Robust DPO: unbiased if the labels of the pairs are swapped at a known rate.

    .. math:: \ell = \frac{-(1 - \varepsilon) \log \sigma(\beta \Delta) + \varepsilon \log \sigma(-\beta \Delta)}
              {1 - 2 \varepsilon}, \qquad
              \Delta = \log \frac{\pi(y_w)}{\pi_{\mathrm{ref}}(y_w)} - \log \frac{\pi(y_l)}{\pi_{\mathrm{ref}}(y_l)}

    Its expectation over the swaps is the DPO loss of the true preferences. The conservative loss (cDPO), which adds the
    second term instead of subtracting it, is `jaxloss.dpo_loss` with ``label_smoothing``.

    Args:
        chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps: See `jaxloss.dpo_loss`.
        beta: Strength :math:`\beta` of the pull towards the reference, in reward per nat; > 0.
        flip_rate: Probability :math:`\varepsilon` that the labels of a pair are swapped; in [0, 1/2).
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar, in nats, unbounded below: it falls with slope :math:`\varepsilon \beta / (1 - 2 \varepsilon)`.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or a hyperparameter is out of range.

    Example:
        >>> zero = jnp.zeros(1)
        >>> jaxloss.robust_dpo_loss(jnp.array([-10.0]), jnp.array([-30.0]), zero, zero)
        Array(-0.123072, dtype=float32)

    Reference:
        Chowdhury, Kini and Natarajan (2024), Provably Robust DPO: Aligning Language Models with Noisy Feedback.
        https://arxiv.org/abs/2403.00409
    """
    margin = log_ratio_margin(where, chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps)
    beta = checks.scalar("beta", beta, margin.dtype, above=0)
    flip_rate = checks.scalar("flip_rate", flip_rate, margin.dtype, at_least=0, below=0.5)
    # log sigmoid(-x) = log sigmoid(x) - x leaves one logarithm and no difference of two large ones.
    values = numerics.softplus(-beta * margin) - beta * margin * (flip_rate / (1 - 2 * flip_rate))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def ipo_loss(
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
    r"""Identity preference optimisation (IPO): squared error of the log-ratio margin against a fixed target.

    .. math:: \ell = \left( \Delta - \frac{1}{2 \beta} \right)^2, \qquad
              \Delta = \log \frac{\pi(y_w)}{\pi_{\mathrm{ref}}(y_w)} - \log \frac{\pi(y_l)}{\pi_{\mathrm{ref}}(y_l)}

    ``beta`` is the paper's :math:`\tau`. The paper's log-probabilities are sums, `jaxloss.tokens.sequence_logps`; some
    trainers take means over tokens, `jaxloss.tokens.mean_sequence_logps`, which need another ``beta``.

    Args:
        chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps: See `jaxloss.dpo_loss`.
        beta: Strength :math:`\beta` of the pull towards the reference; > 0. The target of the margin is half its
            inverse.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared nats; exactly 0 if the margin equals its target.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or ``beta`` is out of range.

    Example:
        >>> zero = jnp.zeros(2)
        >>> jaxloss.ipo_loss(jnp.array([0.0, 2.0]), zero, zero, zero, beta=0.25, reduction="none")
        Array([4., 0.], dtype=float32)

    Reference:
        Azar et al. (2023), A General Theoretical Paradigm to Understand Learning from Human Preferences.
        https://arxiv.org/abs/2310.12036
    """
    margin = log_ratio_margin(where, chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps)
    beta = checks.scalar("beta", beta, margin.dtype, above=0)
    values = jnp.square(margin - 0.5 / beta)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def exo_pair_loss(
    chosen_logps: ArrayLike,
    rejected_logps: ArrayLike,
    reference_chosen_logps: ArrayLike,
    reference_rejected_logps: ArrayLike,
    *,
    beta: Scalar = 0.1,
    label_smoothing: Scalar = 1e-3,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Efficient exact optimisation (EXO) of pairs: the reverse divergence of the policy's preference from the label's.

    .. math:: \ell = \mathrm{KL}\left( \sigma(\beta \Delta) \,\|\, 1 - \varepsilon \right), \qquad
              \Delta = \log \frac{\pi(y_w)}{\pi_{\mathrm{ref}}(y_w)} - \log \frac{\pi(y_l)}{\pi_{\mathrm{ref}}(y_l)}

    of two Bernoulli variables. `jaxloss.dpo_loss` has the forward divergence, a cross-entropy. Here a pair that is far
    on the wrong side has a vanishing gradient.

    Args:
        chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps: See `jaxloss.dpo_loss`.
        beta: Strength :math:`\beta` of the pull towards the reference, in reward per nat; > 0.
        label_smoothing: Probability :math:`\varepsilon` that the labels of a pair are swapped; in (0, 1/2]. With 0 the
            divergence would be infinite.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in :math:`[0, -\log \varepsilon]`, in nats; 0 at :math:`\beta \Delta = \log(1 / \varepsilon - 1)`.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or a hyperparameter is out of range.

    Example:
        >>> zero = jnp.zeros(2)
        >>> jaxloss.exo_pair_loss(jnp.array([0.0, 60.0]), zero, zero, zero, reduction="none")
        Array([2.7612307e+00, 7.6687807e-04], dtype=float32)

    Reference:
        Ji et al. (2024), Towards Efficient Exact Optimization of Language Model Alignment.
        https://arxiv.org/abs/2402.00856
    """
    margin = log_ratio_margin(where, chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps)
    beta = checks.scalar("beta", beta, margin.dtype, above=0)
    smoothing = checks.scalar("label_smoothing", label_smoothing, margin.dtype, above=0, at_most=0.5)
    smoothing = jnp.full(margin.shape, smoothing, margin.dtype)
    wins, losses = (-side for side in negative_log_sigmoids(beta * margin))
    values = relative_entropy(wins, jnp.log1p(-smoothing)) + relative_entropy(losses, jnp.log(smoothing))
    return reduce(values, where=where, weights=weights, reduction=reduction)
