"""Cox proportional hazards: negative log partial likelihood, with ties by the method of Breslow or of Efron."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.rows.recursions import linear_recursion, running_max
from jaxloss._floor.reduction import blank, divide_sums, hide, pool_mass, reduce
from jaxloss._floor.spread import whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction

__all__ = ["cox_breslow_nll", "cox_efron_nll"]


def cox_breslow_nll(
    log_hazards: ArrayLike,
    times: ArrayLike,
    events: ArrayLike,
    *,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log partial likelihood of Cox proportional hazards, per event, with Breslow's method for ties.

    .. math:: \ell = -\frac{\sum_i w_i \delta_i \log p_i}{\sum_i w_i \delta_i}, \qquad
              p_i = \frac{w_i e^{\eta_i}}{\sum_{j : t_j \ge t_i} w_j e^{\eta_j}}

    All of the events at one time face the whole risk set. The N subjects of the last batch axis are one cohort, so
    ``where`` and ``weights`` belong to them. Times need not be sorted; it costs a sort and scans, not an array
    ``[N, N]``.

    Args:
        log_hazards: Log of the relative hazard :math:`\eta` of every subject, shape ``[..., N]``, floating; a constant
            added to all changes nothing.
        times: Time of the event or of censoring, shape ``[..., N]``, floating or integer; not differentiated.
        events: True where the event :math:`\delta` was observed, False where censored, shape ``[..., N]``, boolean.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the subjects are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``. A cohort without events is absent. See `jaxloss.reduce`.
        reduction: Over the cohorts ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats per event, with full relative accuracy as the order becomes certain.

    Raises:
        TypeError: If ``log_hazards`` is not floating or ``events`` is not boolean.
        ValueError: If the shapes differ; or if every pool has one entry, as in ``[N, 1]``.

    Example:
        >>> times, events = jnp.array([3.0, 1.0, 2.0]), jnp.array([False, True, True])
        >>> print(f"{jaxloss.cox_breslow_nll(jnp.zeros(3), times, events):.4f}")
        0.8959

    Reference:
        Cox (1972), Regression Models and Life-Tables. https://doi.org/10.1111/j.2517-6161.1972.tb00899.x
        Breslow (1974), Covariance Analysis of Censored Survival Data. https://doi.org/10.2307/2529620
    """
    cohort, present = _cohorts(log_hazards, times, events, axis_name, where, weights)
    values = _per_cohort(_breslow, cohort)
    return reduce(values, where=present, reduction=reduction)


def cox_efron_nll(
    log_hazards: ArrayLike,
    times: ArrayLike,
    events: ArrayLike,
    *,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log partial likelihood of Cox proportional hazards, per event, with Efron's method for ties.

    .. math:: \ell = -\frac{1}{\sum_i w_i \delta_i} \sum_g \left( \sum_{i \in g} w_i \log p_i
              - \bar w_g \sum_{k=0}^{d_g - 1} \log\left(1 - \frac{k}{d_g} \sum_{i \in g} p_i\right) \right), \qquad
              p_i = \frac{w_i e^{\eta_i}}{\sum_{j : t_j \ge t_i} w_j e^{\eta_j}}

    over groups g of :math:`d_g` events at the same time, with mean weight :math:`\bar w_g`: tied events leave the risk
    set one after the other. With ties it is more accurate than `jaxloss.cox_breslow_nll`; without, the two are equal.

    Args:
        log_hazards, times, events: One entry per subject, shape ``[..., N]``; see `jaxloss.cox_breslow_nll`.
        axis_name, where, weights, reduction: See `jaxloss.cox_breslow_nll`.

    Returns:
        A scalar, in nats per event; >= 0 for equal weights.

    Raises:
        TypeError: If ``log_hazards`` is not floating or ``events`` is not boolean.
        ValueError: If the shapes differ; or if every pool has one entry, as in ``[N, 1]``.

    Example:
        >>> times, events = jnp.array([3.0, 1.0, 1.0]), jnp.array([False, True, True])
        >>> print(f"{jaxloss.cox_efron_nll(jnp.zeros(3), times, events):.4f}")
        0.8959

    Reference:
        Efron (1977), The Efficiency of Cox's Likelihood Function for Censored Data.
        https://doi.org/10.1080/01621459.1977.10480613
    """
    cohort, present = _cohorts(log_hazards, times, events, axis_name, where, weights)
    values = _per_cohort(_efron, cohort)
    return reduce(values, where=present, reduction=reduction)


class _Cohort(NamedTuple):
    """The subjects ``[..., N]``; ``mass`` is 0 for the absent."""

    scores: Array
    times: Array
    events: Array
    mass: Array


def _cohorts(
    log_hazards: ArrayLike,
    times: ArrayLike,
    events: ArrayLike,
    axis_name: AxisName | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
) -> tuple[_Cohort, Array]:
    log_hazards, times = checks.values(log_hazards=log_hazards, times=times)
    checks.with_pool("subjects", log_hazards=log_hazards)
    (events,) = checks.boolean("True where the event was observed", events=events)
    checks.same_shape(log_hazards=log_hazards, events=events)
    times, events = hide(where, times), hide(where, events, fill=False)
    (scores,) = blank(where, log_hazards)
    where, weights, scores, times, events = whole_pool(axis_name, where, weights, scores, times, events)
    mass, _ = pool_mass(where, weights, scores)
    mass = jnp.ones_like(scores) if mass is None else mass.astype(scores.dtype)
    scores = hide(mass > 0, scores)
    # A time that is not a number has no place in any order.
    scores = numerics.poison(scores, (times == times) | (mass == 0))
    events = events & (mass > 0)
    return _Cohort(scores, times, events, mass), jnp.any(events, axis=-1)


def _per_cohort(fn: Callable[..., Array], cohort: _Cohort) -> Array:
    """``fn`` of sorted cohorts, latest time first, over all leading axes."""
    if not cohort.scores.shape[-1]:
        return jnp.sum(cohort.scores, axis=-1)

    def one(cohort: _Cohort) -> Array:
        order = jnp.argsort(cohort.times, descending=True)
        return fn(*(x[order] for x in cohort))

    for _ in range(cohort.scores.ndim - 1):
        one = jax.vmap(one)
    return one(cohort)


def _sums_of_others(peak: Array, share: Array, anew: Array, reverse: bool) -> tuple[Array, Array]:
    """``(m, s)`` for the sum ``s * exp(m)`` of ``share * exp(peak)`` over the entries before each; m is a constant.

    Before it are those from the last one where ``anew`` is True, or after it to the next one with ``reverse``.
    """
    nothing = jnp.asarray(jnp.finfo(peak.dtype).min / 4, peak.dtype)
    highest = running_max(peak, anew, reverse)
    shift = lambda x, fill: jnp.concatenate([x[1:], fill[None]] if reverse else [fill[None], x[:-1]])
    first = lambda x, fill: jnp.where(anew, fill, x)
    before = first(shift(highest, nothing), nothing)
    total = linear_recursion(jnp.exp(before - highest), share * jnp.exp(peak - highest), reverse)
    return before, first(shift(total, 0 * nothing), 0 * nothing)


def _surprise(scores: Array, times: Array, mass: Array) -> Array:
    """Minus the log of each subject's share of its risk set, from the sum over the others: small ones stay accurate."""
    nothing = jnp.asarray(jnp.finfo(scores.dtype).min / 4, scores.dtype)
    present = mass > 0
    peak = jnp.where(present, jax.lax.stop_gradient(scores), nothing)
    own = mass * jnp.exp(jnp.where(present, scores - peak, jnp.zeros((), scores.dtype)))
    end = jnp.ones(1, bool)
    changes = times[:-1] != times[1:]
    earlier = _sums_of_others(peak, own, jnp.zeros_like(present).at[:1].set(True), False)
    # The rest of the tied ones: from the other end, anew with every group.
    tied = _sums_of_others(peak, own, jnp.concatenate([changes, end]), True)
    highest = jnp.maximum(earlier[0], tied[0])
    others = earlier[1] * jnp.exp(earlier[0] - highest) + tied[1] * jnp.exp(tied[0] - highest)
    some = (others > 0) & present
    one = jnp.ones((), scores.dtype)
    ahead = jnp.log(jnp.where(some, others, one) / jnp.where(some, mass, one)) + (highest - scores)
    return jnp.where(some, numerics.softplus(jnp.where(some, ahead, 0 * one)), 0 * scores)


def _breslow(scores: Array, times: Array, events: Array, mass: Array) -> Array:
    counted = jnp.where(events, mass, jnp.zeros((), mass.dtype))
    return divide_sums(jnp.sum(counted * _surprise(scores, times, mass)), jnp.sum(counted))


def _efron(scores: Array, times: Array, events: Array, mass: Array) -> Array:
    counted = jnp.where(events, mass, jnp.zeros((), mass.dtype))
    surprise = _surprise(scores, times, mass)
    size = scores.shape[0]
    group = jnp.cumsum(jnp.concatenate([jnp.zeros(1, bool), times[:-1] != times[1:]]).astype(jnp.int32))
    in_group = lambda x: jax.ops.segment_sum(x, group, num_segments=size)[group]
    number = events.astype(jnp.int32)
    before = jnp.cumsum(number) - number
    rank = before - jax.ops.segment_min(before, group, num_segments=size)[group]
    tied = jnp.maximum(in_group(number), 1).astype(mass.dtype)
    share = in_group(jnp.where(events, jnp.exp(-surprise), jnp.zeros((), mass.dtype)))
    gone = jnp.where(events, rank.astype(mass.dtype) / tied * share, jnp.zeros((), mass.dtype))
    total = jnp.sum(counted * surprise + in_group(counted) / tied * jnp.log1p(-gone))
    return divide_sums(total, jnp.sum(counted))
