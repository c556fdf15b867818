"""Differences of the logarithm of the gamma function and of the digamma function against mpmath."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss._floor.maths.special.gamma_differences import (
    digamma_difference,
    digamma_half_step,
    digamma_shortfall,
    log_gamma_bregman,
)
from jaxloss._floor.maths.special.gamma_slopes import trigamma


def _pairs(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Near ones, up to the rounding of the dtype, and far ones, of either order."""
    rng, count = np.random.default_rng(0), 400
    a = np.exp(rng.uniform(-12, 14, count))
    near = a * (1 + rng.choice([-1, 1], count) * 10 ** rng.uniform(np.log10(np.finfo(dtype).eps), -0.1, count))
    far = np.exp(rng.uniform(-12, 14, count))
    return np.tile(a, 2).astype(dtype), np.concatenate([near, far]).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_they_keep_their_digits(dtype: str) -> None:
    mpmath = pytest.importorskip("mpmath")
    bregman = lambda a, b: mpmath.loggamma(b) - mpmath.loggamma(a) - mpmath.psi(0, a) * (b - a)
    rise = lambda a, b: mpmath.psi(0, b) - mpmath.psi(0, a)
    a, b = _pairs(dtype)
    with jax.enable_x64(True), mpmath.workdps(60):
        for fn, exact in ((log_gamma_bregman, bregman), (digamma_difference, rise)):
            found = jax.jit(lambda a, b, fn=fn: fn(a, b, b - a))(jnp.asarray(a), jnp.asarray(b))
            expected = [float(exact(*map(mpmath.mpf, pair))) for pair in zip(a.tolist(), b.tolist(), strict=True)]
            assert found.dtype == dtype
            np.testing.assert_allclose(found, expected, rtol=5 * float(np.finfo(dtype).eps))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_steps_of_a_half_and_to_the_logarithm_keep_their_digits(dtype: str) -> None:
    mpmath = pytest.importorskip("mpmath")
    half = lambda x: mpmath.psi(0, x + 0.5) - mpmath.psi(0, x) - 1 / (2 * x)
    shortfall = lambda inverse: -mpmath.log(inverse) - mpmath.psi(0, 1 / inverse)
    with jax.enable_x64(True), mpmath.workdps(60):
        x = jnp.asarray(np.geomspace(1e-5, 1e8, 200), dtype)
        for fn, exact, ulps in ((digamma_half_step, half, 4), (digamma_shortfall, shortfall, 4)):
            expected = [float(exact(mpmath.mpf(at))) for at in x.tolist()]
            np.testing.assert_allclose(jax.jit(fn)(x), expected, rtol=ulps * float(np.finfo(dtype).eps))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_slopes_of_the_difference_are_those_of_digamma(dtype: str) -> None:
    with jax.enable_x64(True):
        a, b = map(jnp.asarray, _pairs(dtype))
        rise = lambda a, b: jnp.sum(digamma_difference(a, b, b - a))
        for slopes, expected in zip(
            jax.jit(jax.grad(rise, argnums=(0, 1)))(a, b), (-trigamma(a), trigamma(b)), strict=True
        ):
            np.testing.assert_allclose(slopes, expected, rtol=9 * float(np.finfo(dtype).eps))


def test_at_the_ends() -> None:
    tiny, huge = 2.0**-120, 2.0**120
    a, b = jnp.array([tiny, huge, tiny, huge, jnp.nan]), jnp.array([huge, tiny, tiny, huge, 1.0])
    step = b - a
    np.testing.assert_allclose(log_gamma_bregman(a, b, step)[1:], [huge, 0, 0, np.nan], rtol=1e-5)
    np.testing.assert_allclose(digamma_difference(a, b, step), [huge, -huge, 0, 0, np.nan], rtol=1e-5)
