"""The promises of the guarded functions: value, first and second derivative, in both modes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.log_ratios import log_ratio


def orders(fn, x):
    """Value, first derivative in both modes and second derivative at ``x``."""
    x = jnp.float32(x)
    forward = jax.jvp(fn, (x,), (jnp.ones_like(x),))[1]
    reverse = jax.grad(fn)(x)
    np.testing.assert_array_equal(forward, reverse)
    return float(fn(x)), float(reverse), float(jax.grad(jax.grad(fn))(x))


@pytest.mark.parametrize(
    ("fn", "x", "expected"),
    [
        (numerics.magnitude, 0.0, (0, 0, 0)),
        (numerics.magnitude, -2.0, (2, -1, 0)),
        (numerics.positive_part, 0.0, (0, 0, 0)),
        (numerics.positive_part, 3.0, (3, 1, 0)),
        (numerics.sqrt, 0.0, (0, 0, 0)),
        (numerics.sqrt, 4.0, (2, 0.25, -1 / 32)),
        (lambda x: numerics.divide(jnp.float32(3), x), 0.0, (0, 0, 0)),
        (lambda x: numerics.divide(x, jnp.float32(0)), 2.0, (0, 0, 0)),
        (lambda x: numerics.guarded_log(x, 0.25), 0.0, (np.log(0.25) - 1, 4, 0)),
        (lambda x: numerics.guarded_log(x, 0.25), 2.0, (np.log(2), 0.5, -0.25)),
        (lambda x: numerics.power(x, 0.5), 0.0, (0, 0, 0)),
        (lambda x: numerics.power(x, 2.0), 0.0, (0, 0, 2)),
        (lambda x: numerics.power(x, jnp.float32(0.0)), 0.0, (1, 0, 0)),
        (numerics.softplus, 0.0, (np.log(2), 0.5, 0.25)),
    ],
)
def test_orders(fn, x, expected) -> None:
    np.testing.assert_allclose(orders(fn, x), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("x", [-1.0, np.nan])
def test_outside_the_domain_is_nan(x) -> None:
    x = jnp.float32(x)
    for fn in (numerics.sqrt, lambda v: numerics.guarded_log(v, 1e-6), lambda v: numerics.power(v, 0.5)):
        assert np.isnan(fn(x))


@pytest.mark.parametrize(
    "fn", [numerics.magnitude, numerics.positive_part, numerics.softplus, lambda x: numerics.divide(x, x)]
)
def test_nan_stays_nan(fn) -> None:
    assert np.isnan(fn(jnp.float32(jnp.nan)))


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32])
def test_the_slope_of_the_guarded_log_is_finite_in_every_dtype(dtype) -> None:
    floor = float(jnp.finfo(dtype).tiny)
    fn = lambda x: numerics.guarded_log(x.astype(jnp.float32), floor)
    slope = jax.grad(fn)(jnp.zeros((), dtype))
    assert slope.dtype == dtype
    assert np.isfinite(slope)
    assert slope > 0
    smallest = jnp.finfo(dtype).tiny
    np.testing.assert_allclose(fn(smallest), np.log(float(smallest)), rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_norm_and_normalize(scale) -> None:
    x = jnp.float32([3.0, 4.0]) * scale
    np.testing.assert_allclose(numerics.norm(x), 5 * scale, rtol=1e-6)
    np.testing.assert_allclose(numerics.normalize(x), [0.6, 0.8], rtol=1e-6)
    np.testing.assert_allclose(jax.grad(numerics.norm)(x), [0.6, 0.8], rtol=1e-6)
    zero = jnp.zeros(2)
    assert not np.any(jax.grad(numerics.norm)(zero))
    assert not np.any(jax.jacobian(numerics.normalize)(zero))
    assert not np.any(jax.hessian(numerics.norm)(zero))


def test_softplus_and_log1mexp_keep_relative_accuracy() -> None:
    x = np.linspace(-80, 80, 401).astype(np.float32)
    np.testing.assert_allclose(numerics.softplus(x), np.logaddexp(0, x.astype(np.float64)), rtol=4e-7)
    x = -np.logspace(-6, 1.9, 200).astype(np.float32)
    exact = np.where(x > -0.5, np.log(-np.expm1(x.astype(np.float64))), np.log1p(-np.exp(x.astype(np.float64))))
    np.testing.assert_allclose(numerics.log1mexp(x), exact, rtol=1e-6)
    assert np.all(np.isfinite(jax.vmap(jax.grad(numerics.log1mexp))(x)))


def test_log_sum_exp() -> None:
    x = np.float32([[1e4, -1e4, 0.0], [-np.inf, 2.0, 1.0], [3.0, 3.0, 3.0]])
    np.testing.assert_allclose(numerics.log_sum_exp(x), scipy.special.logsumexp(x.astype(np.float64), -1), rtol=1e-6)
    total = lambda z: jnp.sum(numerics.log_sum_exp(z))
    np.testing.assert_allclose(
        jax.grad(total)(x), scipy.special.softmax(x.astype(np.float64), -1), rtol=2e-6, atol=1e-30
    )
    with jax.enable_x64(True):
        z = np.random.default_rng(0).normal(size=5)
        p = scipy.special.softmax(z)
        np.testing.assert_allclose(jax.hessian(numerics.log_sum_exp)(z), np.diag(p) - np.outer(p, p), rtol=1e-12)
    nothing = jnp.full(3, -jnp.inf)
    assert np.isneginf(numerics.log_sum_exp(nothing))


def test_poison() -> None:
    values, gradient = jax.value_and_grad(lambda v: jnp.sum(numerics.poison(v, jnp.array([True, False]))))(jnp.ones(2))
    assert np.isnan(values)
    np.testing.assert_array_equal(np.isnan(gradient), [False, True])


def test_powers_concrete_and_traced_agree() -> None:
    x = jnp.float32([0.0, 0.3, 2.0])
    for exponent in (0.0, 0.5, 1.0, 2.0, 3.0, 2.5):
        traced = jax.jit(numerics.power)(x, jnp.float32(exponent))
        np.testing.assert_allclose(numerics.power(x, exponent), traced, rtol=1e-6)
        np.testing.assert_allclose(traced, np.float64(x) ** exponent, rtol=1e-6)


def test_log_sum_exp_of_nothing_has_zero_derivatives() -> None:
    nothing = jnp.full(3, -jnp.inf)
    slope, bend = jax.grad(numerics.log_sum_exp)(nothing), jax.hessian(numerics.log_sum_exp)(nothing)
    np.testing.assert_array_equal(slope, np.zeros(3))
    np.testing.assert_array_equal(bend, np.zeros((3, 3)))


def test_log_sum_exp_of_nothing_in_a_scan_has_zero_derivatives() -> None:
    """JAX drops the rule of the function in the forward derivative of the gradient of a loop."""

    def last(steps: jax.Array) -> jax.Array:
        grow = lambda state, step: (
            numerics.log_sum_exp(jnp.stack([state + step, jnp.full_like(state, -jnp.inf)])),
            None,
        )
        return jnp.exp(jax.lax.scan(grow, jnp.full_like(steps[0], -jnp.inf), steps)[0])

    slope, bend = jax.jvp(jax.grad(last), (jnp.ones(2),), (jnp.ones(2),))
    np.testing.assert_array_equal(slope, np.zeros(2))
    np.testing.assert_array_equal(bend, np.zeros(2))


def test_log_ratio_is_exact_near_equality_and_far_from_it() -> None:
    q = np.float32([1e-30, 0.3, 1.0, 3.0, 1e37])
    for factor in (1.0, 1 + 1e-6, 1 - 1e-3, 0.49, 0.51, 1.99, 2.01, 9.0):
        p = (q * np.float32(factor)).astype(np.float32)
        expected = np.log1p((p.astype(np.float64) - q) / q)
        np.testing.assert_allclose(log_ratio(jnp.asarray(p), jnp.asarray(q)), expected, rtol=4e-7)
    extremes = log_ratio(jnp.float32([1e37, 1e-37]), jnp.float32([1e-37, 1e37]))
    np.testing.assert_allclose(extremes, np.log(10) * np.array([74, -74]), rtol=1e-6)
    assert orders(lambda p: log_ratio(p, jnp.float32(2.0)), 2.0) == (0, 0.5, -0.25)
