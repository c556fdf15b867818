"""`jaxloss._floor.maths.special.bessel` against mpmath, at both ends and where the two series meet."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss._floor.maths.special.bessel import (
    bessel_remainder,
    cosine_variance,
    log_scaled_bessel,
    resultant,
    resultant_rest,
)

PLACES = np.concatenate([np.geomspace(1e-6, 4.9, 20), np.linspace(4.8, 5.2, 9), np.geomspace(5, 1e8, 20)])


def exact(x: float) -> tuple[float, ...]:
    """The logarithm, its slope from either end, the scaled curvature and the remainder, with 60 digits."""
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(60):
        x = mpmath.mpf(float(x))
        i0, i1 = mpmath.besseli(0, x), mpmath.besseli(1, x)
        logarithm, slope = mpmath.log(i0) - x, i1 / i0
        curvature = 1 - slope / x - slope**2
        remainder = logarithm + mpmath.log(1 + 2 * x) / 2
        return tuple(map(float, (logarithm, slope, 1 - slope, curvature * (1 + x) ** 2, remainder)))


@pytest.mark.parametrize(("dtype", "ulps"), [(np.float32, 12), (np.float64, 8)])
def test_every_function_keeps_its_digits(dtype: type, ulps: int) -> None:
    x = PLACES.astype(dtype)
    expected = np.array([exact(v) for v in x]).T
    functions = log_scaled_bessel, resultant, resultant_rest, cosine_variance, bessel_remainder
    with jax.enable_x64(True):
        for fn, values in zip(functions, expected, strict=True):
            tolerance = ulps * np.finfo(dtype).eps
            floor = 1.0 if fn is bessel_remainder else 0.0  # its parts are of that size
            np.testing.assert_allclose(fn(jnp.asarray(x)), values, rtol=tolerance, atol=floor * tolerance)


def test_slopes_are_those_functions() -> None:
    x = PLACES
    expected = np.array([exact(v) for v in x]).T
    with jax.enable_x64(True):
        slope = jax.vmap(jax.grad(log_scaled_bessel))(jnp.asarray(x))
        np.testing.assert_allclose(slope, -expected[2], rtol=1e-14)
        for fn, sign in ((resultant, 1), (resultant_rest, -1)):
            curvature = jax.vmap(jax.grad(fn))(jnp.asarray(x))
            np.testing.assert_allclose(curvature, sign * expected[3] / (1 + x) ** 2, rtol=1e-13)
        step = 1e-4
        third = (cosine_variance(x * (1 + step)) - cosine_variance(x * (1 - step))) / (2 * step * x)
        np.testing.assert_allclose(jax.vmap(jax.grad(cosine_variance))(jnp.asarray(x)), third, rtol=1e-4, atol=1e-9)


def test_the_ends_are_exact() -> None:
    zero = jnp.zeros(())
    values = [fn(zero) for fn in (log_scaled_bessel, resultant, resultant_rest, cosine_variance, bessel_remainder)]
    assert values == [0, 0, 1, 0.5, 0]
    huge = jnp.float32(1e30)
    np.testing.assert_allclose(log_scaled_bessel(huge), -0.5 * np.log(2 * np.pi * 1e30), rtol=1e-6)
    np.testing.assert_allclose([cosine_variance(huge), resultant(huge)], [0.5, 1], rtol=1e-6)
