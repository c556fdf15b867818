"""Retrace and its relatives: traces that are cut, steps that are skipped, and time on the first axis."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from tests.cases.reinforcement.action_traces import draw_retrace, draw_retrace_continuous

pytestmark = pytest.mark.full


def steps(rng: np.random.Generator, shape: tuple[int, ...] = (3, 7)) -> dict[str, np.ndarray]:
    return draw_retrace(rng, shape)


def test_discrete_actions_are_a_case_of_any_actions(rng) -> None:
    some = steps(rng)
    at = lambda x, a: np.take_along_axis(x, a[..., None], -1)[..., 0]
    with jax.enable_x64(True):
        any_kind = jaxloss.retrace_continuous_error(
            at(some["q_tm1"], some["a_tm1"]),
            some["r_t"],
            some["discount_t"],
            np.sum(some["pi_t"] * some["q_t"], -1),
            at(some["q_t"], some["a_t"]),
            np.log(at(some["pi_t"], some["a_t"]) / some["mu_t"]),
            lambda_=0.8,
        )
        np.testing.assert_allclose(jaxloss.retrace_error(**some, lambda_=0.8), any_kind, rtol=1e-9, atol=1e-12)


def test_without_traces_it_is_expected_sarsa(rng) -> None:
    some = steps(rng)
    with jax.enable_x64(True):
        expected = jaxloss.expected_sarsa_error(
            *(some[n] for n in ("q_tm1", "a_tm1", "r_t", "discount_t", "q_t")), probs_a_t=some["pi_t"]
        )
        np.testing.assert_allclose(jaxloss.retrace_error(**some, lambda_=0.0), expected, rtol=1e-12)


def test_on_policy_with_equal_values_it_is_td_lambda(rng) -> None:
    """If every action of a state has the value of the state, the trace mixes returns as lambda does."""
    some = draw_retrace_continuous(rng, (3, 7))
    r, discount, v = some["r_t"], some["discount_t"], some["v_t"]
    with jax.enable_x64(True):
        actual = jaxloss.retrace_continuous_error(some["q_tm1"], r, discount, v, v, np.zeros((3, 7)), lambda_=0.6)
        expected = jaxloss.td_lambda_error(some["q_tm1"], r, discount, v, lambda_=0.6)
        np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-12)


def test_only_the_prediction_has_a_gradient(rng) -> None:
    some = {n: np.asarray(x, np.float32) if x.dtype == float else x for n, x in steps(rng).items()}
    floats = {n: x for n, x in some.items() if x.dtype == np.float32}
    found = jax.grad(lambda x: jnp.sum(jaxloss.retrace_error(**{**some, **x})))(floats)
    np.testing.assert_array_equal(found.pop("q_tm1"), -np.eye(4)[some["a_tm1"]])
    assert not any(np.any(slope) for slope in found.values())


@pytest.mark.parametrize("last", [True, False])
def test_masked_steps_are_passed_over(rng, last) -> None:
    some = steps(rng)
    keep = np.array([True, False, True, True, False, True, last])
    where = np.broadcast_to(keep, (3, 7))
    spoiled = {
        n: np.where(where if x.ndim == 2 else where[..., None], x, np.nan if x.dtype == float else -7).astype(x.dtype)
        for n, x in some.items()
    }
    with jax.enable_x64(True):
        actual = jaxloss.retrace_error(**spoiled, lambda_=0.9, where=where)
        alone = jaxloss.retrace_error(**{n: x[:, keep] for n, x in some.items()}, lambda_=0.9)
    np.testing.assert_allclose(actual[:, keep], alone, rtol=1e-9)
    assert not np.any(actual[:, ~keep])


def test_what_lies_behind_the_last_step_does_not_matter(rng) -> None:
    some = draw_retrace_continuous(rng, (3, 7))
    expected = jaxloss.retrace_continuous_error(**some)
    for name in ("q_t", "log_rhos"):
        some[name][:, -1] = np.nan
    np.testing.assert_array_equal(jaxloss.retrace_continuous_error(**some), expected)


def test_other_traces_make_other_methods(rng) -> None:
    """Importance sampling of a trajectory whose policies agree is the plain return; Q(lambda) needs no policy."""
    r, discount, v, q = (rng.normal(size=(2, 5)) for _ in range(4))
    returns = functools.partial(jaxloss.returns.off_policy_returns, r, discount, v)
    with jax.enable_x64(True):
        one_step = returns(q, np.zeros((2, 5)))
        np.testing.assert_allclose(one_step, r + discount * v, rtol=1e-12)
        mixed = returns(v, np.full((2, 5), 0.3))
        np.testing.assert_allclose(mixed, jaxloss.returns.lambda_returns(r, discount, v, lambda_=0.3), rtol=1e-9)


class TestTime:
    """Time on the first axis, and one discount for all steps."""

    def test_the_first_axis_may_be_time(self, rng) -> None:
        r, discount, values, mix = (rng.normal(size=shape) for shape in ((4, 5), (4, 5), (4, 6), (4, 5)))
        where = rng.uniform(size=(4, 5)) < 0.7
        v, q, c = values[:, 1:], values[:, :-1], mix
        first = lambda x: np.moveaxis(x, -1, 0)
        of = jaxloss.returns
        for fn, arrays, options in (
            (of.lambda_returns, (r, discount, v), {"lambda_": mix, "where": where}),
            (of.lambda_returns, (r, 0.5, v), {"lambda_": 0.5}),
            (of.generalized_advantage_estimation, (r, discount, values), {"lambda_": mix, "where": where}),
            (of.off_policy_returns, (r, discount, v, q, c), {"where": where}),
            (functools.partial(of.n_step_bootstrapped_returns, n=3), (r, discount, v), {"lambda_": mix}),
        ):
            moved = [first(x) if np.ndim(x) else x for x in arrays]
            others = {n: first(x) if np.ndim(x) else x for n, x in options.items()}
            actual = fn(*moved, **others, time_major=True)
            np.testing.assert_array_equal(actual, first(fn(*arrays, **options)))

    def test_one_discount_serves_all_steps(self, rng) -> None:
        r, values = rng.normal(size=(4, 5)).astype(np.float32), rng.normal(size=(4, 6)).astype(np.float32)
        v, q, c = values[:, 1:], values[:, :-1], np.full((4, 5), 0.5, np.float32)
        of = jaxloss.returns
        for fn, rest in (
            (of.lambda_returns, (v,)),
            (of.generalized_advantage_estimation, (values,)),
            (of.off_policy_returns, (v, q, c)),
            (functools.partial(of.n_step_bootstrapped_returns, n=2), (v,)),
        ):
            expected = fn(r, np.full((4, 5), 0.9, np.float32), *rest)
            for discount in (0.9, np.float64(0.9), jnp.float32(0.9)):
                found = fn(r, discount, *rest)
                assert found.dtype == jnp.float32
                np.testing.assert_array_equal(found, expected)
            jitted = jax.jit(lambda g, fn=fn, rest=rest: fn(r, g, *rest))
            np.testing.assert_allclose(jitted(0.9), expected, rtol=1e-6)

    def test_no_number_is_refused(self) -> None:
        with pytest.raises(ValueError, match="discount_t"):
            jaxloss.returns.lambda_returns(jnp.ones(3), float("nan"), jnp.ones(3))
        with pytest.raises(ValueError, match="discount_t"):
            jaxloss.returns.lambda_returns(jnp.ones((2, 3)), jnp.ones(3), jnp.ones((2, 3)))


def test_it_learns_the_values_of_a_policy_that_never_acted() -> None:
    """Two states, two actions, and a policy of data that is uniform: the values are those of the other policy."""
    rng = np.random.default_rng(0)
    pi, size = np.array([[0.9, 0.1], [0.2, 0.8]]), 4000
    actions = rng.integers(0, 2, size=size + 1)
    states = np.concatenate([[0], actions])[: size + 1]  # an action leads to the state of its number
    rewards = 1.0 * (actions[:-1] == 1) + 0.5 * (states[:-1] == 0)
    shaped = lambda x: x.reshape(40, 100)
    policy = pi[states[1:]].reshape(40, 100, 2)

    def loss(q):
        at = lambda s: q[s].reshape(40, 100, 2)
        before = at(states[:-1]), shaped(actions[:-1]), shaped(rewards), jnp.full((40, 100), 0.8)
        after = at(states[1:]), shaped(actions[1:]), policy, jnp.full((40, 100), 0.5)
        return jaxloss.retrace_loss(*before, *after)

    step = jax.jit(lambda q: q - 2 * jax.grad(loss)(q))
    q = jnp.zeros((2, 2))
    for _ in range(150):
        q = step(q)
    exact = np.linalg.solve(
        np.eye(4) - 0.8 * np.kron(np.ones((2, 1)), np.kron(np.eye(2), np.ones((1, 2))) * pi.ravel()),
        np.array([0.5, 1.5, 0.0, 1.0]),
    ).reshape(2, 2)
    np.testing.assert_allclose(q, exact, atol=0.02)
