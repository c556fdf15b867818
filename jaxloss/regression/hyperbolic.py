"""Absolute errors with the kink rounded off by a smooth curve, a hyperbola or a logarithm of one."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.log_ratios import gap
from jaxloss._floor.maths.logarithms import log1p_near
from jaxloss._floor.maths.numerics import binary_scale_of, difference
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = [
    "charbonnier_loss",
    "fair_loss",
    "log_cosh",
    "pseudo_huber_loss",
]

# Beyond this many scales sqrt(1 + u**2) is |u| in float64 too; up to it u**2 is far from the top of float32.
_FAR = 1e9


def _arc(residual: Array, scale: Scalar) -> tuple[Array, Array, Array, Array]:
    """Which residuals are far, the others (0 for far), these in units of scale: ``u``, and ``sqrt(1 + u**2)``."""
    far = jnp.abs(residual) > _FAR * scale
    near = jnp.where(far, 0.0, residual)
    ratio = near / scale
    return far, near, ratio, jnp.sqrt(1 + jnp.square(ratio))


@jax.custom_jvp
def _pseudo_huber(residual: Array, delta: Array) -> Array:
    far, near, ratio, arc = _arc(residual, delta)
    return jnp.where(far, delta * (jnp.abs(residual) - delta), delta * (near * (ratio / (1 + arc))))


@_pseudo_huber.defjvp
def _pseudo_huber_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (residual, delta), (dr, dd) = primals, tangents
    far, _, ratio, arc = _arc(residual, delta)
    slope = delta * jnp.where(far, jnp.sign(residual), ratio / arc)
    rise = ratio * (ratio / (1 + arc))
    slope_in_delta = jnp.where(far, jnp.abs(residual) - 2 * delta, delta * (rise * (rise / arc)))
    return _pseudo_huber(residual, delta), slope * dr + slope_in_delta * dd


@jax.custom_jvp
def _log_cosh(x: Array) -> Array:
    """``log1p(cosh x - 1)`` by the Taylor series up to 1, and ``|x| - log 2 + log1p(exp(-2 |x|))`` beyond.

    Neither cancels where it is used. The selection is the last step, so that XLA on CPU computes all in one loop.
    """
    size = jnp.where(x >= 0, x, -x)
    near = size <= 1
    square = jnp.square(jnp.where(near, size, 0.0))
    series = jnp.ones_like(square)
    for n in range(18 if x.dtype == jnp.float64 else 10, 2, -2):
        series = 1 + square * series * (1 / (n * (n - 1)))
    logarithm = log1p_near(jnp.where(near, 0.5 * square * series, jnp.exp(-2 * size)))
    return jnp.where(near, logarithm, (size - math.log(2.0)) + logarithm)


_log_cosh.defjvps(lambda tangent, _, x: tangent * jnp.tanh(x))


@jax.custom_jvp
def _charbonnier(residual: Array, epsilon: Array) -> Array:
    """``sqrt(residual**2 + epsilon**2)``, in a power of two near ``epsilon``, by which one multiplies exactly."""
    far, unit = _FAR * epsilon, binary_scale_of(epsilon[None])[0]
    near = jnp.clip(residual, -far, far) * (1 / unit)
    root = unit * jnp.sqrt(jnp.square(near) + jnp.square(epsilon * (1 / unit)))
    return jnp.where(jnp.abs(residual) > far, jnp.abs(residual), root)


@_charbonnier.defjvp
def _charbonnier_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (residual, epsilon), (dr, de) = primals, tangents
    value, far = _charbonnier(residual, epsilon), _FAR * epsilon
    # From the value, which is stored for the mean anyway; an infinite residual has a slope of 1.
    slope = jnp.clip(residual, -far, far) / jnp.minimum(value, far)
    slope_in_epsilon = jnp.where(value > far, 0.0, epsilon / value)
    return value, slope * dr + slope_in_epsilon * de


def pseudo_huber_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    delta: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Pseudo-Huber loss: a smooth approximation of the Huber loss, a hyperbola in the residual :math:`r`.

    .. math:: \ell(r) = \delta^2 \left( \sqrt{1 + (r / \delta)^2} - 1 \right)

    Near 0 it is :math:`r^2 / 2`, far away :math:`\delta |r| - \delta^2`. Divided by :math:`\delta^2` it is
    `barron_loss` with ``alpha=1, scale=delta``.

    Args:
        predictions: Shape ``[...]``, floating.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        delta: Residual around which the loss turns linear, in units of ``targets``; > 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of ``targets``; 0 exactly at a perfect fit.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ, or ``delta`` is not positive.

    Example:
        >>> jaxloss.pseudo_huber_loss(jnp.array([0.0, 0.75]), jnp.zeros(2), reduction="none")
        Array([0.  , 0.25], dtype=float32)

    Reference:
        Charbonnier, Blanc-Feraud, Aubert and Barlaud (1994), Two deterministic half-quadratic regularization
        algorithms for computed imaging. https://doi.org/10.1109/ICIP.1994.413553
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank(where, predictions, targets)
    delta = checks.scalar("delta", delta, predictions.dtype, above=0)
    values = _pseudo_huber(predictions - targets, jnp.asarray(delta, predictions.dtype))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def charbonnier_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    epsilon: Scalar = 1e-3,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Charbonnier loss: a smooth absolute error, common in image restoration.

    .. math:: \ell(r) = \sqrt{r^2 + \epsilon^2}

    The minimum is :math:`\epsilon`, not 0. Other functions of this name differ: Kornia's is
    :math:`\sqrt{1 + r^2} - 1`, here `pseudo_huber_loss`; BasicSR's ``eps`` is the square of ``epsilon``.

    Args:
        predictions: Shape ``[...]``, floating.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        epsilon: Where the loss turns linear, in units of ``targets``; its square is added to the squared residual; > 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= ``epsilon``, in units of ``targets``; ``epsilon`` exactly at a perfect fit.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ, or ``epsilon`` is not positive.

    Example:
        >>> jaxloss.charbonnier_loss(jnp.array([0.0, 4.0]), jnp.zeros(2), epsilon=3.0, reduction="none")
        Array([3., 5.], dtype=float32)

    Reference:
        Lai, Huang, Ahuja and Yang (2017), Deep Laplacian Pyramid Networks for Fast and Accurate Super-Resolution.
        https://arxiv.org/abs/1704.03915
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank(where, predictions, targets)
    epsilon = checks.scalar("epsilon", epsilon, predictions.dtype, above=0)
    values = _charbonnier(predictions - targets, jnp.asarray(epsilon, predictions.dtype))
    return reduce(values, where=where, weights=weights, reduction=reduction)


@jax.custom_jvp
def _fair(residual: Array, scale: Array) -> Array:
    ratio = jnp.abs(residual) / scale
    return scale * (scale * gap(1 + ratio, jnp.ones_like(ratio), ratio))


@_fair.defjvp
def _fair_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (residual, scale), (dr, ds) = primals, tangents
    size, one = jnp.abs(residual), jnp.ones_like(residual)
    ratio = size / scale
    slope = scale * (residual / (scale + size))
    rise = scale * (gap(1 + ratio, one, ratio) - gap(one, 1 + ratio, -ratio))
    return _fair(residual, scale), slope * dr + rise * ds


def fair_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    scale: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Fair's robust loss: quadratic near 0, and an absolute error minus its logarithm far away.

    .. math:: \ell(r) = c^2 \left( \frac{|r|}{c} - \log \Big( 1 + \frac{|r|}{c} \Big) \right)

    Near 0 it is :math:`r^2 / 2`; its slope :math:`c \, r / (c + |r|)` approaches its limit more slowly than that of
    `jaxloss.huber_loss`, and the loss is strictly convex. It is the objective ``fair`` of LightGBM, whose ``fair_c`` is
    ``scale``.

    Args:
        predictions: Shape ``[...]``, floating.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        scale: The :math:`c` of the formula, in units of ``targets``, where the slope is half of its limit; > 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of ``targets``; 0 exactly at a perfect fit.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ, or ``scale`` is not positive.

    Example:
        >>> values = jaxloss.fair_loss(jnp.array([0.0, 1.0, 9.0]), jnp.zeros(3), reduction="none")
        >>> print([f"{x:.4f}" for x in values])
        ['0.0000', '0.3069', '6.6974']

    Reference:
        Zhang (1997), Parameter Estimation Techniques: A Tutorial with Application to Conic Fitting.
        https://doi.org/10.1016/S0262-8856(96)01112-2
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank(where, predictions, targets)
    scale = checks.scalar("scale", scale, predictions.dtype, above=0)
    values = _fair(difference(predictions, targets), jnp.asarray(scale, predictions.dtype))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def log_cosh(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Log-cosh loss: logarithm of the hyperbolic cosine of the residual :math:`r`; its gradient is ``tanh(r)``.

    .. math:: \ell(r) = \log \cosh r

    Near 0 it is :math:`r^2 / 2`, far away :math:`|r| - \log 2`. It has no scale: divide the data by one.

    Args:
        predictions: Shape ``[...]``, floating.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly at a perfect fit.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> small, large = jaxloss.log_cosh(jnp.array([1e-4, 1e4]), jnp.zeros(2), reduction="none")
        >>> print(f"{small:.2e} {large:.2f}")
        5.00e-09 9999.31

    Reference:
        Chen, Chen and Zhang (2019), Log Hyperbolic Cosine Loss Improves Variational Auto-Encoder.
        https://openreview.net/forum?id=rkglvsC9Ym
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank(where, predictions, targets)
    values = _log_cosh(predictions - targets)
    return reduce(values, where=where, weights=weights, reduction=reduction)
