r"""The Kullback-Leibler divergence of two discrete distributions, in both directions and in every encoding.

All of them sum :math:`p \log(p / q) - p + q`. The last two terms vanish for normalised inputs; they make every term
>= 0 and keep the digits of small divergences.
"""

from __future__ import annotations

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.entropies import rows_of_log_probs, rows_of_logits, rows_of_probs
from jaxloss._floor.maths.softmax.terms import mask_of_rows
from jaxloss._floor.reduction import hide, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.divergences._distributions import (
    ROUNDING,
    ensure_normalised,
    log_distributions,
    logit_pair,
    raised_if_whole,
    with_lost_rows,
)

__all__ = [
    "kl_divergence",
    "kl_divergence_from_logits",
    "kl_divergence_with_log_targets",
    "reverse_kl_divergence",
]


def kl_divergence(
    log_predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Kullback-Leibler divergence KL(targets || predictions), the predictions as log-probabilities.

    .. math:: \ell = \mathrm{KL}(p \,\|\, q) = \sum_k p_k (\log p_k - \log q_k) - p_k + q_k

    The target leads: the expectation is over ``targets``, and a prediction is punished for missing what the target
    has. The prediction comes as log-probabilities, from ``jax.nn.log_softmax``. The sum is over the last axis and
    the mean over examples (PyTorch's ``"batchmean"``; its ``"mean"`` also divides by K). The last two terms vanish
    for normalised inputs; they make every term >= 0 and keep the digits of small divergences. The gradient in
    ``log_predictions`` is :math:`q - p`; through ``jax.nn.log_softmax`` it is the same without them.

    Args:
        log_predictions: Log-probabilities :math:`\log q`, shape ``[..., K]``, floating; -inf is allowed.
        targets: Probabilities :math:`p`, shape ``[..., K]``, the same; floating or integer; never broadcast. An
            entry with :math:`p_k = 0` contributes :math:`q_k` and has no gradient in :math:`p_k` (the exact slope
            is -inf). A row with an entry outside [0, 1], or with a log-probability above 0, gives NaN.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0 in nats; 0 where the two are equal, with zero gradient, exactly so if ``log_predictions`` are
        the logarithms of ``targets`` to the last bit; +inf if :math:`q_k = 0` where :math:`p_k > 0`.

    Raises:
        TypeError: If ``log_predictions`` are not floating.
        ValueError: If the shapes differ, or the last axis is missing or empty.

    Example:
        >>> log_predictions = jnp.log(jnp.array([0.5, 0.5, 0.0]))
        >>> jaxloss.kl_divergence(log_predictions, jnp.array([1.0, 0.0, 0.0]))
        Array(0.6931472, dtype=float32)

    Reference:
        Kullback and Leibler (1951), On Information and Sufficiency.
        https://doi.org/10.1214/aoms/1177729694
    """
    log_predictions, targets = checks.scores_and_targets(log_predictions=log_predictions, targets=targets)
    keep = mask_of_rows(where, targets)
    shown = hide(keep, targets, event_ndim=1, fill=1 / targets.shape[-1])
    ensure_normalised(keep, log_predictions=log_predictions)
    value_checks.ensure_probabilities(targets=shown, sum_to_one=True)
    values = with_lost_rows(rows_of_probs(log_predictions, raised_if_whole(targets, log_predictions), ROUNDING, keep))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def kl_divergence_with_log_targets(
    log_predictions: ArrayLike,
    log_targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Kullback-Leibler divergence KL(targets || predictions), both from log-probabilities.

    .. math:: \ell = \mathrm{KL}(p \,\|\, q) = \sum_k e^{\log p_k} (\log p_k - \log q_k) - e^{\log p_k} + q_k

    Equal to `kl_divergence` at ``exp(log_targets)``, with exact logarithms of small targets. The target leads: the
    expectation is over ``log_targets``. The last two terms vanish for normalised inputs; they make every term >= 0
    and keep the digits of small divergences.

    Args:
        log_predictions: Log-probabilities :math:`\log q`, shape ``[..., K]``, floating; -inf is allowed.
        log_targets: Log-probabilities :math:`\log p`, shape ``[..., K]``, the same; floating; -inf is allowed. An
            entry whose probability is 0 in the working precision contributes :math:`q_k` and has no gradient in
            :math:`\log p_k`. A row with a log-probability above 0, here or in the prediction, gives NaN.
        where, weights, reduction: As in `kl_divergence`.

    Returns:
        A scalar >= 0 in nats; 0 exactly where the two are equal, with zero gradient, and accurate near it; +inf if
        :math:`q_k = 0` where :math:`p_k > 0`.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or the last axis is missing or empty.

    Example:
        >>> log_predictions = jax.nn.log_softmax(jnp.array([0.0, 0.0, -jnp.inf]))
        >>> log_targets = jax.nn.log_softmax(jnp.array([0.0, -jnp.inf, -jnp.inf]))
        >>> jaxloss.kl_divergence_with_log_targets(log_predictions, log_targets)
        Array(0.6931472, dtype=float32)

    Reference:
        Kullback and Leibler (1951), On Information and Sufficiency.
        https://doi.org/10.1214/aoms/1177729694
    """
    log_q, log_p, keep = log_distributions(where, log_predictions=log_predictions, log_targets=log_targets)
    values = with_lost_rows(rows_of_log_probs(log_q, log_p, ROUNDING, keep))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def kl_divergence_from_logits(
    logits: ArrayLike,
    target_logits: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Kullback-Leibler divergence KL(targets || predictions), both the softmax of logits.

    .. math:: \ell = \sum_k p_k (\log p_k - \log q_k), \qquad
              q = \operatorname{softmax}(z), \quad p = \operatorname{softmax}(t)

    The first argument of KL is the target, as in `kl_divergence`. With a temperature :math:`T` this is
    `jaxloss.knowledge_distillation_loss`, which also multiplies by :math:`T^2`.

    Args:
        logits: Scores :math:`z` of the prediction, shape ``[..., K]``, floating; -inf for a class that is absent.
        target_logits: Scores :math:`t` of the target, shape ``[..., K]``, the same; floating; -inf is allowed.
        where, weights, reduction: As in `kl_divergence`.

    Returns:
        A scalar >= 0 in nats; 0 exactly where the logits are equal, with zero gradient; +inf if a class is absent
        from the prediction alone.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or the last axis is missing or empty.

    Example:
        >>> jaxloss.kl_divergence_from_logits(jnp.array([0.0, 0.0]), jnp.array([0.0, -jnp.inf]))
        Array(0.6931472, dtype=float32)

    Reference:
        Kullback and Leibler (1951), On Information and Sufficiency.
        https://doi.org/10.1214/aoms/1177729694
    """
    logits, target_logits, keep = logit_pair(where, logits=logits, target_logits=target_logits)
    values = rows_of_logits(logits, target_logits, keep)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def reverse_kl_divergence(
    log_predictions: ArrayLike,
    log_targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Reverse Kullback-Leibler divergence KL(predictions || targets), which seeks a mode.

    .. math:: \ell = \mathrm{KL}(q \,\|\, p) = \sum_k q_k (\log q_k - \log p_k) - q_k + p_k

    The prediction leads: a predicted distribution is punished for having what the target lacks, and settles on a
    mode. `kl_divergence_with_log_targets` has the other direction. The last two terms vanish for normalised inputs;
    they make every term >= 0 and keep the digits of small divergences.

    Args:
        log_predictions: Log-probabilities :math:`\log q`, shape ``[..., K]``, floating; -inf is allowed. An entry
            whose probability is 0 has no gradient. A row with an entry above 0 gives NaN, in both arguments.
        log_targets: Log-probabilities :math:`\log p`, shape ``[..., K]``, the same; floating; -inf is allowed.
        where, weights, reduction: As in `kl_divergence`.

    Returns:
        A scalar >= 0 in nats; 0 exactly where the two are equal, with zero gradient; +inf if :math:`p_k = 0` where
        :math:`q_k > 0`.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or the last axis is missing or empty.

    Example:
        >>> log_predictions = jnp.log(jnp.array([1.0, 0.0]))
        >>> jaxloss.reverse_kl_divergence(log_predictions, jnp.log(jnp.array([0.5, 0.5])))
        Array(0.6931472, dtype=float32)

    Reference:
        Minka (2005), Divergence Measures and Message Passing.
        https://www.microsoft.com/en-us/research/publication/divergence-measures-and-message-passing/
    """
    log_q, log_p, keep = log_distributions(where, log_predictions=log_predictions, log_targets=log_targets)
    values = with_lost_rows(rows_of_log_probs(log_p, log_q, ROUNDING, keep))
    return reduce(values, where=where, weights=weights, reduction=reduction)
