"""Cosine, correlation and concordance: degenerate vectors, every scale, accuracy near agreement, parity."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import jaxloss

CORRELATIONS = [jaxloss.pearson_correlation_loss, jaxloss.concordance_correlation_loss]
ALL = [jaxloss.cosine_distance, *CORRELATIONS]
by_name = pytest.mark.parametrize("fn", ALL, ids=lambda fn: fn.__name__)


def each(fn, *inputs, **kwargs):
    """The unreduced loss and its gradient in both inputs."""

    def total(*x):
        return jnp.sum(fn(*x, reduction="none", **kwargs))

    return fn(*inputs, reduction="none", **kwargs), jax.grad(total, (0, 1))(*inputs)


# ---- degenerate inputs -----------------------------------------------------------------------------------------


def test_cosine_of_a_zero_vector_is_zero():
    """optax: NaN in value and gradient with its default epsilon."""
    vectors, zeros = jnp.ones((3, 2)), jnp.zeros((3, 2))
    for pair in ((vectors, zeros), (zeros, vectors), (zeros, zeros)):
        values, gradients = each(jaxloss.cosine_distance, *pair)
        np.testing.assert_array_equal(values, np.ones(3))
        for gradient in gradients:
            np.testing.assert_array_equal(gradient, np.zeros((3, 2)))
    second = jax.hessian(jaxloss.cosine_distance)(zeros, vectors)
    assert np.all(np.isfinite(second))


@pytest.mark.parametrize("level", [0.0, 0.1, -3.3e7, 1e38])
def test_correlation_with_a_constant_is_zero(level):
    """The mean of seven times 0.1 is not 0.1; the deviations must be exactly 0 all the same."""
    constant, varied = jnp.full(7, level), jnp.arange(7.0)
    where = jnp.arange(7) != 3
    for keywords in ({}, {"where": where}, {"weights": jnp.where(where, 0.3, 0)}):
        for pair in ((constant, varied), (varied, constant), (constant, constant)):
            values, gradients = each(jaxloss.pearson_correlation_loss, *pair, **keywords)
            assert values == 1
            assert not any(np.any(g) for g in gradients)


def test_correlation_of_one_entry_is_zero():
    """A batch of one; behind another axis it is a mistake."""
    values, gradients = each(jaxloss.pearson_correlation_loss, jnp.array([2.0]), jnp.array([3.0]))
    assert values == 1
    assert not any(np.any(g) for g in gradients)


def test_concordance_with_a_constant():
    constant, varied = jnp.full(7, 0.1), jnp.arange(7.0)
    for pair in ((constant, varied), (varied, constant), (constant, jnp.full(7, 0.3))):
        values, gradients = each(jaxloss.concordance_correlation_loss, *pair)
        np.testing.assert_allclose(values, 1, rtol=1e-6)
        assert all(np.all(np.isfinite(g)) for g in gradients)
    values, gradients = each(jaxloss.concordance_correlation_loss, constant, constant)
    assert values == 0
    assert not any(np.any(g) for g in gradients)


@by_name
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_degenerate_side_hides_no_nan(fn, bad):
    spoiled = jnp.array([1.0, bad, 2.0])
    for constant in (jnp.zeros(3), jnp.ones(3)):
        assert np.isnan(fn(spoiled, constant))
        assert np.isnan(fn(constant, spoiled))


# ---- scales ----------------------------------------------------------------------------------------------------


@by_name
@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e6, 1e25, 3e38])
def test_the_unit_does_not_matter(fn, scale):
    p, y = np.array([0.5, -1.0, 0.25, 1.0]), np.array([0.75, 1.0, 0.125, 1.0])
    value, gradient = each(fn, jnp.asarray(p, jnp.float32), jnp.asarray(y, jnp.float32))
    far, steep = each(fn, jnp.asarray(p * scale, jnp.float32), jnp.asarray(y * scale, jnp.float32))
    np.testing.assert_allclose(far, value, rtol=1e-6)
    if scale > 1e37:
        return  # the slopes are below the normal numbers
    for one, other in zip(gradient, steep, strict=True):
        np.testing.assert_allclose(np.float64(other) * scale, one, rtol=1e-5, atol=1e-6)


def test_the_two_sides_may_have_scales_of_their_own(rng):
    p, y = rng.normal(size=(2, 9))
    for fn in (jaxloss.cosine_distance, jaxloss.pearson_correlation_loss):
        values, _ = each(fn, jnp.asarray(p * 1e30, jnp.float32), jnp.asarray(y * 1e-30, jnp.float32))
        with jax.enable_x64(True):
            np.testing.assert_allclose(values, fn(p, y, reduction="none"), rtol=1e-5)


@pytest.mark.parametrize("fn", CORRELATIONS, ids=lambda fn: fn.__name__)
def test_a_large_mean_costs_no_digits(fn, rng):
    """A spread of 1 on top of 4096: one pass over squares would keep nothing."""
    p, y = (np.asarray(4096 + np.round(rng.normal(size=9) * 256) / 256, np.float32) for _ in range(2))
    value, gradient = jax.value_and_grad(fn)(jnp.asarray(p), jnp.asarray(y))
    with jax.enable_x64(True):
        exact, slope = jax.value_and_grad(fn)(jnp.asarray(p, jnp.float64), jnp.asarray(y, jnp.float64))
    np.testing.assert_allclose(value, exact, rtol=1e-6)
    np.testing.assert_allclose(gradient, slope, atol=1e-6 * np.abs(slope).max())


# ---- agreement -------------------------------------------------------------------------------------------------


@by_name
def test_never_negative_near_agreement(fn, rng):
    y = rng.normal(size=(20000, 5)).astype(np.float32)
    for wiggle in (0.0, 1e-7, 1e-6, 1e-4):
        p = (y * (1 + wiggle * rng.normal(size=y.shape))).astype(np.float32)
        values = fn(jnp.asarray(p), jnp.asarray(y), reduction="none")
        assert np.min(values) >= 0
        if wiggle == 0:
            assert np.max(values) == 0


def test_cosine_keeps_digits_at_small_angles():
    """1 - cos by subtraction is 0 at an angle of 1e-4 and off by 2e-2 at 1e-3."""
    for angle in (1e-4, 1e-3, 1e-2, 0.1):
        p = jnp.array([np.cos(angle + 0.7), np.sin(angle + 0.7)], jnp.float32)
        y = jnp.array([2 * np.cos(0.7), 2 * np.sin(0.7)], jnp.float32)
        with jax.enable_x64(True):
            exact = jaxloss.cosine_distance(np.asarray(p, np.float64), np.asarray(y, np.float64))
        np.testing.assert_allclose(jaxloss.cosine_distance(p, y), exact, rtol=1e-6 + 2e-7 / angle)


def test_pearson_is_perfect_on_any_rising_line_and_two_on_a_falling_one():
    x = jnp.array([1.0, 4.0, -2.0, 0.5])
    assert jaxloss.pearson_correlation_loss(2 * x + 8, x) == 0
    np.testing.assert_allclose(jaxloss.pearson_correlation_loss(-2 * x + 8, x), 2, rtol=1e-6)
    assert jaxloss.concordance_correlation_loss(2 * x + 8, x) > 0.5


# ---- parity ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_torch_parity_of_cosine(rng, dtype):
    torch = pytest.importorskip("torch")
    p, y = (rng.normal(size=(6, 4)).astype(dtype) for _ in range(2))
    keep = np.array([True, False, True, True, False, True])
    tp = torch.tensor(p, requires_grad=True)
    expected = (1 - torch.nn.functional.cosine_similarity(tp, torch.tensor(y), dim=-1))[torch.tensor(keep)].mean()
    (slope,) = torch.autograd.grad(expected, tp)
    with jax.enable_x64(dtype is np.float64):
        value, gradient = jax.value_and_grad(lambda x: jaxloss.cosine_distance(x, y, where=keep))(jnp.asarray(p))
    tolerance = 1e-12 if dtype is np.float64 else 1e-6
    np.testing.assert_allclose(value, expected.detach(), rtol=tolerance)
    np.testing.assert_allclose(gradient, slope, atol=tolerance)


def test_keras_and_optax_parity_of_cosine(rng):
    optax = pytest.importorskip("optax")
    p, y = (rng.normal(size=(6, 4)).astype(np.float32) for _ in range(2))
    values = jaxloss.cosine_distance(p, y, reduction="none")
    np.testing.assert_allclose(values, optax.cosine_distance(p, y), rtol=2e-6)
    keras = pytest.importorskip("keras")
    np.testing.assert_allclose(values, 1 + keras.losses.cosine_similarity(y, p), rtol=2e-6)


@pytest.mark.parametrize("fn", CORRELATIONS, ids=lambda fn: fn.__name__)
def test_weighted_correlations_equal_numpy(fn, rng):
    p, y = rng.normal(size=(2, 4, 9))
    weights = rng.uniform(0, 2, size=(4, 9)) * (rng.uniform(size=(4, 9)) < 0.7)
    where = rng.uniform(size=(4, 9)) < 0.8
    expected = []
    for a, b, w in zip(p, y, weights * where, strict=True):
        covariance = np.cov(a, b, aweights=w, bias=True)
        shift = np.average(a - b, weights=w) ** 2 if fn is jaxloss.concordance_correlation_loss else 0
        mean = np.trace(covariance) + shift if shift else 2 * np.sqrt(covariance[0, 0] * covariance[1, 1])
        expected.append(1 - 2 * covariance[0, 1] / mean)
    with jax.enable_x64(True):
        values = fn(p, y, where=where, weights=weights, reduction="none")
    np.testing.assert_allclose(values, expected, rtol=1e-11)


def test_pearson_equals_scipy_under_a_mask(rng):
    p, y = rng.normal(size=(2, 9))
    where = rng.uniform(size=9) < 0.7
    with jax.enable_x64(True):
        value = jaxloss.pearson_correlation_loss(p, y, where=where)
    np.testing.assert_allclose(value, 1 - scipy.stats.pearsonr(p[where], y[where]).statistic, rtol=1e-12)
