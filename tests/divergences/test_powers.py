"""Orders of divergences: their limits, their relations, and digits near equality and near whole orders."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


def log_pair(seed=0):
    rng = np.random.default_rng(seed)
    return jax.nn.log_softmax(jnp.asarray(rng.normal(size=(2, 4, 5)), jnp.float32))


@pytest.mark.parametrize("loss", [jaxloss.alpha_divergence, jaxloss.renyi_divergence])
def test_order_one_is_the_kullback_leibler_divergence(loss):
    log_q, log_p = log_pair()
    expected = jaxloss.kl_divergence_with_log_targets(log_q, log_p)
    for alpha in (1.0, 1 + 1e-6, 1 - 1e-6):
        np.testing.assert_allclose(loss(log_q, log_p, alpha=alpha), expected, rtol=2e-5)
    slope, other = (
        jax.grad(lambda x, fn=fn: fn(x, log_p))(log_q)
        for fn in (lambda q, p: loss(q, p, alpha=1.0), jaxloss.kl_divergence_with_log_targets)
    )
    np.testing.assert_allclose(slope, other, rtol=1e-5, atol=1e-7)


def test_orders_of_which_the_divergence_is_known():
    log_q, log_p = log_pair(1)
    p, q = jnp.exp(log_p), jnp.exp(log_q)
    hellinger = jnp.mean(jnp.sum(jnp.square(jnp.sqrt(p) - jnp.sqrt(q)), -1))
    np.testing.assert_allclose(jaxloss.alpha_divergence(log_q, log_p, alpha=0.5), 2 * hellinger, rtol=1e-5)
    chi_square = jnp.mean(jnp.sum(jnp.square(p - q) / q, -1))
    np.testing.assert_allclose(jaxloss.alpha_divergence(log_q, log_p, alpha=2.0), 0.5 * chi_square, rtol=1e-5)
    near_zero = jaxloss.alpha_divergence(log_q, log_p, alpha=1e-6)
    np.testing.assert_allclose(near_zero, jaxloss.kl_divergence_with_log_targets(log_p, log_q), rtol=2e-5)


def test_renyi_grows_with_the_order_and_is_infinite_for_strangers():
    log_q, log_p = log_pair(2)
    values = [jaxloss.renyi_divergence(log_q, log_p, alpha=a) for a in (0.2, 0.7, 1.0, 1.5, 4.0)]
    assert values == sorted(values)
    with np.errstate(divide="ignore"):
        here, there = np.log(np.eye(2, dtype=np.float32))
    assert jaxloss.renyi_divergence(here, there, alpha=0.5) == np.inf
    assert jaxloss.renyi_divergence(here, there, alpha=2.0) == np.inf
    np.testing.assert_allclose(jaxloss.alpha_divergence(here, there, alpha=0.5), 4)


@pytest.mark.parametrize("alpha", [0.3, 0.999, 1.0, 1.001, 2.5])
def test_close_distributions_keep_the_digits_of_small_divergences(alpha):
    """To second order it is half of the chi-square divergence, whatever the order."""
    p = np.array([0.2, 0.3, 0.5])
    q = p + 1e-4 * np.array([1.0, -2.0, 1.0])
    expected = 0.5 * np.sum((p - q) ** 2 / q)
    with jax.enable_x64(True):
        value = jaxloss.alpha_divergence(np.log(q), np.log(p), alpha=alpha)
    np.testing.assert_allclose(value, expected, rtol=2e-3)
    single = jaxloss.alpha_divergence(np.log(q).astype(np.float32), np.log(p).astype(np.float32), alpha=alpha)
    np.testing.assert_allclose(single, expected, rtol=1e-2)


def test_the_beta_divergence_joins_three_losses():
    rng = np.random.default_rng(3)
    q, p = rng.uniform(0.1, 3, size=(2, 50)).astype(np.float32)
    at = lambda beta: jaxloss.beta_divergence(q, p, beta=beta)
    np.testing.assert_allclose(at(0.0), jaxloss.itakura_saito_divergence(q, p), rtol=1e-5)
    expected = jaxloss.generalized_kl_divergence(np.log(q)[:, None], p[:, None])
    np.testing.assert_allclose(at(1.0), expected, rtol=1e-5)
    np.testing.assert_allclose(at(2.0), 0.5 * jaxloss.squared_error(q, p), rtol=1e-5)
    for whole in (0.0, 1.0):
        np.testing.assert_allclose([at(whole - 1e-5), at(whole + 1e-5)], at(whole), rtol=1e-4)


def test_nothing_to_find_costs_what_is_predicted():
    value, slope = jax.value_and_grad(lambda q: jaxloss.beta_divergence(q, jnp.zeros(()), beta=1.5))(4.0)
    np.testing.assert_allclose(value, 4**1.5 / 1.5, rtol=1e-6)
    np.testing.assert_allclose(slope, 2, rtol=1e-6)
    assert jaxloss.beta_divergence(jnp.array(4.0), jnp.array(0.0), beta=-1.0) == np.inf
