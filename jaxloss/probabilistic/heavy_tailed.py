"""Likelihoods of distributions with heavier tails than the Gaussian: residuals far out pull less."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import magnitude, quotient
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.probabilistic._student import student_t

__all__ = ["laplace_nll", "student_t_nll"]


def laplace_nll(
    locations: ArrayLike,
    scales: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-likelihood of a Laplace distribution with predicted location and scale.

    .. math:: \ell = \frac{|y - \mu|}{b} + \log 2 b

    Args:
        locations: Shape ``[...]``, floating, the medians :math:`\mu`.
        scales: Shape ``[...]``, the same; the mean absolute deviations :math:`b`; > 0, NaN otherwise.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in nats, of either sign; the slope in ``locations`` is 0 where they hit the target.

    Raises:
        TypeError: If ``locations`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.laplace_nll(jnp.array([0.0, 1.0]), jnp.array([0.5, 2.0]), jnp.array([0.0, 5.0]), reduction="none")
        Array([0.       , 3.3862944], dtype=float32)

    Reference:
        Bloesch et al. (2018), CodeSLAM: Learning a Compact, Optimisable Representation for Dense Visual SLAM.
        https://arxiv.org/abs/1804.00874
    """
    locations, scales, targets = checks.values(locations=locations, scales=scales, targets=targets)
    locations, scales, targets = blank(where, locations, scales, targets, fill=1)
    values = quotient(magnitude(targets - locations), scales) + (
        jnp.log(scales) + jnp.log(jnp.asarray(2, scales.dtype))
    )
    values = value_checks.within_domain(values, scales > 0, "scales must be > 0")
    return reduce(values, where=where, weights=weights, reduction=reduction)


def student_t_nll(
    degrees_of_freedom: ArrayLike,
    locations: ArrayLike,
    scales: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-likelihood of a Student t distribution with predicted degrees of freedom.

    .. math:: \ell = \log \Gamma(\tfrac{\nu}{2}) - \log \Gamma(\tfrac{\nu + 1}{2}) + \tfrac12 \log(\pi \nu \sigma^2)
              + \tfrac{\nu + 1}{2} \log \left( 1 + \tfrac{(y - \mu)^2}{\nu \sigma^2} \right)

    Value and gradient stay accurate in float32 for any :math:`\nu`, where the log-gamma functions of this
    formula would cancel; at :math:`\nu = \infty` the loss is the Gaussian one.

    Args:
        degrees_of_freedom: Shape ``[...]``, floating, :math:`\nu` > 0, NaN otherwise; 1 is the Cauchy distribution.
        locations: Shape ``[...]``, the same; the medians :math:`\mu`.
        scales: Shape ``[...]``, the same; :math:`\sigma` > 0, NaN otherwise. It is not the standard deviation,
            which is :math:`\sigma \sqrt{\nu / (\nu - 2)}`.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in nats, of either sign.

    Raises:
        TypeError: If ``degrees_of_freedom`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> zeros, ones = jnp.zeros(2), jnp.ones(2)
        >>> jaxloss.student_t_nll(jnp.array([1.0, 1e8]), zeros, ones, zeros, reduction="none")
        Array([1.1447299, 0.9189385], dtype=float32)

    Reference:
        Lange, Little and Taylor (1989), Robust Statistical Modeling Using the t Distribution.
        https://doi.org/10.1080/01621459.1989.10478852
    """
    degrees_of_freedom, locations, scales, targets = checks.values(
        degrees_of_freedom=degrees_of_freedom, locations=locations, scales=scales, targets=targets
    )
    degrees_of_freedom, locations, scales, targets = blank(
        where, degrees_of_freedom, locations, scales, targets, fill=1
    )
    values = student_t(0.5 * degrees_of_freedom, quotient(targets - locations, scales)) + jnp.log(scales)
    valid = (degrees_of_freedom > 0) & (scales > 0)
    values = value_checks.within_domain(values, valid, "degrees_of_freedom and scales must be > 0")
    return reduce(values, where=where, weights=weights, reduction=reduction)
