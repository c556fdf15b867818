"""Counts with structural zeros: limits, masses that sum to one, and scVI's own formula."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit, gammaln

import jaxloss

EPS = np.finfo(np.float32).eps


def test_without_structural_zeros_they_are_the_plain_likelihoods() -> None:
    counts, never = jnp.arange(6), jnp.full(6, -jnp.inf)
    log_rates, dispersions = jnp.linspace(-2, 3, 6), jnp.linspace(0, 2, 6)
    np.testing.assert_allclose(
        jaxloss.zero_inflated_poisson_nll(never, log_rates, counts, reduction="none"),
        jaxloss.poisson_nll(log_rates, counts, reduction="none"),
        rtol=4 * EPS,
    )
    np.testing.assert_allclose(
        jaxloss.zero_inflated_negative_binomial_nll(never, jnp.exp(log_rates), dispersions, counts, reduction="none"),
        jaxloss.negative_binomial_nll(jnp.exp(log_rates), dispersions, counts, reduction="none"),
        rtol=4 * EPS,
    )


def test_without_dispersion_one_is_the_other() -> None:
    counts, log_rates, logits = jnp.arange(6), jnp.linspace(-2, 3, 6), jnp.linspace(-3, 3, 6)
    np.testing.assert_allclose(
        jaxloss.zero_inflated_negative_binomial_nll(logits, jnp.exp(log_rates), jnp.zeros(6), counts, reduction="none"),
        jaxloss.zero_inflated_poisson_nll(logits, log_rates, counts, reduction="none"),
        rtol=1e-5,
    )


@pytest.mark.parametrize("logit", [-8.0, 0.5, 8.0])
def test_masses_sum_to_one(logit: float) -> None:
    counts = jnp.arange(400)
    ones = jnp.ones(400)
    poisson = jaxloss.zero_inflated_poisson_nll(logit * ones, np.log(3) * ones, counts, reduction="none")
    binomial = jaxloss.zero_inflated_negative_binomial_nll(logit * ones, 3 * ones, ones, counts, reduction="none")
    for values in (poisson, binomial):
        np.testing.assert_allclose(np.sum(np.exp(-np.asarray(values, float))), 1, rtol=1e-6)


def test_it_is_the_formula_of_scvi() -> None:
    """``log_zinb_positive`` of scvi-tools, with its epsilon of 1e-8."""
    rng = np.random.default_rng(0)
    counts, mu = rng.poisson(1.0, size=40), rng.gamma(2.0, size=40)
    theta, pi, eps = rng.gamma(2.0, size=40) + 0.1, rng.normal(size=40), 1e-8
    softplus_pi = np.logaddexp(0, -pi)
    log_theta_mu = np.log(theta + mu + eps)
    pi_theta = -pi + theta * (np.log(theta + eps) - log_theta_mu)
    zero = np.logaddexp(0, pi_theta) - softplus_pi
    rest = (
        -softplus_pi + pi_theta + counts * (np.log(mu + eps) - log_theta_mu)
        + gammaln(counts + theta) - gammaln(theta) - gammaln(counts + 1)
    )  # fmt: skip
    with jax.enable_x64(True):
        ours = jaxloss.zero_inflated_negative_binomial_nll(pi, mu, 1 / theta, counts, reduction="none")
    np.testing.assert_allclose(ours, -np.where(counts < eps, zero, rest), rtol=1e-6, atol=1e-7)


def test_rare_events_keep_their_digits() -> None:
    """Nearly every count is 0: the likelihood of a zero is 1 in float32, and its logarithm is not."""
    log_rates, logits = jnp.array([-20.0, -9.0]), jnp.array([0.0, 18.0])
    values = jaxloss.zero_inflated_poisson_nll(logits, log_rates, jnp.zeros(2), reduction="none")
    exact = expit(-np.asarray(logits, float)) * -np.expm1(-np.exp(np.asarray(log_rates, float)))
    np.testing.assert_allclose(values, -np.log1p(-exact), rtol=8 * EPS)


def test_a_surprising_zero_is_finite() -> None:
    value, slopes = jax.value_and_grad(jaxloss.zero_inflated_poisson_nll, argnums=(0, 1))(
        jnp.float32(-300), jnp.float32(np.log(500)), jnp.float32(0)
    )
    np.testing.assert_allclose(value, 300, rtol=1e-6)
    np.testing.assert_allclose(slopes, [-1, 0], atol=1e-6)
