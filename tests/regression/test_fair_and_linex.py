"""Fair's and the LINEX loss: slopes of LightGBM, digits near a perfect fit, and what they take for the best constant."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

EPS = np.finfo(np.float32).eps


@pytest.mark.parametrize("scale", [1e-3, 1.0, 50.0])
def test_fair_loss_has_the_slopes_of_lightgbm(scale: float) -> None:
    """``c * x / (|x| + c)`` and ``c**2 / (|x| + c)**2``, from its source."""
    x = jnp.array([-1e6, -2.0, -1e-4, 0.0, 1e-10, 0.5, 30.0])
    loss = lambda r: jaxloss.fair_loss(r, jnp.zeros(()), scale=scale)
    slope, curve = jax.vmap(jax.grad(loss))(x), jax.vmap(jax.grad(jax.grad(loss)))(x)
    size = np.abs(np.asarray(x, float))
    np.testing.assert_allclose(slope, scale * np.asarray(x) / (size + scale), rtol=8 * EPS)
    np.testing.assert_allclose(curve, scale**2 / (size + scale) ** 2, rtol=64 * EPS, atol=1e-6)


def test_fair_loss_lies_between_the_squared_and_the_absolute_error() -> None:
    r, zero = jnp.array([1e-4, 1e-2]), jnp.zeros(2)
    np.testing.assert_allclose(
        jaxloss.fair_loss(r, zero, scale=1e6, reduction="none"),
        jaxloss.half_squared_error(r, zero, reduction="none"),
        rtol=1e-5,
    )
    far = jaxloss.fair_loss(jnp.float32(1e30), jnp.float32(0), scale=1e-3)
    np.testing.assert_allclose(far, 1e27, rtol=1e-6)


def test_linex_loss_of_small_errors_keeps_its_digits() -> None:
    """``exp(r) - r - 1`` in float32 is 0 or 6e-8 there."""
    r = jnp.array([1e-4, -1e-6, 1e-15])
    values = jaxloss.linex_loss(r, jnp.zeros(3), asymmetry=2.0, reduction="none")
    wide = 2 * np.asarray(r, float)
    np.testing.assert_allclose(values, wide**2 / 2 + wide**3 / 6, rtol=8 * EPS)


@pytest.mark.parametrize("asymmetry", [-1.5, 0.5])
def test_the_best_constant_of_linex_leans_to_the_cheap_side(asymmetry: float) -> None:
    """It is ``-log(mean(exp(-a y))) / a``; of a normal distribution, the mean minus half ``a`` times the variance."""
    targets = jnp.asarray(np.random.default_rng(0).normal(2.0, 1.0, size=20_000), jnp.float32)
    loss = lambda c: jaxloss.linex_loss(jnp.broadcast_to(c, targets.shape), targets, asymmetry=asymmetry)
    newton = lambda _, c: c - jax.grad(loss)(c) / jax.grad(jax.grad(loss))(c)
    best = jax.jit(lambda: jax.lax.fori_loop(0, 30, newton, jnp.float32(2.0)))()
    exact = -np.log(np.mean(np.exp(-asymmetry * np.asarray(targets, float)))) / asymmetry
    np.testing.assert_allclose(best, exact, rtol=1e-5)
    assert abs(best - (2 - asymmetry / 2)) < 0.1
