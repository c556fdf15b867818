"""Values with a regularised target or a conservative penalty: limits, compositions, and the world model of Dreamer."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

import jaxloss
from tests.cases.reinforcement._shared import draw_actions
from tests.cases.reinforcement.world_models import draw_states_of_a_model

pytestmark = pytest.mark.full


class TestMunchausen:
    def draw(self, rng):
        return draw_actions("q_t", "q_tm1_target")(rng, (6,))

    def test_cold_and_without_a_bonus_it_is_q_learning(self, rng) -> None:
        some = self.draw(rng)
        with jax.enable_x64(True):
            found = jaxloss.munchausen_q_learning_error(**some, temperature=1e-9, munchausen_weight=0.0)
            some.pop("q_tm1_target")
            np.testing.assert_allclose(found, jaxloss.q_learning_error(**some), rtol=1e-6, atol=1e-8)

    def test_it_is_the_loss_of_acme(self, rng) -> None:
        """Which takes the Huber loss, and clips the bonus at -1000."""
        some = self.draw(rng)
        tau, alpha = 0.03, 0.9
        pick = lambda x: x[np.arange(6), some["a_tm1"]]
        bonus = np.clip(pick(tau * scipy.special.log_softmax(some["q_tm1_target"] / tau, axis=-1)), -1e3, 0)
        soft = tau * scipy.special.logsumexp(some["q_t"] / tau, axis=-1)
        error = some["r_t"] + alpha * bonus + some["discount_t"] * soft - pick(some["q_tm1"])
        huber = np.where(np.abs(error) <= 1, error**2 / 2, np.abs(error) - 0.5)
        with jax.enable_x64(True):
            errors = jaxloss.munchausen_q_learning_error(**some, bonus_floor=-1e3)
            np.testing.assert_allclose(jaxloss.huber_loss(errors, 0 * errors), huber.mean(), rtol=1e-12)

    def test_large_values_keep_the_digits_of_the_bonus(self) -> None:
        q = jnp.array([[1e4, 1e4 - 0.01]])
        some = (jnp.zeros((1, 2)), jnp.array([1]), jnp.zeros(1), jnp.zeros(1), q, q)
        expected = 0.01 * (scipy.special.log_softmax(np.asarray(q, float) / 0.01, axis=-1)[0, 1])
        found = jaxloss.munchausen_q_learning_error(*some, temperature=0.01, munchausen_weight=1.0)
        np.testing.assert_allclose(found, [expected], rtol=1e-6)

    def test_only_the_prediction_has_a_gradient(self, rng) -> None:
        some = {n: np.asarray(x, np.float32) if x.dtype == float else x for n, x in self.draw(rng).items()}
        floats = {n: x for n, x in some.items() if x.dtype == np.float32}
        found = jax.grad(lambda x: jnp.sum(jaxloss.munchausen_q_learning_error(**{**some, **x})))(floats)
        np.testing.assert_array_equal(found.pop("q_tm1"), -np.eye(4)[some["a_tm1"]])
        assert not any(np.any(slope) for slope in found.values())

    def test_masked_errors_are_0(self, rng) -> None:
        some = self.draw(rng)
        where = np.arange(6) % 2 == 0
        spoiled = {
            n: np.where(where if x.ndim == 1 else where[:, None], x, -9).astype(x.dtype) for n, x in some.items()
        }
        found = jaxloss.munchausen_q_learning_error(**spoiled, where=where)
        np.testing.assert_allclose(found, np.where(where, jaxloss.munchausen_q_learning_error(**some), 0), rtol=1e-6)


class TestConservative:
    def test_over_all_discrete_actions_it_is_a_cross_entropy(self, rng) -> None:
        q, actions = 2 * rng.normal(size=(6, 4)), rng.integers(0, 4, size=6)
        with jax.enable_x64(True):
            taken = q[np.arange(6), actions]
            sampled = jaxloss.conservative_q_penalty(taken, q, np.full((6, 4), -np.log(4)), reduction="none")
            exact = jaxloss.softmax_cross_entropy_with_integer_labels(q, actions, reduction="none")
            np.testing.assert_allclose(sampled, exact, rtol=1e-9)

    def test_it_estimates_the_integral_over_continuous_actions(self, rng) -> None:
        """Of the values -a**2, whose exponentials integrate to the root of pi; half of the actions are uniform."""
        size = 20_000
        uniform, normal = rng.uniform(-4, 4, size=size), rng.normal(size=size)
        actions = np.concatenate([uniform, normal])
        logs = np.concatenate([np.full(size, -np.log(8)), -0.5 * normal**2 - 0.5 * np.log(2 * np.pi)])
        found = jaxloss.conservative_q_penalty(
            jnp.zeros(1), jnp.asarray(-(actions**2), jnp.float32)[None], jnp.asarray(logs, jnp.float32)[None]
        )
        np.testing.assert_allclose(found, 0.5 * np.log(np.pi), atol=0.02)

    def test_it_lowers_what_the_data_do_not_show(self) -> None:
        q = jnp.zeros((1, 3))
        slope = jax.grad(lambda x: jaxloss.conservative_q_penalty(x[:, 0], x, jnp.zeros((1, 3))))(q)
        np.testing.assert_allclose(slope, [[-2 / 3, 1 / 3, 1 / 3]], rtol=1e-6)


class TestWorldModel:
    def test_it_is_two_floored_divergences_with_stopped_gradients(self, rng) -> None:
        some = draw_states_of_a_model(rng, (5,))
        stop = jax.lax.stop_gradient

        def parts(posterior, prior):
            kl = lambda p, q: jnp.sum(jaxloss.kl_divergence_from_logits(q, p, reduction="none"), -1)[..., None]
            floored = lambda x: jaxloss.free_bits_loss(x, free_nats=2.0)
            return 0.8 * floored(kl(stop(posterior), prior)) + 0.2 * floored(kl(posterior, stop(prior)))

        options = {"dynamics_weight": 0.8, "representation_weight": 0.2, "free_nats": 2.0}
        with jax.enable_x64(True):
            whole = jax.value_and_grad(lambda a, b: jaxloss.balanced_categorical_kl(a, b, **options), (0, 1))
            for one, other in zip(
                jax.tree.leaves(whole(*some.values())),
                jax.tree.leaves(jax.value_and_grad(parts, (0, 1))(*some.values())),
                strict=True,
            ):
                np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)

    def test_the_floor_is_that_of_the_sum_over_variables(self) -> None:
        """torchrl floors every variable, which is far higher."""
        posterior, prior = jnp.array([[[0.5, 0.0]] * 8]), jnp.zeros((1, 8, 2))
        each = jaxloss.kl_divergence_from_logits(prior, posterior)
        assert each < 1 < 8 * each + 1
        value, slope = jax.value_and_grad(jaxloss.balanced_categorical_kl)(posterior, prior)
        np.testing.assert_allclose(value, 1.1 * max(1.0, 8 * float(each)), rtol=1e-6)
        assert not np.any(slope)

    def test_equal_distributions_are_at_rest_without_a_floor(self, rng) -> None:
        logits = jnp.asarray(rng.normal(size=(5, 3, 4)), jnp.float32)
        fn = lambda a, b: jaxloss.balanced_categorical_kl(a, b, free_nats=0.0)
        value, slopes = jax.value_and_grad(fn, (0, 1))(logits, logits)
        assert value == 0
        assert not np.any(slopes)

    def test_the_prior_learns_faster(self, rng) -> None:
        some = draw_states_of_a_model(rng, (50,))
        fn = lambda a, b: jaxloss.balanced_categorical_kl(a, b, free_nats=0.0)
        posterior, prior = jax.grad(fn, (0, 1))(*(jnp.asarray(x, jnp.float32) for x in some.values()))
        assert np.linalg.norm(prior) > 3 * np.linalg.norm(posterior)
