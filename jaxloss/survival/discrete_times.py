"""Survival in discrete time: likelihoods of the interval in which an event falls, for networks with one output each."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import log_sum_exp, poison, softplus
from jaxloss._floor.maths.sigmoids import negative_log_sigmoid
from jaxloss._floor.reduction import blank, hide, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["logistic_hazard_nll", "mtlr_nll", "survival_pmf_nll"]


def _subjects(
    where: ArrayLike | None, logits: ArrayLike, intervals: ArrayLike, events: ArrayLike
) -> tuple[Array, Array, Array]:
    """Scores ``[..., K]`` in the working dtype, intervals and events ``[...]``, harmless behind the mask."""
    logits, intervals = checks.scores_and_labels(logits=logits, intervals=intervals)
    (events,) = checks.boolean("True where the event was observed", events=events)
    checks.same_shape(intervals=intervals, events=events)
    (logits,) = blank(where, logits, event_ndim=1)
    return logits, hide(where, intervals), hide(where, events, fill=True)


def _numbers(logits: Array) -> Array:
    """The number of every interval, in the shape of ``logits``."""
    return jax.lax.broadcasted_iota(jnp.int32, logits.shape, logits.ndim - 1)


def logistic_hazard_nll(
    logits: ArrayLike,
    intervals: ArrayLike,
    events: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-likelihood of discrete-time survival by the hazards of intervals (logistic hazard, Nnet-survival).

    .. math:: \ell = -\sum_{j < k} \log(1 - h_j) - \delta \log h_k - (1 - \delta) \log(1 - h_k), \qquad
              h_j = \sigma(z_j)

    The hazard :math:`h_j` is the probability of the event in interval j for those who have reached it, so survival
    beyond interval j is :math:`\prod_{i \le j} (1 - h_i)`. It is a sum of binary cross-entropies over the intervals
    that a subject was at risk in. A censored subject has survived the interval ``intervals``: for one that was lost
    early in an interval, pass the interval before. One that was lost before the end of the first is masked.

    Args:
        logits: Scores of the hazards, shape ``[..., K]``, floating; -inf for an interval in which nothing can happen.
        intervals: Interval :math:`k` of the event or the last one survived, shape ``[...]``, integer, in [0, K); NaN
            out of range.
        events: True where the event :math:`\delta` was observed, False where censored, shape ``[...]``, boolean.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats per subject; keeps full relative accuracy for small values. +inf if what happened is
        impossible.

    Raises:
        TypeError: If ``logits`` is not floating, ``intervals`` not integer or ``events`` not boolean.
        ValueError: If ``intervals.shape != logits.shape[:-1]``, ``events.shape != intervals.shape``, or the interval
            axis is empty.

    Example:
        >>> intervals, events = jnp.array([1, 1]), jnp.array([True, False])
        >>> jaxloss.logistic_hazard_nll(jnp.array([[0.0, 2.0, 9.0]] * 2), intervals, events, reduction="none")
        Array([0.8200752, 2.820075 ], dtype=float32)

    Reference:
        Gensheimer and Narasimhan (2019), A Scalable Discrete-Time Survival Model for Neural Networks.
        https://arxiv.org/abs/1805.00917
    """
    logits, intervals, events = _subjects(where, logits, intervals, events)
    num_intervals = logits.shape[-1]
    value_checks.ensure_labels(intervals, num_intervals, "intervals")
    inside = jnp.clip(intervals, 0, num_intervals - 1)
    number, last = _numbers(logits), inside[..., None]
    happened = (number == last) & events[..., None]
    terms = negative_log_sigmoid(hide(number <= last, jnp.where(happened, logits, -logits)))
    values = jnp.sum(hide(number <= last, terms), axis=-1)
    values = poison(values, inside == intervals)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _pmf_nll(logits: Array, intervals: Array, events: Array) -> Array:
    """Minus the log-probability of the interval, or of all later ones: relative to the rest, for its digits near 0."""
    num_intervals = logits.shape[-1]
    number, own = _numbers(logits), intervals[..., None]
    possible = jnp.where(events[..., None], number == own, number > own)
    legal = (intervals >= 0) & (intervals < jnp.where(events, num_intervals, num_intervals - 1))
    possible = jnp.where(legal[..., None], possible, number == 0)
    rest, chosen = (log_sum_exp(jnp.where(group, logits, -jnp.inf)) for group in (~possible, possible))
    return value_checks.within_domain(
        softplus(rest - chosen),
        legal,
        f"intervals must lie in [0, {num_intervals}), those of censored subjects before the last one; mask padding "
        f"with where=intervals != -100",
    )


def survival_pmf_nll(
    logits: ArrayLike,
    intervals: ArrayLike,
    events: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-likelihood of discrete-time survival by the probabilities of the intervals: that of DeepHit.

    .. math:: \ell = -\delta \log p_k - (1 - \delta) \log \sum_{j > k} p_j, \qquad p = \mathrm{softmax}(z)

    For an observed event this is the softmax cross-entropy with its interval; for a censored subject, minus the
    logarithm of all later intervals together. The last interval is open: it stands for an event behind the horizon or
    none. pycox appends it with a score of 0: ``jnp.pad(logits, [(0, 0), (0, 1)])``. DeepHit adds
    `jaxloss.deephit_ranking_loss`.

    Args:
        logits: Scores of the intervals, shape ``[..., K]``, floating; -inf for an interval that is impossible.
        intervals: Interval :math:`k` of the event or of censoring, shape ``[...]``, integer; in [0, K) for an event and
            in [0, K - 1) for a censored subject; NaN out of range.
        events, where, weights, reduction: See `jaxloss.logistic_hazard_nll`.

    Returns:
        A scalar >= 0, in nats per subject; keeps full relative accuracy for small values. +inf if what happened is
        impossible.

    Raises:
        TypeError: If ``logits`` is not floating, ``intervals`` not integer or ``events`` not boolean.
        ValueError: If ``intervals.shape != logits.shape[:-1]``, ``events.shape != intervals.shape``, or the interval
            axis is empty.

    Example:
        >>> intervals, events = jnp.array([1, 1]), jnp.array([True, False])
        >>> jaxloss.survival_pmf_nll(jnp.zeros((2, 5)), intervals, events, reduction="none")
        Array([1.6094379 , 0.51082563], dtype=float32)

    Reference:
        Lee, Zame, Yoon and van der Schaar (2018), DeepHit: A Deep Learning Approach to Survival Analysis with Competing
        Risks. https://doi.org/10.1609/aaai.v32i1.11842
        Kvamme and Borgan (2021), Continuous and Discrete-Time Survival Prediction with Neural Networks.
        https://doi.org/10.1007/s10985-021-09532-6
    """
    values = _pmf_nll(*_subjects(where, logits, intervals, events))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def mtlr_nll(
    logits: ArrayLike,
    intervals: ArrayLike,
    events: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-likelihood of multi-task logistic regression (MTLR), a survival model of ordered intervals.

    .. math:: \ell = -\delta \log p_k - (1 - \delta) \log \sum_{j > k} p_j, \qquad
              p = \mathrm{softmax}(s), \quad s_j = \sum_{i \ge j}^{K - 1} z_i, \quad s_K = 0

    One logistic regression for the end of each interval asks whether the event has come by then. The sum of their
    scores is that of an interval; there are K + 1 intervals, and the last one is open. The likelihood is that of
    `jaxloss.survival_pmf_nll`; the sums make neighbouring intervals alike.

    Args:
        logits: Scores :math:`z` of the answers, shape ``[..., K]``, floating; -inf if the event cannot come by the end
            of the interval.
        intervals: Interval :math:`k` of the event or of censoring, shape ``[...]``, integer; in [0, K] for an event and
            in [0, K) for a censored subject; NaN out of range.
        events, where, weights, reduction: See `jaxloss.logistic_hazard_nll`.

    Returns:
        A scalar >= 0, in nats per subject; keeps full relative accuracy for small values.

    Raises:
        TypeError: If ``logits`` is not floating, ``intervals`` not integer or ``events`` not boolean.
        ValueError: If ``intervals.shape != logits.shape[:-1]``, ``events.shape != intervals.shape``, or the interval
            axis is empty.

    Example:
        >>> intervals, events = jnp.array([1, 1]), jnp.array([True, False])
        >>> jaxloss.mtlr_nll(jnp.array([[0.0, 0.0, 2.0]] * 2), intervals, events, reduction="none")
        Array([1.1427362, 1.015808 ], dtype=float32)

    Reference:
        Yu, Greiner, Lin and Baracos (2011), Learning Patient-Specific Cancer Survival Distributions as a Sequence of
        Dependent Regressors. https://neurips.cc/virtual/2011/poster/2703
    """
    logits, intervals, events = _subjects(where, logits, intervals, events)
    sums = jnp.flip(jnp.cumsum(jnp.flip(logits, axis=-1), axis=-1), axis=-1)
    values = _pmf_nll(jnp.concatenate([sums, jnp.zeros_like(sums[..., :1])], axis=-1), intervals, events)
    return reduce(values, where=where, weights=weights, reduction=reduction)
