r"""Accelerated failure times known to lie in an interval: between two visits, before the first, or after the last.

With the standardised logarithms a and b of the two ends, as in `jaxloss.weibull_aft_nll`, and the survival S of the
standard distribution of log-times, the loss is :math:`-\log(S(a) - S(b))`. In the tails both survivals are nearly 0 or
nearly 1, and in a narrow interval nearly equal: the difference is taken in the logarithm, in a form that keeps its
digits. A time that is known exactly has two equal ends, and its loss is minus the logarithm of its density.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.log_ratios import log_ratio
from jaxloss._floor.maths.numerics import exp_excess, positive_part, quotient, softplus
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.maths.special.normal_intervals import interval_nll, interval_slopes
from jaxloss._floor.maths.special.normal_tails import negative_log_tail
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.survival.accelerated_failure import log_logistic_aft_nll, log_normal_aft_nll, weibull_aft_nll

__all__ = ["log_logistic_aft_interval_nll", "log_normal_aft_interval_nll", "weibull_aft_interval_nll"]


FAR = 40.0
"""Standard deviations beyond which float64 knows no normal tail."""


class _Interval(NamedTuple):
    """The two ends of each interval in logarithms, with a stand-in for an end that is open."""

    no_start: Array
    no_end: Array
    start: Array
    """Distance of the log-time of the start from the location."""
    end: Array
    log_width: Array
    """Logarithm of the difference of the two log-times."""
    log_scale: Array

    def standard(self, error: Array) -> Array:
        return error * jnp.exp(-self.log_scale)


def _aft_interval_nll(
    exactly: Callable[..., Array],
    within: Callable[[_Interval], Array],
    locations: ArrayLike,
    log_scales: ArrayLike,
    lower_bounds: ArrayLike,
    upper_bounds: ArrayLike,
    where: ArrayLike | None,
) -> Array:
    """The loss of each subject, from that of an exact time and that ``within`` an interval."""
    arrays = checks.values(
        locations=locations, log_scales=log_scales, lower_bounds=lower_bounds, upper_bounds=upper_bounds
    )
    locations, log_scales, lower, upper = blank(where, *arrays, fill=1)
    valid = (lower >= 0) & (lower <= upper) & (lower < jnp.inf) & (upper > 0)
    known, no_start, no_end = lower == upper, lower == 0, upper == jnp.inf
    between, one = valid & ~(known | no_start | no_end), jnp.ones((), lower.dtype)
    width = log_ratio(jnp.where(between, upper, math.e), jnp.where(between, lower, one))
    interval = _Interval(
        no_start,
        no_end,
        jnp.log(jnp.where(valid & ~no_start, lower, one)) - locations,
        jnp.log(jnp.where(valid & ~no_end, upper, one)) - locations,
        jnp.log(width),
        # A scale below the smallest normal number counts as that number, so that its inverse is finite.
        jnp.maximum(log_scales, math.log(float(jnp.finfo(log_scales.dtype).tiny))),
    )
    times, observed = jnp.where(known & valid, lower, one), jnp.ones(lower.shape, bool)
    density = exactly(locations, log_scales, times, observed, reduction="none")
    values = jnp.where(known, density, within(interval))
    return value_checks.within_domain(
        values, valid, "bounds must be 0 <= lower_bounds <= upper_bounds, not both 0 or infinite"
    )


def _log_event_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (log_x,) = primals
    # x / (exp(x) - 1); from 80 on it is 0 in front of any other number.
    x = jnp.clip(jnp.exp(log_x), float(jnp.finfo(log_x.dtype).tiny), 80.0)
    return _log_event(log_x), tangents[0] / (1 + quotient(exp_excess(x), x))


@with_rule(_log_event_jvp)
def _log_event(log_x: Array) -> Array:
    """``log(1 - exp(-x))`` from the logarithm of ``x``, which may be as small or as large as can be."""
    x = jnp.maximum(jnp.exp(log_x), float(jnp.finfo(log_x.dtype).tiny))
    near, one = x < 1, jnp.ones((), x.dtype)
    small, large = jnp.where(near, x, one), jnp.where(near, one, x)
    return jnp.where(near, log_x + jnp.log1p(-exp_excess(-small) / small), jnp.log1p(-jnp.exp(-large)))


def weibull_aft_interval_nll(
    locations: ArrayLike,
    log_scales: ArrayLike,
    lower_bounds: ArrayLike,
    upper_bounds: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-likelihood of a Weibull accelerated failure time model for interval-censored times.

    .. math:: \ell = e^a - \log \left( 1 - e^{-(e^b - e^a)} \right), \qquad
              a = \frac{\log t_0 - \mu}{\sigma}, \quad b = \frac{\log t_1 - \mu}{\sigma}

    The event is known to come between the times :math:`t_0` and :math:`t_1`. Bounds of ``(t, t)`` are an event at that
    time, whose loss is the density of `jaxloss.weibull_aft_nll`; ``(t, inf)`` is a subject that is right-censored,
    without an event until then, and ``(0, t)`` one that is left-censored, whose event came before. XGBoost
    (``survival:aft``) has the same two bounds, and floors the likelihood at 1e-12.

    Args:
        locations: Location :math:`\mu` of the log-times, shape ``[...]``, floating.
        log_scales: Logarithm of their scale :math:`\sigma`, shape ``[...]``, the same.
        lower_bounds: Time :math:`t_0` without an event, shape ``[...]``, floating or integer; >= 0.
        upper_bounds: Time :math:`t_1` of the event at the latest, shape ``[...]``, the same; > 0 and at least
            ``lower_bounds``, inf if there was no event. Bounds that are not so give NaN.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in nats per subject; of either sign for an event at a known time, and >= 0 if no times are known.

    Raises:
        TypeError: If ``locations`` is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> lower, upper = jnp.array([1.0, 2.0, 0.0]), jnp.array([1.0, jnp.inf, 1.0])
        >>> values = jaxloss.weibull_aft_interval_nll(jnp.zeros(3), jnp.zeros(3), lower, upper, reduction="none")
        >>> print([f"{x:.4f}" for x in values])
        ['1.0000', '2.0000', '0.4587']

    Reference:
        Barnwal, Cho and Hocking (2022), Survival Regression with Accelerated Failure Time Model in XGBoost.
        https://arxiv.org/abs/2006.04920
    """
    values = _aft_interval_nll(weibull_aft_nll, _weibull, locations, log_scales, lower_bounds, upper_bounds, where)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _weibull(interval: _Interval) -> Array:
    start = jnp.exp(interval.standard(interval.start))
    share = _log_event(interval.log_width - interval.log_scale)
    log_risk = interval.standard(interval.end) + jnp.where(interval.no_start, 0, share)
    return jnp.where(interval.no_start, 0, start) - jnp.where(interval.no_end, 0, _log_event(log_risk))


def log_normal_aft_interval_nll(
    locations: ArrayLike,
    log_scales: ArrayLike,
    lower_bounds: ArrayLike,
    upper_bounds: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-likelihood of a log-normal accelerated failure time model for interval-censored times.

    .. math:: \ell = -\log \left( \Phi(b) - \Phi(a) \right), \qquad
              a = \frac{\log t_0 - \mu}{\sigma}, \quad b = \frac{\log t_1 - \mu}{\sigma}

    The interval regression of econometrics, of the logarithm of the time; for right-censored and known times alone it
    is `jaxloss.log_normal_aft_nll`.

    Args:
        locations, log_scales, lower_bounds, upper_bounds: See `jaxloss.weibull_aft_interval_nll`.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in nats per subject; of either sign for an event at a known time, and >= 0 if no times are known.

    Raises:
        TypeError: If ``locations`` is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> lower, upper = jnp.array([1.0, 2.0, 0.0]), jnp.array([1.0, jnp.inf, 1.0])
        >>> values = jaxloss.log_normal_aft_interval_nll(jnp.zeros(3), jnp.zeros(3), lower, upper, reduction="none")
        >>> print([f"{x:.4f}" for x in values])
        ['0.9189', '1.4101', '0.6931']

    Reference:
        Barnwal, Cho and Hocking (2022), Survival Regression with Accelerated Failure Time Model in XGBoost.
        https://arxiv.org/abs/2006.04920
    """
    values = _aft_interval_nll(
        log_normal_aft_nll, _log_normal, locations, log_scales, lower_bounds, upper_bounds, where
    )
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _log_normal(interval: _Interval) -> Array:
    tail = _log_tail(interval.standard(jnp.where(interval.no_start, -interval.end, interval.start)))
    tail = jnp.where(interval.no_start & interval.no_end, 0, tail)
    narrow = interval.log_width < interval.log_scale
    return jnp.where(interval.no_start | interval.no_end, tail, jnp.where(narrow, _narrow(interval), _wide(interval)))


def _log_tail(z: Array) -> Array:
    return negative_log_tail(jnp.maximum(z, -FAR))


def _wide(interval: _Interval) -> Array:
    """Of an interval of at least one standard deviation: the tail beyond one end, less that beyond the other."""
    start, end = (interval.standard(error) for error in (interval.start, interval.end))
    above = interval.start + interval.end >= 0
    inner, outer = jnp.where(above, start, -end), jnp.where(above, end, -start)
    # Farther out nothing is left of the tail beyond the outer end, compared with the other.
    whole, rest = _log_tail(inner), _log_tail(jnp.minimum(outer, positive_part(inner) + FAR))
    return whole - jnp.log1p(-jnp.exp(jnp.minimum(whole - rest, -0.1)))


def _narrow(interval: _Interval) -> Array:
    narrow = interval.log_width < interval.log_scale
    middle = 0.5 * (interval.start + interval.end)
    arrays = middle, interval.log_scale, interval.log_width
    return _normal_mass(*(jnp.where(narrow, x, jnp.zeros((), x.dtype)) for x in arrays))


def _normal_interval(middle: Array, log_scale: Array, log_width: Array) -> tuple[Array, Array, Array, Array]:
    """Centre and half width in standard deviations, by symmetry above the mean, no open end, and the log-width."""
    log_half = log_width - log_scale - math.log(2)
    center = jnp.abs(middle) * jnp.exp(-log_scale)
    return center, jnp.exp(log_half), jnp.zeros(center.shape, bool), log_half


def _normal_mass_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    middle, log_scale, _ = primals
    slopes = interval_slopes(*_normal_interval(*primals)[:3])
    in_middle = slopes.in_center * jnp.sign(middle) * jnp.exp(-log_scale)
    along = in_middle * tangents[0] + slopes.in_log_scale * tangents[1] + slopes.in_log_half * tangents[2]
    return _normal_mass(*primals), along


@with_rule(_normal_mass_jvp)
def _normal_mass(middle: Array, log_scale: Array, log_width: Array) -> Array:
    return interval_nll(*_normal_interval(middle, log_scale, log_width))


def log_logistic_aft_interval_nll(
    locations: ArrayLike,
    log_scales: ArrayLike,
    lower_bounds: ArrayLike,
    upper_bounds: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-likelihood of a log-logistic accelerated failure time model for interval-censored times.

    .. math:: \ell = \log(1 + e^a) + \log(1 + e^{-b}) - \log \left( 1 - e^{-(b - a)} \right), \qquad
              a = \frac{\log t_0 - \mu}{\sigma}, \quad b = \frac{\log t_1 - \mu}{\sigma}

    For right-censored and known times alone it is `jaxloss.log_logistic_aft_nll`.

    Args:
        locations, log_scales, lower_bounds, upper_bounds: See `jaxloss.weibull_aft_interval_nll`.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in nats per subject; of either sign for an event at a known time, and >= 0 if no times are known.

    Raises:
        TypeError: If ``locations`` is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> lower, upper = jnp.array([1.0, 2.0, 0.0]), jnp.array([1.0, jnp.inf, 1.0])
        >>> values = jaxloss.log_logistic_aft_interval_nll(jnp.zeros(3), jnp.zeros(3), lower, upper, reduction="none")
        >>> print([f"{x:.4f}" for x in values])
        ['1.3863', '1.0986', '0.6931']

    Reference:
        Barnwal, Cho and Hocking (2022), Survival Regression with Accelerated Failure Time Model in XGBoost.
        https://arxiv.org/abs/2006.04920
    """
    values = _aft_interval_nll(
        log_logistic_aft_nll, _log_logistic, locations, log_scales, lower_bounds, upper_bounds, where
    )
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _log_logistic(interval: _Interval) -> Array:
    after, before = (interval.standard(error) for error in (interval.start, interval.end))
    share = _log_event(interval.log_width - interval.log_scale)
    ends = jnp.where(interval.no_start, 0, softplus(after)) + jnp.where(interval.no_end, 0, softplus(-before))
    return ends - jnp.where(interval.no_start | interval.no_end, 0, share)
