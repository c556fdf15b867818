"""Preference optimisation: what trainers disagree about, what floating point loses, parity with PyTorch."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

FOUR = -np.random.default_rng(0).gamma(4.0, size=(4, 20))


def test_dpo_at_the_reference_is_log_two_and_pushes_by_half_beta() -> None:
    at = jnp.full(3, -300.0)
    value, slopes = jax.value_and_grad(jaxloss.dpo_loss, argnums=(0, 1))(at, 2 * at, at, 2 * at)
    np.testing.assert_allclose(value, np.log(2), rtol=1e-7)
    np.testing.assert_allclose(slopes[0], -0.1 / 2 / 3 * np.ones(3), rtol=1e-6)
    np.testing.assert_allclose(slopes[1], 0.1 / 2 / 3 * np.ones(3), rtol=1e-6)


def test_small_losses_keep_their_relative_accuracy() -> None:
    zero = jnp.zeros(1)
    np.testing.assert_allclose(jaxloss.dpo_loss(zero + 300, zero, zero, zero), np.log1p(np.exp(-30.0)), rtol=1e-6)
    np.testing.assert_allclose(jaxloss.bradley_terry_reward_loss(zero + 30, zero), np.exp(-30.0), rtol=1e-6)
    np.testing.assert_allclose(jaxloss.simpo_loss(zero, zero - 20), np.exp(-39.0), rtol=1e-5)


def test_dpo_is_that_of_torch() -> None:
    torch = pytest.importorskip("torch")
    chosen, rejected, reference_chosen, reference_rejected = (torch.tensor(x) for x in FOUR)
    score = 0.3 * ((chosen - rejected) - (reference_chosen - reference_rejected))
    log_sigmoid = torch.nn.functional.logsigmoid
    theirs = -log_sigmoid(score) * 0.9 - log_sigmoid(-score) * 0.1
    with jax.enable_x64(True):
        ours = jaxloss.dpo_loss(*FOUR, beta=0.3, label_smoothing=0.1, reduction="none")
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
        ours = jaxloss.bradley_terry_reward_loss(*FOUR[:2], margin=0.5, reduction="none")
        np.testing.assert_allclose(ours, -log_sigmoid(chosen - rejected - 0.5), rtol=1e-12)


def test_robust_dpo_is_unbiased_and_the_conservative_loss_is_not() -> None:
    flipped = FOUR[[1, 0, 3, 2]]
    with jax.enable_x64(True):
        mixed = lambda fn, **hypers: 0.8 * fn(*FOUR, **hypers) + 0.2 * fn(*flipped, **hypers)
        plain = jaxloss.dpo_loss(*FOUR)
        np.testing.assert_allclose(mixed(jaxloss.robust_dpo_loss, flip_rate=0.2), plain, rtol=1e-12)
        assert abs(mixed(jaxloss.dpo_loss, label_smoothing=0.2) - plain) > 1e-3
        np.testing.assert_allclose(jaxloss.robust_dpo_loss(*FOUR, flip_rate=0.0), plain, rtol=1e-12)


def test_ipo_rests_at_its_aim() -> None:
    zero = jnp.zeros(2)
    value, slope = jax.value_and_grad(jaxloss.ipo_loss)(zero + 5, zero, zero, zero)
    assert value == 0
    assert not np.any(slope)


def test_ipo_of_sums_and_of_means_are_two_losses() -> None:
    tokens = jnp.array([[-1.0, -2.0, -3.0, 7.0], [-2.0, -4.0, -1.0, -1.0]])
    where = jnp.array([[True, True, True, False], [True, True, True, True]])
    sums = jaxloss.tokens.sequence_logps(tokens, where=where)
    means = jaxloss.tokens.mean_sequence_logps(tokens, where=where)
    np.testing.assert_allclose(sums, [-6, -8])
    np.testing.assert_allclose(means, [-2, -2])
    zero = jnp.zeros(1)
    assert jaxloss.ipo_loss(sums[:1], sums[1:], zero, zero, beta=0.25) == 0
    assert jaxloss.ipo_loss(means[:1], means[1:], zero, zero, beta=0.25) == 4


def test_slic_of_a_satisfied_pair_has_no_gradient() -> None:
    zero = jnp.zeros(1)
    for chosen, slope in ((9.0, -0.1), (10.0, 0.0), (11.0, 0.0)):
        np.testing.assert_allclose(jax.grad(jaxloss.slic_loss)(zero + chosen, zero, zero, zero), [slope])


def test_dpo_positive_is_dpo_until_the_chosen_answer_declines() -> None:
    """Where both answers become less likely and the rejected one more so, DPO is content and this is not."""
    zero, one = jnp.zeros(1), jnp.ones(1)
    assert jaxloss.dpo_positive_loss(one, zero, zero, zero, beta=0.1) == jaxloss.dpo_loss(one, zero, zero, zero)
    fn = lambda loss: jax.grad(loss)(-one, -5 * one, zero, zero, beta=0.1)[0]
    assert fn(functools.partial(jaxloss.dpo_positive_loss, penalty_weight=50.0)) < -5
    assert fn(jaxloss.dpo_loss) > -0.1
    kink = jax.grad(jaxloss.dpo_positive_loss)(zero, zero, zero, zero, beta=0.1)
    np.testing.assert_allclose(kink, jax.grad(jaxloss.dpo_loss)(zero, zero, zero, zero), rtol=1e-6)


def test_the_margin_of_simpo_is_in_units_of_the_reward() -> None:
    chosen, rejected = FOUR[:2]
    with jax.enable_x64(True):
        ours = jaxloss.simpo_loss(chosen, rejected, beta=2.5, margin=1.5, reduction="none")
    np.testing.assert_allclose(ours, np.log1p(np.exp(-2.5 * (chosen - rejected - 1.5 / 2.5))), rtol=1e-12)


def test_cpo_is_dpo_without_a_reference_and_a_likelihood() -> None:
    zero = np.zeros(20)
    with jax.enable_x64(True):
        parts = jaxloss.dpo_loss(*FOUR[:2], zero, zero, beta=0.4) - 0.7 * np.mean(FOUR[0])
        np.testing.assert_allclose(jaxloss.cpo_loss(*FOUR[:2], beta=0.4, nll_weight=0.7), parts, rtol=1e-12)


def test_orpo_is_accurate_where_answers_are_nearly_certain() -> None:
    """A clip of log-probabilities at -1e-7, or log(1 - exp(x)) as it stands, is wrong here."""
    chosen, rejected = -np.array([1e-3, 1e-6, 1e-9, 1e-20, 5.0]), -np.array([1e-4, 1.0, 1e-12, 1e-20, 1e-10])
    fn = lambda c, r: jnp.sum(jaxloss.orpo_loss(c, r, beta=2.0, reduction="none"))
    for dtype in (np.float32, np.float64):
        with jax.enable_x64(dtype is np.float64):
            c, r = chosen.astype(dtype), rejected.astype(dtype)
            value = jaxloss.orpo_loss(c, r, beta=2.0, reduction="none")
            slopes = jax.grad(fn, argnums=(0, 1))(c, r)
        c, r = c.astype(np.float64), r.astype(np.float64)
        odds = np.exp(r - c) * np.expm1(c) / np.expm1(r)
        np.testing.assert_allclose(value, 2 * np.log1p(odds) - c, rtol=1e-6)
        pull = 2 * odds / (1 + odds)
        np.testing.assert_allclose(slopes[0], -1 + pull / np.expm1(c), rtol=1e-5)
        np.testing.assert_allclose(slopes[1], -pull / np.expm1(r), rtol=1e-5)


def test_orpo_outside_its_domain_is_not_a_number() -> None:
    assert np.isnan(jaxloss.orpo_loss(jnp.array([0.1]), jnp.array([-1.0])))
    assert np.isnan(jaxloss.orpo_loss(jnp.array([-1.0]), jnp.array([0.1])))


def test_kto_is_half_at_its_reference_point_and_saturates() -> None:
    labels = jnp.array([1, 0])
    value, slope = jax.value_and_grad(lambda x: jaxloss.kto_loss(x, jnp.zeros(2), labels, reference_point=3.0))(
        jnp.full(2, 3.0)
    )
    assert value == 0.5
    np.testing.assert_allclose(slope, [-0.1 / 8, 0.1 / 8], rtol=1e-6)
    far = jaxloss.kto_loss(jnp.full(2, 1e6), jnp.zeros(2), labels, undesirable_weight=2.0, reduction="none")
    np.testing.assert_array_equal(far, [0, 2])


def test_the_weights_of_kto_are_not_part_of_its_mean() -> None:
    zero, labels = jnp.zeros(4), jnp.array([1, 1, 1, 0])
    np.testing.assert_allclose(jaxloss.kto_loss(zero, zero, labels, desirable_weight=2.0), (3 * 1.0 + 0.5) / 4)


def test_the_reference_point_is_a_constant_over_all_devices_and_never_negative() -> None:
    policy, reference = FOUR[0].reshape(4, 5), FOUR[1].reshape(4, 5)
    keep = np.arange(20).reshape(4, 5) % 7 < np.array([1, 7, 3, 6])[:, None]
    expected = max(0.0, np.mean((policy - reference)[keep]))
    swapped = max(0.0, np.mean((reference - policy)[keep]))
    assert max(expected, swapped) > 0
    with jax.enable_x64(True):
        for a, b, result in ((policy, reference, expected), (reference, policy, swapped)):
            np.testing.assert_allclose(jaxloss.kto_reference_point(a, b, where=keep), result, rtol=1e-12)
            shared = jax.vmap(
                lambda x, y, w: jaxloss.kto_reference_point(x, y, where=w, axis_name="data"), axis_name="data"
            )(a, b, keep)
            np.testing.assert_allclose(shared, np.full(4, result), rtol=1e-12)
        assert not np.any(jax.grad(lambda x: jaxloss.kto_reference_point(x, reference))(policy))
    assert jaxloss.kto_reference_point(policy, reference, where=np.zeros((4, 5), bool)) == 0


@pytest.mark.parametrize("fn", [jaxloss.tokens.sequence_logps, jaxloss.tokens.mean_sequence_logps])
def test_padding_stays_out_of_sequence_log_probabilities(fn) -> None:
    where = jnp.array([[True, False, True], [False, False, False]])
    clean = jnp.array([[-1.0, 0.0, -2.0], [0.0, 0.0, 0.0]])
    total = lambda x: jnp.sum(fn(x, where=where))
    for garbage in (np.nan, np.inf, -np.inf):
        spoiled = jnp.where(where, clean, garbage)
        np.testing.assert_array_equal(fn(spoiled, where=where), fn(clean, where=where))
        np.testing.assert_array_equal(jax.grad(total)(spoiled), jax.grad(total)(clean))
    assert fn(clean, where=where)[1] == 0
    assert fn(clean.astype(jnp.bfloat16), where=where).dtype == jnp.float32
    np.testing.assert_allclose(fn(clean), fn(clean, where=jnp.ones((2, 3), bool)))
    with pytest.raises(TypeError, match="token_logps"):
        fn(jnp.ones((2, 3), int))
    with pytest.raises(ValueError, match="where"):
        fn(clean, where=jnp.ones((2, 2), bool))
    with pytest.raises(ValueError, match="tokens"):
        fn(jnp.zeros(()))


@pytest.mark.parametrize("fn", [jaxloss.tokens.sequence_logps, jaxloss.tokens.mean_sequence_logps])
def test_packed_sequences_are_the_single_ones(fn, rng) -> None:
    logps = -rng.exponential(size=(2, 7))
    segments = np.array([[1, 1, 1, 2, 2, 0, 0], [2, 2, 4, 4, 4, 4, 1]])
    where = rng.random((2, 7)) > 0.2
    spoiled = np.where(where & (segments > 0), logps, np.nan)
    packed = jax.jit(lambda x: fn(x, segments=segments, num_segments=4, where=where & (segments > 0)))
    pull = jax.grad(lambda x: jnp.sum(packed(x) ** 2))(spoiled)
    for row in range(2):
        for sequence in range(1, 5):
            own = segments[row] == sequence
            single = lambda x: fn(x, where=where[row, own])
            np.testing.assert_allclose(packed(spoiled)[row, sequence - 1], single(logps[row, own]), rtol=1e-6)
            slope = jax.grad(lambda x: single(x) ** 2)(jnp.asarray(logps[row, own], jnp.float32))
            np.testing.assert_allclose(pull[row, own], slope, rtol=1e-5)
    assert not np.any(pull[segments == 0])


@pytest.mark.parametrize("fn", [jaxloss.tokens.sequence_logps, jaxloss.tokens.mean_sequence_logps])
def test_segments_that_nobody_counts(fn) -> None:
    logps, segments = jnp.zeros((2, 3)), jnp.array([[1, 2, 0], [1, 3, 0]])
    np.testing.assert_array_equal(np.isnan(fn(logps, segments=segments, num_segments=2)), [[False] * 2, [True] * 2])
    hidden = fn(logps, segments=segments, num_segments=2, where=segments < 3)
    np.testing.assert_array_equal(hidden, np.zeros((2, 2)))
    for options in ({"segments": segments}, {"num_segments": 2}):
        with pytest.raises(ValueError, match="belong together"):
            fn(logps, **options)
    with pytest.raises(TypeError, match="segments"):
        fn(logps, segments=logps, num_segments=2)
    with pytest.raises(ValueError, match="segments"):
        fn(logps, segments=segments[:, :2], num_segments=2)
    with pytest.raises(ValueError, match="num_segments"):
        fn(logps, segments=segments, num_segments=0)
