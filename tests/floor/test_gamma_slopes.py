"""The digamma and trigamma functions against SciPy's, with the derivatives of the latter."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from jaxloss._floor.maths.special.gamma_slopes import digamma, trigamma

PLACES = np.concatenate([np.geomspace(1e-5, 1e8, 2001), np.linspace(0.1, 20, 2001)])


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_trigamma_and_its_derivatives_keep_their_digits(dtype: str, order: int) -> None:
    with jax.enable_x64(True):
        x = jnp.asarray(PLACES, dtype)
        fn: Any = trigamma
        for _ in range(order - 1):
            fn = lambda x, below=fn: jax.grad(lambda x: jnp.sum(below(x)))(x)
        found, exact = jax.jit(fn)(x), scipy.special.polygamma(order, np.asarray(x, np.float64))
        assert found.dtype == dtype
        np.testing.assert_allclose(found, exact, rtol=(4 + 2 * order) * np.finfo(dtype).eps)


def test_the_slope_of_digamma_is_trigamma() -> None:
    x = jnp.asarray(PLACES, jnp.float32)
    value, slope = jax.jvp(digamma, (x,), (2 * jnp.ones_like(x),))
    np.testing.assert_allclose(value, scipy.special.digamma(np.asarray(x, np.float64)), rtol=2e-5, atol=1e-6)
    np.testing.assert_array_equal(slope, 2 * trigamma(x))


def test_trigamma_at_the_ends() -> None:
    ends = jnp.array([0.0, 2.0**120, jnp.inf, jnp.nan])
    np.testing.assert_array_equal(trigamma(ends), [jnp.inf, 2.0**-120, 0.0, jnp.nan])
