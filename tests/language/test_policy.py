"""Policy objectives: where the gradient stops, what overflows, which estimator has which gradient."""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

RNG = np.random.default_rng(0)
REWARDS = RNG.normal(size=(3, 5))
KEEP = np.array([[True, True, False, True, True], [False, True, False, False, False], [False] * 5])


def test_ppo_on_policy_is_the_policy_gradient() -> None:
    log_probs, advantages = jnp.log(jnp.array([0.1, 0.5, 0.9])), jnp.array([2.0, -3.0, 0.0])
    slope = jax.grad(functools.partial(jaxloss.ppo_clip_loss, reduction="sum"))(log_probs, log_probs, advantages)
    np.testing.assert_allclose(slope, -advantages, rtol=1e-6)


def test_ppo_stops_only_where_it_has_gone_far_in_the_right_direction() -> None:
    ratio = jnp.array([0.5, 0.5, 1.5, 1.5])
    advantages = jnp.array([1.0, -1.0, 1.0, -1.0])
    total = lambda x: jaxloss.ppo_clip_loss(x, jnp.zeros(4), advantages, clip_high=0.4, reduction="sum")
    np.testing.assert_allclose(jax.grad(total)(jnp.log(ratio)), [-0.5, 0.0, 0.0, 1.5], rtol=1e-6)
    np.testing.assert_allclose(
        jaxloss.ppo_clip_loss(jnp.log(ratio), jnp.zeros(4), advantages, clip_high=0.4, reduction="none"),
        [-0.5, 0.8, -1.4, 1.5],
        rtol=1e-6,
    )


def test_ppo_does_not_overflow_where_it_is_clipped() -> None:
    """A ratio of infinity times an advantage of 0 is not a number, and a minimum that skips it hides that."""
    advantages = jnp.array([1.0, 0.0, -1.0])
    total = lambda x: jaxloss.ppo_clip_loss(x, jnp.zeros(3), advantages, dual_clip=3.0, reduction="sum")
    value, slope = jax.jit(jax.value_and_grad(total))(jnp.full(3, 1e4))
    np.testing.assert_allclose(value, -1.2 + 3)
    assert not np.any(slope)
    assert jaxloss.ppo_clip_loss(jnp.full(1, 100.0), jnp.zeros(1), -jnp.ones(1)) == np.inf


def test_a_nan_shows_without_an_advantage_too() -> None:
    assert np.isnan(jaxloss.ppo_clip_loss(jnp.array([jnp.nan]), jnp.zeros(1), jnp.zeros(1)))


def test_the_rollout_is_constant() -> None:
    log_probs, old, reference, advantages = (jnp.asarray(x) for x in RNG.normal(size=(4, 6)))
    for fn, data in (
        (jaxloss.ppo_clip_loss, (log_probs, old, advantages)),
        (jaxloss.cispo_loss, (log_probs, old, advantages)),
        (jaxloss.grpo_loss, (log_probs, old, reference, advantages)),
    ):
        slopes = jax.jit(jax.grad(fn, argnums=tuple(range(len(data)))))(*data)
        assert np.any(slopes[0])
        assert not np.any(slopes[1])
        assert not np.any(slopes[-1])
    slopes = jax.grad(jaxloss.ppo_value_clip_loss, argnums=(0, 1, 2))(log_probs, old, reference)
    assert np.any(slopes[0])
    assert not np.any(slopes[1])
    assert not np.any(slopes[2])


def test_grpo_is_ppo_and_k3() -> None:
    log_probs, old, reference, advantages = RNG.normal(size=(4, 6))
    with jax.enable_x64(True):
        ppo = jax.jit(functools.partial(jaxloss.ppo_clip_loss, clip_high=0.3))(log_probs, old, advantages)
        parts = ppo + 0.5 * jax.jit(jaxloss.kl_estimate_k3)(log_probs, reference)
        grpo = jax.jit(functools.partial(jaxloss.grpo_loss, clip_high=0.3, beta=0.5))
        ours = grpo(log_probs, old, reference, advantages)
    np.testing.assert_allclose(ours, parts, rtol=1e-12)


def test_gmpo_equals_the_loss_of_verl() -> None:
    """``compute_policy_loss_geo_mean``, whose advantages are those of tokens, averaged."""
    torch = pytest.importorskip("torch")
    log_probs, old, noise = RNG.normal(size=(3, 6, 9))
    where, advantages = RNG.uniform(size=(6, 9)) < 0.7, np.broadcast_to(noise[:, :1], (6, 9))
    policy = torch.tensor(log_probs, requires_grad=True)
    sign, mask, a = torch.sign(torch.tensor(noise[:, :1])), torch.tensor(where).double(), torch.tensor(advantages)
    ratio = policy - torch.tensor(old)
    least = sign * torch.minimum(sign * ratio, sign * torch.clamp(ratio, -0.3, 0.6))
    mean = lambda x: (x * mask).sum(-1) / mask.sum(-1)
    expected = torch.mean(-mean(a) * torch.exp(mean(least)))
    expected.backward()
    with jax.enable_x64(True):
        fn = functools.partial(jaxloss.gmpo_loss, log_clip_low=0.3, log_clip_high=0.6, where=where)
        value, slope = jax.jit(jax.value_and_grad(fn))(log_probs, old, advantages)
    np.testing.assert_allclose(value, expected.item(), rtol=1e-12)
    np.testing.assert_allclose(slope, policy.grad.numpy(), rtol=1e-9, atol=1e-15)


def test_without_clips_gmpo_is_gspo_without_clips() -> None:
    log_probs, old, advantages = RNG.normal(size=(3, 6, 9))
    advantages = np.abs(advantages[:, :1]).repeat(9, -1)
    mean = jaxloss.tokens.mean_sequence_logps
    gspo = jaxloss.ppo_clip_loss(mean(log_probs), mean(old), advantages[:, 0], clip_high=1e6)
    np.testing.assert_allclose(jaxloss.gmpo_loss(log_probs, old, advantages, log_clip_high=50), gspo, rtol=1e-5)


def test_gspo_of_tokens_has_the_gradient_of_gspo_if_advantages_are_equal() -> None:
    """The ratio of the answer, with the gradient of each token."""
    log_probs, old, noise = RNG.normal(size=(3, 6, 9))
    advantages, mean = np.broadcast_to(noise[:, :1], (6, 9)), jaxloss.tokens.mean_sequence_logps

    def of_tokens(x):
        ratios = x + jax.lax.stop_gradient(mean(x)[:, None] - x)
        return jaxloss.ppo_clip_loss(ratios, jnp.broadcast_to(mean(old)[:, None], (6, 9)), advantages)

    with jax.enable_x64(True):
        actual = jax.jit(jax.value_and_grad(of_tokens))(log_probs)
        sequences = lambda x: jaxloss.ppo_clip_loss(mean(x), mean(old), advantages[:, 0])
        expected = jax.jit(jax.value_and_grad(sequences))(log_probs)
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-15)


def test_gmpo_clips_tokens_where_gspo_clips_sequences() -> None:
    log_probs, advantages = jnp.array([[3.0, 0.1, -0.2]]), jnp.ones((1, 3))
    slope = jax.grad(jaxloss.gmpo_loss)(log_probs, jnp.zeros((1, 3)), advantages)
    np.testing.assert_allclose(slope, [[0, -np.exp(0.1) / 3, -np.exp(0.1) / 3]], rtol=1e-5)
    mean = jaxloss.tokens.mean_sequence_logps
    sequence = lambda x: jaxloss.ppo_clip_loss(mean(x), jnp.zeros(1), jnp.ones(1), clip_high=0.4)
    assert not np.any(jax.grad(sequence)(log_probs))


def test_cispo_keeps_the_gradient_of_every_token() -> None:
    log_probs, old, advantages = RNG.normal(size=(3, 50))
    with jax.enable_x64(True):
        total = lambda x: jaxloss.cispo_loss(x, old, advantages, clip_high=0.5, reduction="sum")
        reverse = jax.grad(total)(log_probs)
        forward = jax.jvp(total, (log_probs,), (advantages,))[1]
    expected = -np.minimum(np.exp(log_probs - old), 1.5) * advantages
    np.testing.assert_allclose(reverse, expected, rtol=1e-12)
    np.testing.assert_allclose(forward, np.sum(expected * advantages), rtol=1e-12)


def test_ppo_of_mean_log_probabilities_is_gspo() -> None:
    log_probs, old = -RNG.gamma(2.0, size=(2, 4, 6))
    where, advantages = np.arange(6) < np.array([[6], [3], [1], [4]]), RNG.normal(size=4)
    with jax.enable_x64(True):
        mean = jax.jit(functools.partial(jaxloss.tokens.mean_sequence_logps, where=where))
        ppo = jax.jit(functools.partial(jaxloss.ppo_clip_loss, reduction="none"))
        ours = ppo(mean(log_probs), mean(old), advantages)
    ratio = np.exp([np.mean((log_probs - old)[i][where[i]]) for i in range(4)])
    theirs = -np.minimum(ratio * advantages, np.clip(ratio, 0.8, 1.2) * advantages)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_sapo_is_that_of_trl_and_on_policy_the_policy_gradient() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    log_probs, advantages = -rng.gamma(2.0, size=12), rng.normal(size=12)
    old = log_probs + 0.5 * rng.normal(size=12)
    ratio, gain = torch.exp(torch.tensor(log_probs - old)), torch.tensor(advantages)
    tau = torch.tensor(np.where(advantages > 0, 1.0, 1.05))
    theirs = -(torch.sigmoid(tau * (ratio - 1)) * 4 / tau) * gain
    with jax.enable_x64(True):
        ours = jaxloss.sapo_loss(log_probs, old, advantages, reduction="none")
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)
        slope = jax.grad(jaxloss.sapo_loss)(log_probs, log_probs, advantages)
        np.testing.assert_allclose(slope, -advantages / 12, rtol=1e-12)
        moved = np.array([-3.0, -1.0, 0.0, 1.0, 2.0, 9.0])
        total = lambda x: jaxloss.sapo_loss(x, np.zeros(6), -np.ones(6), reduction="sum")
        damping = jax.grad(total)(moved) / np.exp(moved)
        np.testing.assert_allclose(damping[2], 1, rtol=1e-12)
        assert np.all(np.diff(damping[:3]) > 0)
        assert np.all(np.diff(damping[2:]) < 0)


def test_values_and_gradients_of_the_divergence_estimates() -> None:
    """Exactly, over all tokens of a small vocabulary: k1 and k3 are unbiased, and only k2 has the gradient."""
    logits, reference = RNG.normal(size=(2, 7))

    @functools.partial(jax.jit, static_argnums=0)
    def expected(fn):
        """The mean over samples of the policy, and the mean of the gradients for fixed samples."""
        policy = jax.nn.log_softmax(logits)
        value = lambda z: fn(jax.nn.log_softmax(z), jax.nn.log_softmax(reference), reduction="none")
        probs = jnp.exp(policy)
        return probs @ value(logits), probs @ jax.jacobian(value)(logits)

    def divergence(first, second):
        p, q = jax.nn.log_softmax(first), jax.nn.log_softmax(second)
        return jnp.sum(jnp.exp(p) * (p - q))

    with jax.enable_x64(True):
        exact, slope = jax.jit(jax.value_and_grad(divergence))(logits, reference)
        other = jax.jit(jax.grad(divergence, argnums=1))(reference, logits)
        value, gradient = expected(jaxloss.kl_estimate_k1)
        np.testing.assert_allclose(value, exact, rtol=1e-12)
        np.testing.assert_allclose(gradient, np.zeros(7), atol=1e-15)
        np.testing.assert_allclose(expected(jaxloss.kl_estimate_k2)[1], slope, rtol=1e-11, atol=1e-15)
        value, gradient = expected(jaxloss.kl_estimate_k3)
        np.testing.assert_allclose(value, exact, rtol=1e-12)
        np.testing.assert_allclose(gradient, other, rtol=1e-11, atol=1e-15)
        assert np.max(np.abs(other - slope)) > 1e-2


def test_k3_is_accurate_where_the_policies_are_near() -> None:
    """exp(x) - 1 - x as it stands has no correct digit here, and both signs."""
    step = np.float32(2.0**-20)
    value = jaxloss.kl_estimate_k3(jnp.full(1, -2.0), jnp.full(1, -2.0 + step))
    np.testing.assert_allclose(value, float(step) ** 2 / 2, rtol=1e-6)


def test_a_value_gains_nothing_beyond_its_clip() -> None:
    values, old = jnp.array([1.5, 1.5, 1.1, 0.5]), jnp.ones(4)
    returns = jnp.array([2.0, 0.0, 2.0, 2.0])
    fn = lambda v: jaxloss.ppo_value_clip_loss(v, old, returns, reduction="sum")
    np.testing.assert_allclose(jax.grad(fn)(values), [0.0, 1.5, -0.9, -1.5], rtol=1e-6)
    losses = jaxloss.ppo_value_clip_loss(values, old, returns, reduction="none")
    np.testing.assert_allclose(losses, 0.5 * np.array([0.8, 1.5, 0.9, 1.5]) ** 2, rtol=1e-6)
    free = jaxloss.ppo_value_clip_loss(values, old, returns, clip=math.inf)
    np.testing.assert_allclose(free, jaxloss.half_squared_error(values, returns), rtol=1e-6)


# ---- advantages ------------------------------------------------------------------------------------------------


def _by_group(formula):
    """A formula of a list of rewards, applied to what the mask keeps of each group."""
    result = np.zeros(REWARDS.shape)
    for i in range(len(REWARDS)):
        if np.any(KEEP[i]):
            result[i][KEEP[i]] = formula(REWARDS[i][KEEP[i]])
    return result


@pytest.mark.parametrize(
    ("fn", "formula"),
    [
        (
            functools.partial(jaxloss.returns.group_advantages, epsilon=0.5),
            lambda r: (r - r.mean()) / ((np.std(r, ddof=1) if len(r) > 1 else 0) + 0.5),
        ),
        (
            functools.partial(jaxloss.returns.group_advantages, epsilon=0.5, ddof=0),
            lambda r: (r - r.mean()) / (np.std(r) + 0.5),
        ),
        (jaxloss.returns.centered_advantages, lambda r: r - r.mean()),
        (
            jaxloss.returns.leave_one_out_advantages,
            lambda r: [r[i] - np.mean(np.delete(r, i)) if len(r) > 1 else 0 for i in range(len(r))],
        ),
        (
            functools.partial(jaxloss.returns.batch_scaled_advantages, epsilon=0.5),
            lambda r: (r - r.mean()) / (np.std(REWARDS[KEEP], ddof=1) + 0.5),
        ),
        (
            functools.partial(jaxloss.returns.batch_scaled_advantages, epsilon=0.5, ddof=0),
            lambda r: (r - r.mean()) / (np.std(REWARDS[KEEP]) + 0.5),
        ),
    ],
    ids=["group", "group of divisor G", "centered", "leave one out", "batch", "batch of divisor n"],
)
def test_advantages_are_those_of_what_the_mask_keeps(fn, formula) -> None:
    spoiled = np.where(KEEP, REWARDS, np.nan)
    with jax.enable_x64(True):
        program = jax.jit(fn)
        np.testing.assert_allclose(program(spoiled, where=KEEP), _by_group(formula), rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(program(REWARDS), program(REWARDS, where=np.ones((3, 5), bool)), rtol=1e-12)
    with pytest.raises(TypeError, match="rewards"):
        fn(jnp.ones((2, 3), int))
    with pytest.raises(ValueError, match="group"):
        fn(jnp.ones(()))


@pytest.mark.parametrize(
    "fn",
    [
        jaxloss.returns.group_advantages,
        functools.partial(jaxloss.returns.group_advantages, epsilon=0.0),
        jaxloss.returns.centered_advantages,
        jaxloss.returns.leave_one_out_advantages,
        functools.partial(jaxloss.returns.batch_scaled_advantages, epsilon=0.0),
    ],
)
def test_groups_that_do_not_differ_have_no_advantage(fn) -> None:
    """0.1 seven times has a mean that is not 0.1: over a deviation of rounding errors that would be a 1."""
    program = jax.jit(lambda r: (fn(r), jax.grad(lambda x: jnp.sum(jnp.abs(fn(x))))(r)))
    for rewards in (np.full((2, 7), 0.1), np.full((2, 7), 3e38), np.full((2, 7), -1e-30), np.full((2, 1), 3.0)):
        value, slope = program(jnp.asarray(rewards, jnp.float32))
        assert not np.any(value)
        assert np.all(np.isfinite(slope))
    assert not np.any(jax.jit(lambda r: fn(r, where=jnp.zeros((2, 7), bool)))(jnp.ones((2, 7))))


def test_standardised_advantages_do_not_depend_on_the_unit() -> None:
    for scale in (1e-30, 1e30):
        rewards = jnp.asarray(REWARDS, jnp.float32)
        np.testing.assert_allclose(
            jaxloss.returns.group_advantages(rewards * scale, epsilon=0.0),
            jaxloss.returns.group_advantages(rewards, epsilon=0.0),
            rtol=1e-5,
        )
    with pytest.raises(ValueError, match="epsilon"):
        jaxloss.returns.group_advantages(rewards, epsilon=-1.0)


def test_a_nan_reward_stays_in_its_group() -> None:
    rewards = jnp.asarray(REWARDS).at[1, 2].set(jnp.nan)
    for fn in (
        jaxloss.returns.group_advantages,
        jaxloss.returns.centered_advantages,
        jaxloss.returns.leave_one_out_advantages,
    ):
        np.testing.assert_array_equal(np.isnan(fn(rewards)).all(-1), [False, True, False])
