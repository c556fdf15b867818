"""Redescending losses: the farther an outlier, the weaker its pull."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.errors import apart_on_cpu
from jaxloss._floor.maths.logarithms import log1p_near
from jaxloss._floor.maths.numerics import magnitude
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = [
    "cauchy_loss",
    "geman_mcclure_loss",
    "tukey_biweight_loss",
    "welsch_loss",
]

# Each profile is a function of u = r / scale with its slope written out: a derivative taken through the formula
# of the value would be a difference of near equals at the outliers.


def standardize(residual: Array, scale: Scalar) -> Array:
    """``residual / scale``, kept finite: beyond the largest number the losses here and their slopes are constant."""
    largest = float(jnp.finfo(residual.dtype).max)
    return jnp.clip(residual / scale, -largest, largest)


@jax.custom_jvp
def _geman_mcclure(u: Array) -> Array:
    # For larger squares the quotient rounds to 1, and infinity over infinity would be NaN.
    whole, most = jnp.square(0.5 * u), 8 / float(jnp.finfo(u.dtype).eps)
    square = jnp.minimum(whole, most)
    return jnp.where(whole > most, 2.0, 2 * (square / (1 + square)))


@_geman_mcclure.defjvp
def _geman_mcclure_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (u,), (tangent,) = primals, tangents
    share = 1 / (1 + jnp.square(0.5 * u))
    return _geman_mcclure(u), tangent * (u * share * share)


@jax.custom_jvp
def _welsch(u: Array) -> Array:
    return -jnp.expm1(-0.5 * jnp.square(u))


_welsch.defjvps(lambda tangent, _, u: tangent * (u * jnp.exp(-0.5 * jnp.square(u))))


@jax.custom_jvp
def _tukey(u: Array) -> Array:
    """``(1 - (1 - u**2)**3) / 6`` for ``u`` in [-1, 1]."""
    square = jnp.square(u)
    return square * (3 - square * (3 - square)) / 6


_tukey.defjvps(lambda tangent, _, u: tangent * (u * jnp.square((1 - u) * (1 + u))))


def _steps(residual: Array, scale: Array) -> tuple[Array, Array]:
    """Which residuals are so far that the 1 is lost in the sum, and the others in units of scale, 0 for far ones."""
    far = jnp.abs(residual) > 1e9 * scale
    return far, jnp.where(far, 0.0, residual) / scale


def _cauchy_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    residual, scale = apart_on_cpu(*primals)
    far, steps = _steps(residual, scale)
    slope = jnp.where(far, 2.0, steps / scale) / jnp.where(far, residual, 1 + 0.5 * jnp.square(steps))
    slope_in_scale = jnp.where(far, -2 / scale, -steps * slope)
    return _cauchy(*primals), slope * tangents[0] + slope_in_scale * tangents[1]


@with_rule(_cauchy_jvp)
def _cauchy(residual: Array, scale: Array) -> Array:
    """``log(1 + (residual / scale)**2 / 2)``, also where the square overflows; one logarithm, and a series near 0."""
    far, steps = _steps(residual, scale)
    square = 0.5 * jnp.square(steps)
    near = ~far & (square <= 1)
    logarithm = jnp.log(jnp.where(far, magnitude(residual), 1 + square))
    beyond = jnp.where(far, 2 * (logarithm - jnp.log(scale)) - math.log(2.0), logarithm)
    return jnp.where(near, log1p_near(jnp.where(near, square, 0.0)), beyond)


def cauchy_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    scale: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Cauchy (Lorentzian) loss: logarithmic in large residuals :math:`r`.

    .. math:: \ell(r) = \log\left( 1 + \tfrac12 (r / c)^2 \right)

    It is the likelihood of Student's distribution at low degrees of freedom, and `barron_loss` with ``alpha=0``. The
    pull of a point peaks at :math:`\sqrt2 c` and then falls like :math:`2 / r`.

    Args:
        predictions: Shape ``[...]``, floating.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        scale: Residual at which a point begins to count as an outlier, in units of ``targets``; > 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, dimensionless; 0 exactly at a perfect fit; unbounded above.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ, or ``scale`` is not positive.

    Example:
        >>> loss = jaxloss.cauchy_loss(jnp.array([1.0, 100.0]), jnp.zeros(2))
        >>> print(f"{loss:.4f}")
        4.4614

    Reference:
        Black and Anandan (1996), The Robust Estimation of Multiple Motions: Parametric and Piecewise-Smooth Flow
        Fields. https://doi.org/10.1006/cviu.1996.0006
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank(where, predictions, targets)
    scale = checks.scalar("scale", scale, predictions.dtype, above=0)
    values = _cauchy(predictions - targets, jnp.asarray(scale, predictions.dtype))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def geman_mcclure_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    scale: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Geman-McClure loss: a rational function of the residual :math:`r`, bounded by 2.

    .. math:: \ell(r) = \frac{2 (r / c)^2}{(r / c)^2 + 4}

    `barron_loss` with ``alpha=-2``, which near 0 is :math:`(r / c)^2 / 2`. The textbook form
    :math:`r^2 / (1 + r^2)` is half of it with ``scale=0.5``.

    Args:
        predictions: Shape ``[...]``, floating.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        scale: Residual at which a point begins to count as an outlier, in units of ``targets``; > 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in [0, 2], dimensionless; 0 exactly at a perfect fit.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ, or ``scale`` is not positive.

    Example:
        >>> jaxloss.geman_mcclure_loss(jnp.array([1.0, 1e30]), jnp.zeros(2), reduction="none")
        Array([0.4, 2. ], dtype=float32)

    Reference:
        Barron (2019), A General and Adaptive Robust Loss Function, after Geman and McClure (1985).
        https://arxiv.org/abs/1701.03077
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank(where, predictions, targets)
    scale = checks.scalar("scale", scale, predictions.dtype, above=0)
    values = _geman_mcclure(standardize(predictions - targets, scale))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def welsch_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    scale: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Welsch (correntropy) loss: one minus a Gaussian of the residual :math:`r`, bounded by 1.

    .. math:: \ell(r) = 1 - \exp\left( -\tfrac12 (r / c)^2 \right)

    Also called the Leclerc loss or (negative) correntropy; `barron_loss` with ``alpha=-jnp.inf``. Far outliers have a
    gradient of 0.

    Args:
        predictions: Shape ``[...]``, floating.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        scale: Residual at which a point begins to count as an outlier, in units of ``targets``; > 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in [0, 1], dimensionless; 0 exactly at a perfect fit.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ, or ``scale`` is not positive.

    Example:
        >>> loss = jaxloss.welsch_loss(jnp.array([1.0, 1e30]), jnp.zeros(2))
        >>> print(f"{loss:.4f}")
        0.6967

    Reference:
        Dennis and Welsch (1978), Techniques for nonlinear least squares and robust regression.
        https://doi.org/10.1080/03610917808812083
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank(where, predictions, targets)
    scale = checks.scalar("scale", scale, predictions.dtype, above=0)
    values = _welsch(standardize(predictions - targets, scale))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def tukey_biweight_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    scale: Scalar = 4.685,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Tukey's biweight loss: a polynomial of the residual :math:`r`, constant beyond :math:`c`.

    .. math:: \ell(r) = \frac{c^2}{6} \begin{cases} 1 - \left( 1 - (r / c)^2 \right)^3 & |r| \le c \\
              1 & |r| > c \end{cases}

    Points beyond :math:`c` have no gradient at all: start from a fit that leaves few of them there. The default
    of 4.685 standard deviations of the noise has 95 % efficiency for Gaussian noise.

    Args:
        predictions: Shape ``[...]``, floating.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        scale: Residual :math:`c` from which on points are ignored, in units of ``targets``; > 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in [0, ``scale**2 / 6``], in squared units of ``targets``; 0 exactly at a perfect fit.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ, or ``scale`` is not positive.

    Example:
        >>> jaxloss.tukey_biweight_loss(jnp.array([0.0, 3.0, 9.0]), jnp.zeros(3), scale=3.0, reduction="none")
        Array([0. , 1.5, 1.5], dtype=float32)

    Reference:
        Beaton and Tukey (1974), The Fitting of Power Series, Meaning Polynomials, Illustrated on Band-Spectroscopic
        Data. https://doi.org/10.1080/00401706.1974.10489171
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank(where, predictions, targets)
    scale = checks.scalar("scale", scale, predictions.dtype, above=0)
    values = scale * (scale * _tukey(jnp.clip((predictions - targets) / scale, -1, 1)))
    return reduce(values, where=where, weights=weights, reduction=reduction)
