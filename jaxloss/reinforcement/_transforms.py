"""Invertible transforms that squash values of any size, so that one network can predict all of them."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import magnitude
from jaxloss._floor.reduction import promote
from jaxloss._floor.typing import Array, ArrayLike, Scalar

__all__ = ["signed_hyperbolic", "signed_parabolic", "symexp", "symlog"]


def _signed(fn: Callable[[Array], Array], x: Array) -> Array:
    """``sign(x) fn(|x|)``, with the slope of ``fn`` at 0, where that of JAX is the slope of the sign, 0."""
    negative = x < 0
    value = fn(jnp.where(negative, -x, x))
    return jnp.where(negative, -value, value)


def symlog(x: ArrayLike) -> Array:
    r"""Symmetric logarithm of Dreamer: linear near 0, logarithmic for large values of either sign.

    .. math:: \operatorname{symlog}(x) = \operatorname{sign}(x) \log(1 + |x|)

    rlax calls it ``signed_logp1``. Its inverse is `jaxloss.returns.symexp`; `jaxloss.symlog_squared_error` compares a
    prediction with it.

    Args:
        x: Any shape, floating.

    Returns:
        The shape of ``x``; float32, or float64 for float64 values. The slope is 1 at 0.

    Raises:
        TypeError: If ``x`` is not floating.

    Example:
        >>> jaxloss.returns.symlog(jnp.array([-1000.0, 0.0, 1.0]))
        Array([-6.9087553,  0.       ,  0.6931472], dtype=float32)

    Reference:
        Hafner, Pasukonis, Ba and Lillicrap (2023), Mastering Diverse Domains through World Models.
        https://arxiv.org/abs/2301.04104
    """
    (x,) = promote(*checks.floating(x=x))
    return _signed(jnp.log1p, x)


def symexp(x: ArrayLike) -> Array:
    r"""Symmetric exponential, the inverse of the symmetric logarithm.

    .. math:: \operatorname{symexp}(x) = \operatorname{sign}(x) (e^{|x|} - 1)

    Args:
        x: Any shape, floating.

    Returns:
        The shape of ``x``; float32, or float64 for float64 values. It overflows from 88 on in float32.

    Raises:
        TypeError: If ``x`` is not floating.

    Example:
        >>> jaxloss.returns.symexp(jnp.array([-6.0, 0.0, 0.5]))
        Array([-402.4288   ,    0.       ,    0.6487213], dtype=float32)

    Reference:
        Hafner, Pasukonis, Ba and Lillicrap (2023), Mastering Diverse Domains through World Models.
        https://arxiv.org/abs/2301.04104
    """
    (x,) = promote(*checks.floating(x=x))
    return _signed(jnp.expm1, x)


def signed_hyperbolic(x: ArrayLike, *, linear_weight: Scalar = 1e-3) -> Array:
    r"""Signed square root of R2D2 and MuZero, which squashes rewards and values of any size.

    .. math:: h(x) = \operatorname{sign}(x) \left( \sqrt{|x| + 1} - 1 \right) + \epsilon x

    MuZero predicts the transformed number by classification: `jaxloss.two_hot_cross_entropy` of
    ``signed_hyperbolic(targets)`` with the atoms ``jnp.linspace(-300, 300, 601)``. `jaxloss.returns.signed_parabolic`
    is the inverse. A network that predicts values in this form by regression has as targets the transform of returns
    of its inverse, ``signed_hyperbolic(lambda_returns(r_t, discount_t, signed_parabolic(v_t)))``, with any of the
    returns here: rlax's ``transformed_`` functions.

    Args:
        x: Any shape, floating.
        linear_weight: Factor :math:`\epsilon` of the linear term, in [0, 1]. It bounds the slope of the inverse.

    Returns:
        The shape of ``x``; float32, or float64 for float64 values. The slope is :math:`1/2 + \epsilon` at 0.

    Raises:
        TypeError: If ``x`` is not floating.
        ValueError: If ``linear_weight`` is out of range.

    Example:
        >>> jaxloss.returns.signed_hyperbolic(jnp.array([-99.0, 0.0, 3.0]))
        Array([-9.099,  0.   ,  1.003], dtype=float32)

    Reference:
        Pohlen et al. (2018), Observe and Look Further: Achieving Consistent Performance on Atari.
        https://arxiv.org/abs/1805.11593
    """
    (x,) = promote(*checks.floating(x=x))
    slope = checks.scalar("linear_weight", linear_weight, x.dtype, at_least=0, at_most=1)
    # The root less 1, without its cancellation near 0.
    return x / (jnp.sqrt(magnitude(x) + 1) + 1) + slope * x


def signed_parabolic(x: ArrayLike, *, linear_weight: Scalar = 1e-3) -> Array:
    r"""Signed square of R2D2 and MuZero, the inverse of their signed square root.

    .. math:: h^{-1}(x) = \operatorname{sign}(x) \left( \left(
              \frac{\sqrt{1 + 4 \epsilon (|x| + 1 + \epsilon)} - 1}{2 \epsilon} \right)^2 - 1 \right)

    It is computed in a form without the cancellation of this one, which loses half the digits of float32.

    Args:
        x: Any shape, floating.
        linear_weight: The :math:`\epsilon` of `jaxloss.returns.signed_hyperbolic`, in [0, 1].

    Returns:
        The shape of ``x``; float32, or float64 for float64 values.

    Raises:
        TypeError: If ``x`` is not floating.
        ValueError: If ``linear_weight`` is out of range.

    Example:
        >>> jaxloss.returns.signed_parabolic(jnp.array([-1.003, 0.0, 1.003]))
        Array([-3.,  0.,  3.], dtype=float32)

    Reference:
        Pohlen et al. (2018), Observe and Look Further: Achieving Consistent Performance on Atari.
        https://arxiv.org/abs/1805.11593
    """
    (x,) = promote(*checks.floating(x=x))
    slope = checks.scalar("linear_weight", linear_weight, x.dtype, at_least=0, at_most=1)
    root = 2 * jnp.sqrt(0.25 + slope * (magnitude(x) + (1 + slope)))
    half = 2 * x / (root + (1 + 2 * slope))
    return half * (2 + magnitude(half))
