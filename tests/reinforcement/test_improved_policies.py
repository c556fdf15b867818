"""Policies that are improved through critics and by imitation: gradients, duals, and what other names stand for."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import scipy.special

import jaxloss

pytestmark = pytest.mark.full


class TestDeterministic:
    def test_its_gradient_is_that_of_the_value_of_the_policy(self, rng) -> None:
        weights, states = rng.normal(size=(3, 2)), rng.normal(size=(5, 3))
        critic = lambda s, a: -jnp.sum((a - s[:2]) ** 2) + jnp.sin(s[0] * a[1])
        actions = lambda w: jnp.tanh(states @ w)

        def dpg(w):
            slopes = jax.vmap(jax.grad(critic, argnums=1))(states, actions(w))
            return jaxloss.dpg_loss(actions(w), slopes)

        with jax.enable_x64(True):
            direct = jax.grad(lambda w: jnp.sum(-jax.vmap(critic)(states, actions(w))) / 5)(weights)
            np.testing.assert_allclose(jax.grad(dpg)(weights), direct, rtol=1e-9)

    def test_long_gradients_keep_their_direction(self) -> None:
        slopes = jnp.array([[3e18, 4e18], [0.3, 0.4], [0.0, 0.0]])
        fn = lambda a: jaxloss.dpg_loss(a, slopes, dqda_clipping=1.0, reduction="sum")
        value, slope = jax.value_and_grad(fn)(jnp.full((3, 2), 1e6))
        np.testing.assert_allclose(slope, [[-0.6, -0.8], [-0.3, -0.4], [0, 0]], rtol=1e-6)
        np.testing.assert_allclose(value, 0.5 + 0.125, rtol=1e-6)

    def test_the_critic_of_td3_is_that_of_sac_without_a_temperature(self, rng) -> None:
        """TD3's target takes the smaller of two critics at a target action to which clipped noise is added."""
        q, following = rng.normal(size=(6, 2)), rng.normal(size=(6, 2))
        r, discount = rng.normal(size=6), rng.uniform(size=6)
        target = r + discount * np.minimum(following[:, 0], following[:, 1])
        expected = np.mean((q[:, 0] - target) ** 2) + np.mean((q[:, 1] - target) ** 2)
        with jax.enable_x64(True):
            ours = jaxloss.sac_critic_loss(q, r, discount, following, np.zeros(6), temperature=0.0)
            np.testing.assert_allclose(ours, expected / 2, rtol=1e-12)

    def test_implicit_q_learning_is_an_expectile_and_weighted_imitation(self, rng) -> None:
        v, q, log_probs = rng.normal(size=8), rng.normal(size=8), rng.normal(size=8)
        gap = q - v
        with jax.enable_x64(True):
            value = jaxloss.expectile_loss(v, q, expectile=0.7)
            np.testing.assert_allclose(value, np.mean(np.abs(0.7 - (gap < 0)) * gap**2), rtol=1e-12)
            policy = jaxloss.advantage_weighted_loss(log_probs, gap, temperature=1 / 3)
            expected = -np.mean(np.minimum(np.exp(3 * gap), 100) * log_probs)
            np.testing.assert_allclose(policy, expected, rtol=1e-12)


class TestMaximumAPosteriori:
    def test_at_the_best_temperature_the_weights_diverge_by_the_bound(self, rng) -> None:
        adv, bound = rng.normal(size=50), 0.2
        with jax.enable_x64(True):
            dual = jax.jit(lambda eta: jaxloss.mpo_temperature_loss(eta, adv, kl_bound=bound))
            eta = scipy.optimize.minimize_scalar(lambda x: float(dual(x)), bounds=(0.05, 20), method="bounded").x
            weights = -jax.grad(lambda x: jaxloss.mpo_policy_loss(x, adv, temperature=eta))(np.zeros(50))
            slope = float(jax.grad(dual)(eta))
        np.testing.assert_allclose(weights, scipy.special.softmax(adv / eta), rtol=1e-9)
        np.testing.assert_allclose(np.sum(scipy.special.rel_entr(weights, 1 / 50)), bound, rtol=1e-3)
        assert abs(slope) < 1e-3

    def test_the_best_share_is_counted_by_weight(self, rng) -> None:
        adv, log_probs = rng.normal(size=12), rng.normal(size=12)
        best = np.argsort(-adv)[:6]
        with jax.enable_x64(True):
            half = {"top_fraction": 0.5}
            actual = jaxloss.mpo_policy_loss(log_probs, adv, temperature=0.3, **half)
            alone = jaxloss.mpo_policy_loss(log_probs[best], adv[best], temperature=0.3)
            np.testing.assert_allclose(actual, alone, rtol=1e-12)
            twice = jaxloss.mpo_policy_loss(np.repeat(log_probs, 2), np.repeat(adv, 2), temperature=0.3, **half)
            np.testing.assert_allclose(twice, alone, rtol=1e-12)
            odd = jaxloss.mpo_temperature_loss(np.array(0.3), np.array([1.0, 0.5, 0.0]), kl_bound=0.1, **half)
            factors = np.exp(np.array([1.0, 0.5]) / 0.3)
            np.testing.assert_allclose(odd, 0.03 + 0.3 * np.log((factors @ [1, 0.5]) / 1.5), rtol=1e-12)

    def test_the_level_of_the_advantages_is_that_of_those_that_count(self) -> None:
        """A masked entry holds 0, beside which all others would be nothing."""
        log_probs, adv = jnp.array([-1.0, -2.0, -5.0]), jnp.array([-900.0, -900.5, jnp.nan])
        where = jnp.array([True, True, False])
        masked = jaxloss.mpo_policy_loss(log_probs, adv, temperature=0.5, where=where)
        np.testing.assert_allclose(masked, 1 + 1 / (1 + np.e), rtol=1e-6)
        dual = jaxloss.mpo_temperature_loss(jnp.array(0.5), adv, where=where)
        np.testing.assert_allclose(dual, 0.05 - 900 + 0.5 * np.log((1 + np.exp(-1)) / 2), rtol=1e-6)

    def test_a_cold_temperature_imitates_the_best_action_and_a_hot_one_all(self) -> None:
        log_probs, adv = jnp.array([-1.0, -2.0, -6.0]), jnp.array([1.0, 3.0, 2.0])
        run = functools.partial(jaxloss.mpo_policy_loss, log_probs, adv)
        assert run(temperature=1e-3) == 2
        np.testing.assert_allclose(run(temperature=1e8), 3, rtol=1e-6)

    def test_the_multiplier_rises_beyond_the_bound_and_falls_below_it(self) -> None:
        slope = jax.grad(lambda a, kl: jaxloss.mpo_kl_loss(kl, a, kl_bound=0.1))
        assert slope(jnp.array(2.0), jnp.array([0.3, 0.1])) < 0
        assert slope(jnp.array(2.0), jnp.array([0.05, 0.1])) > 0
        np.testing.assert_allclose(jaxloss.mpo_kl_loss(jnp.array([7.0]), jnp.array(2.0), kl_bound=0.1), 0.2, rtol=1e-6)

    def test_multipliers_have_the_shape_of_what_they_bound(self) -> None:
        with pytest.raises(ValueError, match="kl_divergences"):
            jaxloss.mpo_kl_loss(jnp.ones((4, 3)), jnp.ones(2), kl_bound=0.1)
        with pytest.raises(ValueError, match="temperature"):
            jaxloss.mpo_temperature_loss(jnp.ones(2), jnp.ones(3))

    def test_it_improves_a_policy_within_the_bound(self, rng) -> None:
        """One improvement of a policy over three actions, from samples of it: better, and not much further than allowed."""
        values, old = np.array([0.0, 1.0, 3.0]), np.log([0.5, 0.3, 0.2])
        actions = rng.choice(3, size=400, p=np.exp(old))
        adv, bound = jnp.asarray(values[actions], jnp.float32), 0.05

        def loss(some):
            logits, log_eta, log_alpha = some
            log_probs = jax.nn.log_softmax(logits)
            eta = jnp.exp(log_eta)
            kl = jaxloss.kl_divergence_from_logits(logits, jnp.asarray(old, jnp.float32), reduction="none")
            return (
                jaxloss.mpo_policy_loss(log_probs[actions], adv, temperature=eta)
                + jaxloss.mpo_temperature_loss(eta, adv, kl_bound=bound)
                + jaxloss.mpo_kl_loss(kl[None], jnp.exp(log_alpha), kl_bound=bound)
            )

        step = jax.jit(lambda some: jax.tree.map(lambda x, g: x - 0.2 * g, some, jax.grad(loss)(some)))
        some = jnp.asarray(old, jnp.float32), jnp.array(0.0), jnp.array(0.0)
        for _ in range(600):
            some = step(some)
        new = scipy.special.softmax(np.asarray(some[0], float))
        assert values @ new > values @ np.exp(old) + 0.2
        assert np.sum(scipy.special.rel_entr(np.exp(old), new)) < 1.5 * bound


def test_the_entropy_of_a_gaussian_policy_is_minus_the_mean_log_density(rng) -> None:
    log_scales = np.array([0.3, -1.0])
    samples = np.exp(log_scales) * rng.normal(size=(100_000, 2))
    logs = -0.5 * (samples / np.exp(log_scales)) ** 2 - log_scales - 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(
        jaxloss.gaussian_entropy_loss(log_scales.astype(np.float32)), logs.sum(1).mean(), atol=0.01
    )
