"""Covariances aligned, and distances of Gaussians, against other packages and their limits."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

ot = pytest.importorskip("ot")


def test_coral_adapts_a_linear_map():
    rng = np.random.default_rng(0)
    mix = np.array([[2.0, 0.0], [1.0, 0.5]])
    source = (rng.normal(size=(200, 2)) @ mix).astype(np.float32)
    target = rng.normal(size=(300, 2)).astype(np.float32)
    step = jax.jit(lambda w: w - 0.3 * jax.grad(lambda w: jaxloss.coral_loss(source @ w, target))(w))
    w = jnp.eye(2)
    for _ in range(1000):
        w = step(w)
    np.testing.assert_allclose(np.cov((source @ w).T), np.cov(target.T), atol=0.02)


def test_coral_needs_two_points():
    with pytest.raises(ValueError, match="at least two points"):
        jaxloss.coral_loss(jnp.zeros((1, 2)), jnp.zeros((3, 2)))


def test_distance_of_gaussians_is_that_of_pot():
    rng = np.random.default_rng(1)
    means = rng.normal(size=(2, 4))
    factors = rng.normal(size=(2, 4, 4))
    covariances = factors @ np.swapaxes(factors, -1, -2)
    theirs = ot.gaussian.bures_wasserstein_distance(means[0], means[1], covariances[0], covariances[1])
    with jax.enable_x64(True):
        ours = jaxloss.gaussian_wasserstein_distance(means[0], factors[0], means[1], factors[1])
    np.testing.assert_allclose(ours, theirs**2, rtol=1e-9)


def test_any_factor_of_a_covariance_will_do():
    rng = np.random.default_rng(2)
    features = [rng.normal(size=(50, 3)).astype(np.float32) @ rng.normal(size=(3, 3)).astype(np.float32) for _ in "pq"]
    means = [x.mean(0) for x in features]
    by_rows = [jnp.linalg.qr((x - x.mean(0)) / 49**0.5, "r").T for x in features]
    by_cholesky = [jnp.linalg.cholesky(jnp.cov(x.T)) for x in features]
    values = [jaxloss.gaussian_wasserstein_distance(means[0], f[0], means[1], f[1]) for f in (by_rows, by_cholesky)]
    np.testing.assert_allclose(*values, rtol=1e-4)


def test_diagonal_gaussians_are_two_squared_errors():
    means, spreads = np.random.default_rng(3).uniform(0.5, 2, size=(2, 2, 3)).astype(np.float32)
    value = jaxloss.gaussian_wasserstein_distance(means[0], np.diag(spreads[0]), means[1], np.diag(spreads[1]))
    np.testing.assert_allclose(value, np.sum((means[0] - means[1]) ** 2 + (spreads[0] - spreads[1]) ** 2), rtol=1e-5)


def test_a_flat_gaussian_has_a_finite_gradient():
    flat, full = jnp.diag(jnp.array([1.0, 0.0, 0.0])), jnp.eye(3)
    fn = lambda a: jaxloss.gaussian_wasserstein_distance(jnp.zeros(3), a, jnp.zeros(3), full)
    value, gradient = jax.value_and_grad(fn)(flat)
    np.testing.assert_allclose(value, 2, rtol=1e-6)
    assert np.all(np.isfinite(gradient))


def test_the_exact_cost_of_transport_is_the_best_permutation():
    """Of two samples of the same size: POT's linear program, by the mean over the best order."""
    x, y = np.random.default_rng(4).normal(size=(2, 6, 2)).astype(np.float32)
    costs = np.linalg.norm(x[:, None] - y, axis=-1)
    theirs = ot.emd2(np.full(6, 1 / 6), np.full(6, 1 / 6), costs.astype(np.float64))
    np.testing.assert_allclose(jaxloss.permutation_invariant_loss(costs), theirs, rtol=1e-6)
