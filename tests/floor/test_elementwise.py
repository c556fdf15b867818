"""Elementwise losses: the digits of the logarithm that they share, and what they store on a CPU."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss._floor.maths.logarithms import log1p_near


@pytest.mark.parametrize(("dtype", "units"), [("float32", 1.5), ("float64", 2.0)])
def test_log1p_near(dtype, units) -> None:
    small = np.geomspace(1e-30, 1, 20_000)
    x = np.concatenate([np.linspace(-0.5, 1, 50_001), small, -small[small < 0.5]]).astype(dtype)
    wide = np.longdouble if dtype == "float64" else np.float64
    exact = np.log1p(x.astype(wide))
    with jax.enable_x64(dtype == "float64"):
        values = np.asarray(jax.jit(log1p_near)(x))
        slopes = np.asarray(jax.jit(jax.vmap(jax.grad(log1p_near)))(x))
        assert values.dtype == slopes.dtype == dtype
    assert (np.abs(values - exact) <= units * np.spacing(np.abs(exact).astype(dtype))).all()
    # Looser, because the derivative is that of the polynomial.
    np.testing.assert_allclose(slopes, 1 / (1 + x.astype(wide)), rtol=1e-6 if dtype == "float32" else 1e-13)
    assert log1p_near(jnp.float32(0)) == 0
    assert np.isnan(log1p_near(jnp.float32(np.nan)))


_FEW = (
    jaxloss.binary_cross_entropy,
    jaxloss.sigmoid_binary_cross_entropy,
    jaxloss.log_cosh,
    jaxloss.charbonnier_loss,
    jaxloss.huber_loss,
    jaxloss.smooth_l1_loss,
    jaxloss.berhu_loss,
    jaxloss.soft_margin_loss,
    jaxloss.smoothed_hinge_loss,
    jaxloss.modified_huber_loss,
)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("loss", _FEW, ids=lambda loss: loss.__name__)
def test_no_more_than_the_losses_is_stored(loss, dtype) -> None:
    """Value and gradient share no array: neither a float32 copy of the data nor a part of the formula."""
    shape = jax.ShapeDtypeStruct((100_000,), dtype)
    memory = jax.jit(jax.value_and_grad(loss)).lower(shape, shape).compile().memory_analysis()
    assert memory.temp_size_in_bytes < 1.1 * 4 * 100_000


@pytest.mark.parametrize("loss", [jaxloss.absolute_error, jaxloss.quantile_loss], ids=lambda loss: loss.__name__)
def test_short_losses_store_nothing(loss) -> None:
    """Neither what 16 bits were raised to nor the losses, which are summed as they are computed."""
    for dtype in ("float32", "bfloat16"):
        shape = jax.ShapeDtypeStruct((100_000,), dtype)
        memory = jax.jit(jax.value_and_grad(loss)).lower(shape, shape).compile().memory_analysis()
        assert memory.temp_size_in_bytes < 100_000
