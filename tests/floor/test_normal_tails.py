"""`jaxloss._floor.maths.special.normal_tails` against SciPy, and its slope."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from jaxloss._floor.maths.special.normal_tails import mills_ratio, negative_log_tail

PLACES = np.concatenate([np.linspace(-8, 8, 41), [-30.0, -12.0, 12.0, 37.0, 1e3, 1e6]])


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 2e-6), (np.float64, 8e-15)])
def test_tails_are_those_of_scipy(dtype: type, rtol: float) -> None:
    """The exponential of -32, at 8, is rounded by as many half units as its argument is large."""
    x = PLACES.astype(dtype)
    exact = -scipy.special.log_ndtr(-x.astype(np.float64))
    slope = np.exp(-0.5 * x.astype(np.float64) ** 2 - 0.5 * np.log(2 * np.pi) + exact)
    with jax.enable_x64(True):
        np.testing.assert_allclose(negative_log_tail(jnp.asarray(x)), exact, rtol=rtol, atol=1e-37)
        found = jax.vmap(jax.grad(negative_log_tail))(jnp.asarray(x))
        inside = np.abs(x) < 30  # farther out SciPy's quotient of density and mass has lost its digits
        np.testing.assert_allclose(found[inside], slope[inside], rtol=20 * rtol, atol=1e-37)
        np.testing.assert_allclose(found[x >= 1e3], x[x >= 1e3], rtol=2e-6)


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 4e-7), (np.float64, 1e-15)])
def test_mills_ratio_is_that_of_scipy(dtype: type, rtol: float) -> None:
    x = np.abs(PLACES).astype(dtype)
    exact = np.sqrt(np.pi / 2) * scipy.special.erfcx(x.astype(np.float64) / np.sqrt(2))
    with jax.enable_x64(True):
        np.testing.assert_allclose(mills_ratio(jnp.asarray(x)), exact, rtol=rtol)
