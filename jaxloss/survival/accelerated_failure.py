"""Accelerated failure times: likelihoods of times whose logarithm has a location and a scale, some of them censored."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import softplus
from jaxloss._floor.maths.special.normal_tails import LOG_2PI, negative_log_tail
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["log_logistic_aft_nll", "log_normal_aft_nll", "weibull_aft_nll"]


def _aft_nll(
    density: Callable[[Array], Array],
    survival: Callable[[Array], Array],
    locations: ArrayLike,
    log_scales: ArrayLike,
    times: ArrayLike,
    events: ArrayLike,
    where: ArrayLike | None,
) -> Array:
    """The loss of each subject, from minus the logarithms of density and survival of the standardised log-time."""
    locations, log_scales, times = checks.values(locations=locations, log_scales=log_scales, times=times)
    (events,) = checks.boolean("True where the event was observed", events=events)
    checks.same_shape(locations=locations, events=events)
    hidden = (hide(where, locations), hide(where, log_scales), hide(where, times, fill=1))
    (locations, log_scales, times), events = promote(*hidden), hide(where, events, fill=False)
    log_times = jnp.log(times)
    # A scale below the smallest normal number counts as that number, so that its inverse is finite.
    inverse = jnp.exp(-jnp.maximum(log_scales, math.log(float(jnp.finfo(log_scales.dtype).tiny))))
    standard = (log_times - locations) * inverse
    values = jnp.where(events, log_times + log_scales + density(standard), survival(standard))
    return value_checks.within_domain(values, times > 0, "times must be > 0")


def weibull_aft_nll(
    locations: ArrayLike,
    log_scales: ArrayLike,
    times: ArrayLike,
    events: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-likelihood of a Weibull accelerated failure time model, with censored times.

    .. math:: \ell = \delta \left( \log t + \log \sigma - z + e^z \right) + (1 - \delta)\, e^z, \qquad
              z = \frac{\log t - \mu}{\sigma}

    The event comes at :math:`t = e^{\mu + \sigma W}` with a standard Gumbel variable W, of minima: a change of
    :math:`\mu` makes all times longer or shorter by one factor. In the usual parameters the scale is :math:`e^\mu` and
    the shape :math:`1 / \sigma`; with ``log_scales`` of 0 the times are exponential. A censored subject, whose event
    comes after :math:`t`, adds minus the logarithm of its survival. XGBoost calls this distribution ``extreme``.

    Args:
        locations: Location :math:`\mu` of the log-times, shape ``[...]``, floating.
        log_scales: Logarithm of their scale :math:`\sigma`, shape ``[...]``, the same.
        times: Time :math:`t` of the event or of censoring, shape ``[...]``, floating or integer; > 0, NaN otherwise.
        events: True where the event :math:`\delta` was observed, False where censored, shape ``[...]``, boolean.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in nats per subject; of either sign for an event, whose time has a density, and >= 0 if all are
        censored.

    Raises:
        TypeError: If ``locations`` is not floating or ``events`` is not boolean.
        ValueError: If the shapes differ.

    Example:
        >>> times, events = jnp.array([1.0, 2.0]), jnp.array([True, False])
        >>> jaxloss.weibull_aft_nll(jnp.zeros(2), jnp.zeros(2), times, events, reduction="none")
        Array([1., 2.], dtype=float32)

    Reference:
        Wei (1992), The Accelerated Failure Time Model: A Useful Alternative to the Cox Regression Model in Survival
        Analysis. https://doi.org/10.1002/sim.4780111409
        Barnwal, Cho and Hocking (2022), Survival Regression with Accelerated Failure Time Model in XGBoost.
        https://arxiv.org/abs/2006.04920
    """
    values = _aft_nll(_gumbel_density, jnp.exp, locations, log_scales, times, events, where)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _gumbel_density(z: Array) -> Array:
    return jnp.exp(z) - z


def log_normal_aft_nll(
    locations: ArrayLike,
    log_scales: ArrayLike,
    times: ArrayLike,
    events: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-likelihood of a log-normal accelerated failure time model, with censored times.

    .. math:: \ell = \delta \left( \log t + \log \sigma + \tfrac12 z^2 + \tfrac12 \log 2 \pi \right)
              - (1 - \delta) \log \Phi(-z), \qquad z = \frac{\log t - \mu}{\sigma}

    The logarithm of the time is normal, with the cumulative distribution :math:`\Phi`. Without censoring this is
    `jaxloss.gaussian_nll` of the log-times, plus :math:`\log t`; with it, the Tobit likelihood. XGBoost calls this
    distribution ``normal``. With all ``events`` True it is the log-normal likelihood of any positive amounts, and of
    amounts that may be 0, with ``where=amounts > 0`` beside a binary cross-entropy of that, the zero-inflated one.

    Args:
        locations, log_scales, times, events, where, weights, reduction: See `jaxloss.weibull_aft_nll`.

    Returns:
        A scalar in nats per subject; of either sign for an event, whose time has a density, and >= 0 if all are
        censored.

    Raises:
        TypeError: If ``locations`` is not floating or ``events`` is not boolean.
        ValueError: If the shapes differ.

    Example:
        >>> times, events = jnp.array([1.0, 2.0]), jnp.array([True, False])
        >>> jaxloss.log_normal_aft_nll(jnp.zeros(2), jnp.zeros(2), times, events, reduction="none")
        Array([0.9189385, 1.4101421], dtype=float32)

    Reference:
        Wei (1992), The Accelerated Failure Time Model: A Useful Alternative to the Cox Regression Model in Survival
        Analysis. https://doi.org/10.1002/sim.4780111409
        Barnwal, Cho and Hocking (2022), Survival Regression with Accelerated Failure Time Model in XGBoost.
        https://arxiv.org/abs/2006.04920
    """
    values = _aft_nll(_normal_density, negative_log_tail, locations, log_scales, times, events, where)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _normal_density(z: Array) -> Array:
    return 0.5 * (jnp.square(z) + LOG_2PI)


def log_logistic_aft_nll(
    locations: ArrayLike,
    log_scales: ArrayLike,
    times: ArrayLike,
    events: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-likelihood of a log-logistic accelerated failure time model, with censored times.

    .. math:: \ell = \delta \left( \log t + \log \sigma - z + 2 \log(1 + e^z) \right)
              + (1 - \delta) \log(1 + e^z), \qquad z = \frac{\log t - \mu}{\sigma}

    The logarithm of the time is logistic: the hazard may rise and fall again, tails are heavier than those of
    `jaxloss.log_normal_aft_nll`, and a few late events move the fit less. It is also a model of proportional odds.
    XGBoost calls this distribution ``logistic``.

    Args:
        locations, log_scales, times, events, where, weights, reduction: See `jaxloss.weibull_aft_nll`.

    Returns:
        A scalar in nats per subject; of either sign for an event, whose time has a density, and >= 0 if all are
        censored.

    Raises:
        TypeError: If ``locations`` is not floating or ``events`` is not boolean.
        ValueError: If the shapes differ.

    Example:
        >>> times, events = jnp.array([1.0, 2.0]), jnp.array([True, False])
        >>> jaxloss.log_logistic_aft_nll(jnp.zeros(2), jnp.zeros(2), times, events, reduction="none")
        Array([1.3862944, 1.0986123], dtype=float32)

    Reference:
        Wei (1992), The Accelerated Failure Time Model: A Useful Alternative to the Cox Regression Model in Survival
        Analysis. https://doi.org/10.1002/sim.4780111409
        Barnwal, Cho and Hocking (2022), Survival Regression with Accelerated Failure Time Model in XGBoost.
        https://arxiv.org/abs/2006.04920
    """
    values = _aft_nll(_logistic_density, softplus, locations, log_scales, times, events, where)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _logistic_density(z: Array) -> Array:
    return softplus(z) + softplus(-z)
