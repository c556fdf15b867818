"""Proportions: digits at large concentrations, the uniform case, and parity with torch."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

import jaxloss

EPS = np.finfo(np.float32).eps


def test_it_is_that_of_torch() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    alphas, betas = rng.gamma(2.0, size=(2, 30)) + 0.1
    targets = rng.uniform(0.01, 0.99, size=30)
    law = torch.distributions.Beta(torch.tensor(alphas), torch.tensor(betas))
    with jax.enable_x64(True):
        ours = jaxloss.beta_distribution_nll(alphas, betas, targets, reduction="none")
    np.testing.assert_allclose(ours, -law.log_prob(torch.tensor(targets)), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("precision", [0.01, 1.0, 1e2, 1e5, 1e7])
def test_value_and_slopes_keep_their_digits(precision: float) -> None:
    """Term by term the log-gamma functions of 1e7 lose every digit in float32."""
    alphas, betas = (
        np.float32([0.3, 0.5, 0.9]) * np.float32(precision),
        np.float32([0.7, 0.5, 0.1]) * np.float32(precision),
    )
    targets = np.float32([0.29, 0.5, 0.9001])
    total = lambda *x: jnp.sum(jaxloss.beta_distribution_nll(*x, reduction="none"))
    value, slopes = (
        jaxloss.beta_distribution_nll(alphas, betas, targets, reduction="none"),
        jax.grad(total, argnums=(0, 1, 2))(alphas, betas, targets),
    )
    with jax.enable_x64(True):
        wide = [x.astype(np.float64) for x in (alphas, betas, targets)]
        exact = jaxloss.beta_distribution_nll(*wide, reduction="none")
        exact_slopes = jax.grad(total, argnums=(0, 1, 2))(*wide)
    # The mean itself has one rounding, which the distance of the target from it multiplies.
    a, b, y = wide
    slack = 4 * EPS * np.abs(a - (a + b) * y) / (1 - y)
    value, exact = np.asarray(value), np.asarray(exact)
    assert np.all(np.abs(value - exact) <= 8 * EPS * (1 + np.abs(exact)) + slack)
    if precision < 1e5:
        np.testing.assert_allclose(exact, -scipy.stats.beta.logpdf(y, a, b), rtol=1e-10, atol=1e-10)
        digamma = scipy.special.digamma
        np.testing.assert_allclose(exact_slopes[0], digamma(a) - digamma(a + b) - np.log(y), rtol=1e-8, atol=1e-10)
    for slope, reference in zip(slopes, exact_slopes, strict=True):
        reference = np.asarray(reference)
        np.testing.assert_allclose(slope, reference, rtol=1e-4, atol=64 * EPS * np.abs(reference).max())


def test_the_uniform_distribution_has_no_surprise() -> None:
    ones, targets = jnp.ones(5), jnp.linspace(0.1, 0.9, 5)
    values = jaxloss.beta_distribution_nll(ones, ones, targets, reduction="none")
    np.testing.assert_allclose(values, 0, atol=4 * EPS)


def test_it_is_symmetric_in_its_ends() -> None:
    alphas, betas, targets = jnp.array([0.5, 3.0]), jnp.array([2.0, 0.7]), jnp.array([0.25, 0.75])
    one_way = jaxloss.beta_distribution_nll(alphas, betas, targets, reduction="none")
    other = jaxloss.beta_distribution_nll(betas, alphas, 1 - targets, reduction="none")
    np.testing.assert_allclose(one_way, other, rtol=4 * EPS)


def test_a_fit_finds_mean_and_precision() -> None:
    draws = np.random.default_rng(1).beta(3.0, 9.0, size=4000).astype(np.float32)

    @jax.jit
    def fit(params):
        ones = jnp.ones_like(draws)
        loss = lambda p: jaxloss.beta_distribution_nll(jnp.exp(p[0]) * ones, jnp.exp(p[1]) * ones, draws)
        newton = lambda _, p: p - jnp.linalg.solve(jax.hessian(loss)(p), jax.grad(loss)(p))
        return jax.lax.fori_loop(0, 8, newton, params)

    alpha, beta = np.exp(fit(jnp.log(jnp.array([2.0, 6.0]))))
    np.testing.assert_allclose([alpha, beta], [3, 9], rtol=0.1)
