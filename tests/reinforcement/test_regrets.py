"""Gradients of all actions by their regrets: games, certain policies, and identities between the losses."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from tests.cases.reinforcement.regrets import draw_policy_and_values

pytestmark = pytest.mark.full


def test_regrets_of_a_nearly_certain_policy_keep_their_accuracy() -> None:
    """float32 cannot hold a probability of 1 - 1e-15, nor the value of a policy that takes it."""
    value = jaxloss.regret_pg_loss(jnp.array([[35.0, 0.0]]), jnp.array([[101.0, 100.0]]))
    np.testing.assert_allclose(value, np.exp(-35.0), rtol=1e-5)


def test_a_forbidden_action_has_no_regret() -> None:
    logits, q = jnp.array([[0.0, 1.0, -jnp.inf]]), jnp.array([[2.0, 1.0, 9.0]])
    for fn in (jaxloss.regret_pg_loss, jaxloss.regret_matching_pg_loss):
        value, slope = jax.value_and_grad(fn)(logits, q)
        expected, expected_slope = jax.value_and_grad(fn)(logits[:, :2], q[:, :2])
        np.testing.assert_allclose(value, expected, rtol=1e-6)
        np.testing.assert_allclose(slope[:, :2], expected_slope, rtol=1e-6)
        assert slope[0, 2] == 0


def test_with_one_action_better_than_the_policy_all_are_the_policy_gradient(rng) -> None:
    """The regret policy gradient is the Q-based one, times the number of actions with a regret."""
    some = {n: np.asarray(x, np.float32) for n, x in draw_policy_and_values(rng, (50,)).items()}
    probs = jax.nn.softmax(some["logits_t"])
    better = np.sum(some["q_t"] > np.sum(probs * some["q_t"], -1, keepdims=True), -1)
    each = lambda fn: jax.vmap(jax.grad(fn))(some["logits_t"], some["q_t"])
    regret = each(jaxloss.regret_pg_loss)
    expected = better[:, None].astype(np.float32) * each(lambda z, q: jaxloss.minimum_risk_loss(z, -q))
    np.testing.assert_allclose(regret, expected, rtol=1e-3, atol=1e-5)


def test_the_actor_of_discrete_soft_actor_critic_is_a_sum_of_two_losses(rng) -> None:
    """Christodoulou (2019): the expectation of the temperature times the log-probability, less the value."""
    logits, q = draw_policy_and_values(rng, (6,)).values()
    with jax.enable_x64(True):
        actual = jaxloss.minimum_risk_loss(logits, -q) + 0.3 * jaxloss.entropy_loss(logits)
    log_probs = np.log(np.exp(logits) / np.exp(logits).sum(-1, keepdims=True))
    np.testing.assert_allclose(actual, np.mean(np.sum(np.exp(log_probs) * (0.3 * log_probs - q), -1)), rtol=1e-9)


@pytest.mark.parametrize("loss", [jaxloss.regret_pg_loss, jaxloss.regret_matching_pg_loss])
def test_the_policy_learns_the_best_action(loss) -> None:
    q = jnp.array([[1.0, 3.0, 2.0], [0.0, -1.0, -1.0]])
    step = jax.jit(lambda _, z: z - jax.grad(loss)(z, q, reduction="sum"))
    probs = jax.nn.softmax(jax.lax.fori_loop(0, 200, step, jnp.zeros((2, 3))))
    assert probs[0, 1] > 0.95
    assert probs[1, 0] > 0.95
