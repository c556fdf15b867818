"""Residuals against test functions, and residuals with their gradient: what both see that squares at points do not."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

pytestmark = pytest.mark.full

NODES, WEIGHTS = np.polynomial.legendre.leggauss(30)
POINTS, QUADRATURE = (NODES[:, None] + 1) / 2, WEIGHTS / 2
ORDERS = np.arange(1, 5)


def sines(coefficients, x):
    """A field of four sines, and the test functions, if the coefficients are those of the identity."""
    return jnp.dot(coefficients, jnp.sin(jnp.pi * ORDERS * x[0]))


def test_the_residual_of_every_test_function_is_that_of_its_sine() -> None:
    """Of ``-u'' = f`` with sines alone, the integrals are those of orthogonal functions, in closed form."""
    source = np.array([1.0, 0.0, 2.0, 0.5])

    def integrand(coefficients, x):
        slope = jaxloss.fields.derivative(sines, 0)(coefficients, x)
        tests, slopes = jax.jvp(lambda y: jnp.sin(jnp.pi * ORDERS * y), (x[0],), (jnp.ones_like(x[0]),))
        return slope * slopes - jnp.dot(source, tests) * tests

    with jax.enable_x64(True):
        found = jax.random.normal(jax.random.key(0), (4,), jnp.float64)
        value = jaxloss.weak_form_loss(integrand, found, POINTS, weights=QUADRATURE)
        expected = np.mean(((np.pi * ORDERS) ** 2 * found / 2 - source / 2) ** 2)
        np.testing.assert_allclose(value, expected, rtol=1e-10)
        assert jaxloss.weak_form_loss(integrand, source / (np.pi * ORDERS) ** 2, POINTS, weights=QUADRATURE) < 1e-25


def test_a_field_with_a_kink_is_learnt() -> None:
    """A string pulled at its middle: no residual at any point sees how high, since its curvature is 0 there."""
    tent = lambda height, x: height * jnp.minimum(x[0], 1 - x[0])
    slope = jaxloss.fields.derivative(tent, 0)
    orders = np.array([1.0, 3.0])
    at_middle = np.sin(np.pi * orders / 2)
    integrand = lambda h, x: slope(h, x) * np.pi * orders * jnp.cos(np.pi * orders * x[0]) - at_middle
    halves = np.concatenate([POINTS / 2, POINTS / 2 + 0.5]).astype(np.float32)
    weights = np.tile(QUADRATURE, 2).astype(np.float32)
    loss = lambda h: jaxloss.weak_form_loss(integrand, h, halves, weights=weights)
    step = jax.jit(lambda h: h - 0.1 * jax.grad(loss)(h))
    height = jnp.float32(2.0)
    for _ in range(60):
        height = step(height)
    np.testing.assert_allclose(height, 0.5, rtol=1e-4)
    blind = jaxloss.fields.derivative(tent, 0, order=2)
    assert jax.grad(lambda h: jaxloss.pde_residual_loss(blind, h, halves))(jnp.float32(2.0)) == 0


def test_elements_are_squared_one_by_one(rng) -> None:
    points = rng.normal(size=(3, 7, 2)).astype(np.float32)
    integrand = lambda params, x: params * x[0] * x[1]
    where = rng.uniform(size=(3, 7)) < 0.6
    values = jaxloss.weak_form_loss(integrand, 2.0, points, where=where, reduction="none")
    expected = [np.mean(2 * p[w, 0] * p[w, 1]) ** 2 for p, w in zip(points, where, strict=True)]
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    spoiled = np.where(where[..., None], points, np.nan)
    np.testing.assert_array_equal(
        jaxloss.weak_form_loss(integrand, 2.0, spoiled, where=where, reduction="none"), values
    )
    with pytest.raises(ValueError, match="points"):
        jaxloss.weak_form_loss(integrand, 2.0, points[0, 0])


def test_a_gradient_enhanced_network_is_a_sobolev_loss_of_its_residual(rng) -> None:
    """The sum of the squared residual and its squared derivatives, by the closed form of a cubic field."""
    points = rng.normal(size=(9, 2))
    u = lambda a, x: a * x[0] ** 3 * x[1]
    residual = lambda a, x: jaxloss.fields.laplacian(u)(a, x) - x[1]
    x, y = points.T
    with jax.enable_x64(True):
        both = jaxloss.sobolev_loss(residual, 2.0, points, np.zeros(9), np.zeros((9, 2)), gradient_weight=0.1)
        plain = jaxloss.pde_residual_loss(residual, 2.0, points)
        slopes = jaxloss.pde_residual_loss(jaxloss.fields.gradient(residual), 2.0, points)
        np.testing.assert_allclose(plain, np.mean((12 * x * y - y) ** 2), rtol=1e-12)
        np.testing.assert_allclose(slopes, np.mean((12 * y) ** 2 + (12 * x - 1) ** 2), rtol=1e-12)
        np.testing.assert_allclose(both, plain + 0.1 * slopes, rtol=1e-12)
