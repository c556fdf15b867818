"""Continuous ranked probability scores, in closed form, of symmetric distributions with heavier tails than the normal.

Each is the scale times a function of the standardised error, and so homogeneous of degree 1 in error and scale: it is
made of its own two slopes (Euler), which are bounded. That function far out is the error itself.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import magnitude, quotient, softplus
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["laplace_crps", "logistic_crps"]

FAR = 800.0
"""Standardised errors from which on ``z * exp(-z)`` is 0 in float64."""


def laplace_crps(
    locations: ArrayLike,
    scales: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Continuous ranked probability score (CRPS) of a Laplace distribution, in closed form.

    .. math:: \ell = b \left( |z| + e^{-|z|} - \tfrac34 \right), \qquad z = \frac{y - \mu}{b}

    The score for forecasts with the likelihood of `jaxloss.laplace_nll`: in the units of the data, smooth where they
    hit the target.

    Args:
        locations: Shape ``[...]``, floating, the medians :math:`\mu`.
        scales: Shape ``[...]``, the same; the mean absolute deviations :math:`b`; > 0, NaN otherwise.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar > 0, in units of ``targets``; at least :math:`b / 4`.

    Raises:
        TypeError: If ``locations`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> values = jaxloss.laplace_crps(jnp.zeros(2), jnp.ones(2), jnp.array([0.0, 2.0]), reduction="none")
        >>> print([f"{x:.4f}" for x in values])
        ['0.2500', '1.3853']

    Reference:
        Jordan, Krüger and Lerch (2019), Evaluating Probabilistic Forecasts with scoringRules.
        https://doi.org/10.18637/jss.v090.i12
    """
    values = _score(_laplace, where, locations, scales, targets)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def logistic_crps(
    locations: ArrayLike,
    scales: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Continuous ranked probability score (CRPS) of a logistic distribution, in closed form.

    .. math:: \ell = s \left( z - 2 \log \sigma(z) - 1 \right), \qquad z = \frac{y - \mu}{s}

    Used for wind speeds and temperatures, whose errors have somewhat heavier tails than a normal distribution. The
    standard deviation is :math:`\pi s / \sqrt 3`.

    Args:
        locations: Shape ``[...]``, floating, the means :math:`\mu`.
        scales: Shape ``[...]``, the same; :math:`s` > 0, NaN otherwise. It is not the standard deviation.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar > 0, in units of ``targets``; at least 0.3862 :math:`s`.

    Raises:
        TypeError: If ``locations`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> values = jaxloss.logistic_crps(jnp.zeros(2), jnp.ones(2), jnp.array([0.0, 2.0]), reduction="none")
        >>> print([f"{x:.4f}" for x in values])
        ['0.3863', '1.2539']

    Reference:
        Jordan, Krüger and Lerch (2019), Evaluating Probabilistic Forecasts with scoringRules.
        https://doi.org/10.18637/jss.v090.i12
    """
    values = _score(_logistic, where, locations, scales, targets)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _score(
    homogeneous: Callable[[Array, Array], Array],
    where: ArrayLike | None,
    locations: ArrayLike,
    scales: ArrayLike,
    targets: ArrayLike,
) -> Array:
    locations, scales, targets = checks.values(locations=locations, scales=scales, targets=targets)
    locations, scales, targets = blank(where, locations, scales, targets, fill=1)
    return value_checks.within_domain(homogeneous(targets - locations, scales), scales > 0, "scales must be > 0")


def _from_slopes(slopes: Callable[[Array], tuple[Array, Array]]) -> Callable[[Array, Array], Array]:
    """The function of error and scale that has these ``slopes`` in the two, which depend on their quotient."""

    @jax.custom_jvp
    def homogeneous(error: Array, scale: Array) -> Array:
        by_error, by_scale = slopes(quotient(error, scale))
        return error * by_error + scale * by_scale

    @homogeneous.defjvp
    def rule(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
        by_error, by_scale = slopes(quotient(*primals))
        return homogeneous(*primals), by_error * tangents[0] + by_scale * tangents[1]

    return homogeneous


@_from_slopes
def _laplace(z: Array) -> tuple[Array, Array]:
    above, below = (jnp.where(side, z, jnp.zeros((), z.dtype)) for side in (z >= 0, z < 0))
    size = jnp.minimum(magnitude(z), FAR)
    return jnp.expm1(below) - jnp.expm1(-above), jnp.exp(-size) * (1 + size) - 0.75


@_from_slopes
def _logistic(z: Array) -> tuple[Array, Array]:
    size = jnp.minimum(magnitude(z), FAR)
    return jnp.tanh(0.5 * z), 2 * (size * jax.nn.sigmoid(-size) + softplus(-size)) - 1
