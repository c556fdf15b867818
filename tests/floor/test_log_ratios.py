"""Quotients of the gap between a ratio less 1 and its logarithm against mpmath, near equality and far from it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss._floor.maths.log_ratios import gap_curvature, gap_quotient, log_quotient
from jaxloss.probabilistic._stable import log1p_quotient

EXCESS = np.concatenate([np.geomspace(1e-7, 1e6, 80), -np.geomspace(1e-7, 0.999, 80)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_they_keep_their_digits(dtype: str) -> None:
    mpmath = pytest.importorskip("mpmath")
    forms = (
        (gap_quotient, lambda x: 1 - mpmath.log1p(x) / x),
        (gap_curvature, lambda x: (x - mpmath.log1p(x)) / x**2),
        (log_quotient, mpmath.log1p),
    )
    eps = float(np.finfo(dtype).eps)
    with jax.enable_x64(True), mpmath.workdps(60):
        q = jnp.asarray(3.0 * np.ones_like(EXCESS), dtype)
        p = jnp.asarray(3.0 * (1 + EXCESS), dtype)
        for fn, exact in forms:
            expected = [float(exact(mpmath.mpf(x) / 3 - 1)) for x in p.tolist()]
            np.testing.assert_allclose(jax.jit(fn)(p, q, p - q), expected, rtol=8 * eps)
        x = jnp.asarray(np.geomspace(1e-7, 1e6, 200), dtype)
        value, slope = jax.jit(jax.vmap(jax.value_and_grad(log1p_quotient)))(x)
        quotient = lambda x: mpmath.log1p(x) / x
        np.testing.assert_allclose(value, [float(quotient(mpmath.mpf(at))) for at in x.tolist()], rtol=4 * eps)
        slopes = [float((1 / (1 + x) - quotient(x)) / x) for x in map(mpmath.mpf, x.tolist())]
        np.testing.assert_allclose(slope, slopes, rtol=8 * eps)


def test_at_equality_they_are_their_limits() -> None:
    one, zero = jnp.ones(()), jnp.zeros(())
    assert gap_quotient(one, one, zero) == 0
    assert gap_curvature(one, one, zero) == 0.5
    assert log_quotient(one, one, zero) == 0
    value, slope = jax.value_and_grad(log1p_quotient)(zero)
    np.testing.assert_array_equal([value, slope], [1, -0.5])
