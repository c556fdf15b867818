"""Barron's general robust loss: one shape parameter from squared error to losses that ignore outliers."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from jaxloss._floor import checks
from jaxloss._floor.maths.errors import apart_on_cpu, blank_narrow, read_again
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.reduction import promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.regression.redescending import standardize

__all__ = ["barron_loss"]

# The notation of the helpers: u = residual / scale, b = |alpha - 2|, s = sign(alpha - 2), k = alpha / b,
# z = u**2 / b and m = b log(1 + z), so that
#     (1 + z)**(alpha / 2) = exp(k m / 2)  and  (1 + z)**(alpha / 2 - 1) = exp(s m / 2).
# As b grows, m tends to u**2 and k to s: that is all there is to an infinite alpha.


def barron_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    alpha: Scalar = 1.0,
    scale: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Barron's general robust loss of the residual :math:`r`; a smaller ``alpha`` gives outliers less influence.

    .. math:: \ell(r) = \frac{|\alpha - 2|}{\alpha}
              \left( \left( \frac{(r / c)^2}{|\alpha - 2|} + 1 \right)^{\alpha / 2} - 1 \right)

    All members are :math:`(r / c)^2 / 2` near 0. By continuity ``alpha`` of 2 is half the squared error, 1 is
    `pseudo_huber_loss` over ``scale**2``, 0 is `cauchy_loss`, -2 is `geman_mcclure_loss` and ``-jnp.inf`` is
    `welsch_loss`; ``jnp.inf`` is :math:`\exp((r / c)^2 / 2) - 1`. The loss is convex in the residual for
    ``alpha >= 1``.

    ``alpha`` and ``scale`` may be traced, learned too, but this is not a likelihood: minimised over them without their
    normaliser, the loss prefers to ignore every point. The derivative in ``alpha`` is finite and continuous except at
    ``alpha`` of 2, where it grows like :math:`\tfrac14 (r/c)^2 \log(1 / |\alpha - 2|)`; there it is the one at the
    nearest number of the dtype.

    Args:
        predictions: Shape ``[...]``, floating.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        alpha: Shape parameter; any number, infinities included.
        scale: Residual :math:`c` at which a point begins to count as an outlier, in units of ``targets``; > 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, dimensionless; 0 exactly at a perfect fit.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ, ``alpha`` is NaN, or ``scale`` is not positive.

    Example:
        >>> loss = jaxloss.barron_loss(jnp.array([1.0, 100.0]), jnp.zeros(2), alpha=-2.0)
        >>> print(f"{loss:.4f}")
        1.1996

    Reference:
        Barron (2019), A General and Adaptive Robust Loss Function.
        https://arxiv.org/abs/1701.03077
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank_narrow(where, predictions, targets)
    dtype = promote(predictions, targets)[0].dtype
    alpha = checks.scalar("alpha", alpha, dtype)
    scale = jnp.asarray(checks.scalar("scale", scale, dtype, above=0), dtype)
    if isinstance(alpha, float) and alpha == 1:
        values = _hyperbola(predictions, targets, scale)
    else:
        predictions, targets = promote(predictions, targets)
        values = _barron(predictions - targets, scale, jnp.asarray(alpha, dtype))
    return reduce(values, where=where, weights=weights, reduction=reduction)


# Beyond this many scales sqrt(1 + u**2) - 1 is |u| in float64 too; its square is far from the top of float32.
_FAR = 1e18


def _hyperbola_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    (x, y), (x_dot, y_dot) = promote(*map(read_again, primals[:2])), promote(*tangents[:2])
    one, far, scale = apart_on_cpu(jnp.ones((), x.dtype), jnp.asarray(_FAR, x.dtype), primals[2])
    back = standardize(y - x, scale)
    near = jnp.clip(back, -far, far)
    slope = near / jnp.sqrt(one + jnp.square(near)) / scale
    return _hyperbola(*primals), slope * (y_dot - x_dot - back * tangents[2])


@with_rule(_hyperbola_jvp)
def _hyperbola(x: Array, y: Array, scale: Array) -> Array:
    """`_barron` at an alpha of 1, where it is known when the program is built: a root, and no selection.

    The minimum may lose a NaN; the factor in front does not.
    """
    x, y = promote(x, y)
    size = jnp.abs(x - y) / scale
    near = jnp.minimum(size, _FAR)
    return size * (near / (1 + jnp.sqrt(1 + jnp.square(near))))


def _shape(alpha: Array) -> tuple[Array, Array, Array]:
    """``(b, s, k)``; a ``b`` of 0 is raised to the distance of the next number, which changes only d/d alpha."""
    infinite = jnp.isinf(alpha)
    finite = jnp.where(infinite, 0.0, alpha)
    gap = jnp.maximum(jnp.abs(finite - 2), float(jnp.finfo(alpha.dtype).eps))
    sign = jnp.sign(alpha - 2)
    return jnp.where(infinite, jnp.inf, gap), sign, jnp.where(infinite, sign, finite / gap)


def _spread(residual: Array, scale: Array, gap: Array) -> tuple[Array, Array, Array, Array]:
    """``(u, z, log(1 + z), z / (1 + z))``, the last two also where ``z`` overflows."""
    u = standardize(residual, scale)
    z = u * (u / gap)
    far = z > 1e18
    near = jnp.where(far, 0.0, z)
    distance = jnp.where(far, jnp.abs(residual), 1.0)
    high = 2 * (jnp.log(distance) - jnp.log(scale)) - jnp.log(jnp.where(jnp.isinf(gap), 1.0, gap))
    return u, z, jnp.where(far, high, jnp.log1p(near)), jnp.where(far, 1.0, near / (1 + near))


@jax.custom_jvp
def _mass(residual: Array, scale: Array, gap: Array) -> Array:
    """``m``, between ``b log(1 / b)`` for small ``b`` and ``u**2`` for large ``b``."""
    u, z, spread, _ = _spread(residual, scale, gap)
    return jnp.where(z < 1e-17, jnp.square(u), jnp.where(jnp.isinf(gap), 1.0, gap) * spread)


@_mass.defjvp
def _mass_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    (residual, scale, gap), (dr, dc, db) = primals, tangents
    u, z, spread, share = _spread(residual, scale, gap)
    along = 2 * (u / (1 + z)) / scale
    return _mass(residual, scale, gap), along * (dr - u * dc) + (spread - share) * db


def _expm1_quotient(x: Array) -> Array:
    """``(exp(x) - 1) / x``, and 1 at 0."""
    near = jnp.abs(x) < 1e-8
    safe = jnp.where(near, 1.0, x)
    return jnp.where(near, 1 + 0.5 * x, jnp.expm1(safe) / safe)


@jax.custom_jvp
def _barron(residual: Array, scale: Array, alpha: Array) -> Array:
    """Below an alpha of 1 the formula as it is, near 0 its limit; above, split in two terms that survive ``b = 0``."""
    gap, sign, k = _shape(alpha)
    mass = _mass(residual, scale, gap)
    x = 0.5 * k * mass
    near = jnp.abs(x) < 1e-8
    low = jnp.where(near, 0.5 * mass * (1 + 0.5 * x), jnp.expm1(x) / jnp.where(near, 1.0, k))
    pull = standardize(residual, scale) * jnp.exp(0.25 * sign * mass)
    high = jnp.square(pull) / jnp.where(alpha < 1, 1.0, alpha)
    high += jnp.expm1(0.5 * sign * mass) / jnp.where(alpha < 1, 1.0, k)
    return jnp.where(alpha < 1, low, high)


def _barron_jvp(primals: tuple[Array, ...], tangents: tuple[Array | SymbolicZero, ...]) -> tuple[Array, Array]:
    residual, scale, alpha = primals
    dr, dc, da = tangents
    gap, sign, _ = _shape(alpha)
    u = standardize(residual, scale)
    root = jnp.exp(0.25 * sign * _mass(residual, scale, gap))
    slope = (u * root) * root / scale
    value = _barron(residual, scale, alpha)
    tangent = jnp.zeros_like(value)
    if not isinstance(dr, SymbolicZero):
        tangent += slope * dr
    if not isinstance(dc, SymbolicZero):
        tangent -= u * slope * dc
    if not isinstance(da, SymbolicZero):
        tangent += _alpha_slope(residual, scale, alpha) * da
    return value, tangent


_barron.defjvp(_barron_jvp, symbolic_zeros=True)

# The Taylor coefficients of the derivative of (exp(x) - 1) / x, the highest first.
_EXPM1_QUOTIENT_SLOPE = tuple(1 / (math.factorial(n) * (n + 2)) for n in reversed(range(14)))


def _alpha_slope(residual: Array, scale: Array, alpha: Array) -> Array:
    """d/d alpha, by the two forms of the value."""
    gap, sign, k = _shape(alpha)
    u, z, spread, share = _spread(residual, scale, gap)
    mass = _mass(residual, scale, gap)
    excess = spread - share

    x = 0.5 * jnp.where(alpha < 1, k, 0.0) * mass
    near = jnp.abs(x) < 0.5
    series = jnp.polyval(jnp.asarray(_EXPM1_QUOTIENT_SLOPE, x.dtype), jnp.where(near, x, 0.0))
    closed = (jnp.exp(x) - _expm1_quotient(x)) / jnp.where(near, 1.0, 2 * k)
    bend = jnp.where(near, 0.25 * mass * series, closed)
    low = (spread + k * share) * bend - 0.5 * excess * _expm1_quotient(x)

    root = jnp.exp(0.25 * sign * mass)
    growth = jnp.square(u * root) * excess + jnp.square(root) * (mass - u * (u / (1 + z)))
    change = 0.5 * growth + sign * jnp.expm1(0.5 * sign * mass) - _barron(residual, scale, alpha)
    return jnp.where(alpha < 1, low, change / jnp.where(alpha < 1, 1.0, alpha))
