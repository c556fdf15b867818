"""Distributional critics: what is cut off the target, and limits to the losses of critics of one number."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from tests.cases.reinforcement.quantile_values import draw_mixtures
from tests.cases.reinforcement.truncated_quantiles import draw_critics

pytestmark = pytest.mark.full


def test_it_equals_the_code_of_the_authors_but_for_the_mean_over_critics(rng) -> None:
    """``quantile_huber_loss_f`` of tqc_pytorch, and the target of its trainer."""
    torch = pytest.importorskip("torch")
    some = draw_critics(rng, (6,), critics=5, quantiles=25, targets=5, following=25)
    q, r, g, z, p = (torch.tensor(some[n]) for n in ("dist_q_tm1", "r_t", "discount_t", "dist_q_t", "log_probs_t"))
    kept = torch.sort(z.reshape(6, -1))[0][:, : 125 - 5 * 2]
    samples = r[:, None] + g[:, None] * (kept - 0.2 * p[:, None])
    delta = samples[:, None, None, :] - q[:, :, :, None]
    huber = torch.where(delta.abs() > 1, delta.abs() - 0.5, delta**2 * 0.5)
    tau = torch.arange(25).double() / 25 + 1 / 2 / 25
    expected = (torch.abs(tau[None, None, :, None] - (delta < 0).double()) * huber).mean()
    with jax.enable_x64(True):
        actual = jaxloss.truncated_quantile_critics_loss(**some, temperature=0.2)
    np.testing.assert_allclose(actual, 5 * expected.numpy(), rtol=1e-12)


def test_the_largest_quantiles_of_the_pool_do_not_count(rng) -> None:
    """They may all come from one critic."""
    some = draw_critics(rng, (4,), targets=2, following=3)
    some["dist_q_t"][:, 0] = 100 + np.sort(some["dist_q_t"][:, 0])
    loss = lambda x: jaxloss.truncated_quantile_critics_loss(**x, temperature=0.1, num_dropped=1)
    expected = loss(some)
    some["dist_q_t"][:, 0, 1:] += 50
    np.testing.assert_array_equal(loss(some), expected)
    some["dist_q_t"][:, 0, 0] += 1
    assert loss(some) > expected


def test_a_dropped_nan_is_not_hidden(rng) -> None:
    some = draw_critics(rng, (3,))
    some["dist_q_t"][1, 0, 2] = np.nan
    values = jaxloss.truncated_quantile_critics_loss(**some, temperature=0.1, num_dropped=1, reduction="none")
    np.testing.assert_array_equal(np.isnan(values), [False, True, False])


def test_of_one_quantile_it_is_half_the_absolute_error_of_the_critics(rng) -> None:
    """One sample and one level, the median."""
    some = draw_critics(rng, (5,), critics=2, quantiles=1, targets=1, following=1)
    with jax.enable_x64(True):
        options = {"temperature": 0.3, "num_dropped": 0, "huber_param": 0.0}
        actual = jaxloss.truncated_quantile_critics_loss(**some, **options, reduction="none")
    soft = some["dist_q_t"][:, 0, 0] - 0.3 * some["log_probs_t"]
    expected = np.abs(some["r_t"] + some["discount_t"] * soft - some["dist_q_tm1"][..., 0].T).sum(0) / 2
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


def test_a_policy_that_is_certain_makes_expected_sarsa_q_learning(rng) -> None:
    some = draw_mixtures(rng, (5,))
    best = some["dist_q_t"].mean(-2).argmax(-1)
    with jax.enable_x64(True):
        sarsa = jaxloss.quantile_expected_sarsa_loss(**{**some, "probs_a_t": np.eye(4)[best]})
        some.pop("probs_a_t")
        dist = some.pop("dist_q_t")
        q_learning = jaxloss.quantile_q_learning_loss(**some, dist_q_t_selector=dist, dist_q_t=dist)
    np.testing.assert_allclose(sarsa, q_learning, rtol=1e-12)


def test_quantiles_of_a_return_are_learnt() -> None:
    """The episode ends with a reward of any size in [0, 1]: the quantiles are the levels."""
    rewards = jnp.linspace(0, 1, 201)
    size = rewards.shape[0]
    rest = (rewards, jnp.zeros(size), jnp.zeros((size, 1, 2)), jnp.zeros(size))

    def loss(q):
        quantiles = jnp.broadcast_to(q, (size, 1, 5))
        options = {"temperature": 0.0, "num_dropped": 0, "huber_param": 0.0}
        return jaxloss.truncated_quantile_critics_loss(quantiles, *rest, **options)

    step = jax.jit(lambda i, q: q - 0.5 / (1 + 0.05 * i) * jax.grad(loss)(q))
    q = jax.lax.fori_loop(0, 400, step, jnp.zeros((1, 5)))
    np.testing.assert_allclose(q[0], [0.1, 0.3, 0.5, 0.7, 0.9], atol=0.01)
