"""Reverse, symmetric and unnormalised divergences: direction, zeros, accuracy near equality, bounds, parity."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import jaxloss

LN2 = np.float32(np.log(2))
OF_LOGS = [jaxloss.reverse_kl_divergence, jaxloss.jensen_shannon_divergence, jaxloss.kl_divergence_from_logits]


def simplex(rng, *shape):
    raw = rng.gamma(1.0, size=shape)
    return raw / raw.sum(-1, keepdims=True)


# ---- direction -------------------------------------------------------------------------------------------------


def test_the_prediction_leads_in_reverse():
    q, p = np.array([0.7, 0.2, 0.1]), np.array([0.3, 0.3, 0.4])
    value = jaxloss.reverse_kl_divergence(jnp.log(q), jnp.log(p))
    np.testing.assert_allclose(value, scipy.stats.entropy(q, p), rtol=1e-6)
    assert abs(value - scipy.stats.entropy(p, q)) > 0.01


def test_reverse_is_forward_with_its_arguments_swapped(rng):
    q, p = np.log(simplex(rng, 2, 6, 5))
    with jax.enable_x64(True):
        reverse = jaxloss.reverse_kl_divergence(q, p, reduction="none")
        np.testing.assert_allclose(reverse, jaxloss.kl_divergence_with_log_targets(p, q, reduction="none"), rtol=1e-12)
        logits, target = q + 3.0, p - 1.0
        of_logits = jaxloss.kl_divergence_from_logits(logits, target, reduction="none")
        np.testing.assert_allclose(
            of_logits, jaxloss.kl_divergence_with_log_targets(q, p, reduction="none"), rtol=1e-12
        )


def test_reverse_seeks_a_mode_and_forward_covers():
    narrow, wide = jnp.log(jnp.array([0.98, 0.01, 0.01])), jnp.log(jnp.array([0.34, 0.33, 0.33]))
    target = jnp.log(jnp.array([0.495, 0.495, 0.01]))
    assert jaxloss.reverse_kl_divergence(narrow, target) < jaxloss.reverse_kl_divergence(wide, target)
    forward = lambda q: jaxloss.kl_divergence(q, jnp.exp(target))
    assert forward(narrow) > forward(wide)


def test_gradient_through_the_softmax_is_that_of_the_textbook(rng):
    """d KL(q || p) / dz = q (log q - log p - KL); the terms for unnormalised inputs leave it alone."""
    z, p = rng.normal(size=5), np.log(simplex(rng, 5))
    with jax.enable_x64(True):
        value, gradient = jax.value_and_grad(lambda z: jaxloss.reverse_kl_divergence(jax.nn.log_softmax(z), p))(
            jnp.asarray(z)
        )
        log_q = np.asarray(jax.nn.log_softmax(z))
    value = float(value)
    np.testing.assert_allclose(gradient, np.exp(log_q) * (log_q - p - value), rtol=1e-10, atol=1e-14)


# ---- zeros -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jit", [False, True], ids=["eager", "jit"])
def test_absent_classes_are_finite(jit):
    wrap = jax.jit if jit else lambda f: f
    q, p = jnp.log(jnp.array([1.0, 0.0, 0.0])), jnp.log(jnp.array([0.5, 0.5, 0.0]))
    for fn, expected in zip(OF_LOGS, (LN2, 0.5 * np.log(4 / 3) + 0.25 * np.log(4 / 3), np.inf), strict=True):
        value, gradient = wrap(jax.value_and_grad(fn))(q, p)
        np.testing.assert_allclose(value, expected, rtol=1e-6)
        if np.isfinite(expected):
            assert np.all(np.isfinite(gradient))
            assert not np.any(gradient[1:])
            bend = wrap(jax.hessian(fn))(q, p)
            assert np.all(np.isfinite(bend))


def test_a_class_that_the_target_lacks_costs_infinity_in_reverse_only():
    q, p = jnp.log(jnp.array([0.5, 0.5])), jnp.log(jnp.array([1.0, 0.0]))
    assert jaxloss.reverse_kl_divergence(q, p) == np.inf
    np.testing.assert_allclose(jaxloss.kl_divergence_with_log_targets(q, p), LN2)
    assert jaxloss.jensen_shannon_divergence(q, p) < LN2


@pytest.mark.parametrize("fn", [*OF_LOGS, jaxloss.generalized_kl_divergence], ids=lambda fn: fn.__name__)
def test_no_nan_is_hidden(fn):
    good = jnp.zeros(2) if fn is jaxloss.generalized_kl_divergence else jnp.log(jnp.array([0.5, 0.5]))
    for bad in (jnp.array([0.0, jnp.nan]), jnp.array([-jnp.inf, jnp.nan])):
        assert np.isnan(fn(bad, good))
        assert np.isnan(fn(good, bad))


def test_disjoint_distributions_are_log_two_apart_exactly():
    q, p = jnp.log(jnp.array([1.0, 0.0])), jnp.log(jnp.array([0.0, 1.0]))
    assert jaxloss.jensen_shannon_divergence(q, p) == LN2


# ---- near equality, and bounds ---------------------------------------------------------------------------------


@pytest.mark.parametrize("exponent", range(-7, 1))
def test_relative_accuracy_near_equality(exponent):
    """By subtraction of logarithms the divergence of neighbours is noise of either sign below 1e-7."""
    delta = np.float32(10.0**exponent)
    q = jnp.log(jnp.array([0.25, 0.25]))
    p = q + jnp.array([delta, -delta])
    d = np.asarray(q, np.float64) - np.asarray(p, np.float64)
    share = np.exp(np.asarray(q, np.float64))
    exact = np.sum(share * [np.expm1(-x) + x if abs(x) > 0.1 else x * x * (0.5 - x / 6 + x * x / 24) for x in d])
    value = jaxloss.reverse_kl_divergence(q, p)
    np.testing.assert_allclose(value, exact, rtol=1e-6 if exponent < -1 else 1e-4)
    if exponent < -1:
        shannon = jaxloss.jensen_shannon_divergence(q, p)
        np.testing.assert_allclose(shannon, np.sum(0.5 * (share + np.exp(np.asarray(p, np.float64))) * d**2) / 8, 1e-3)


@pytest.mark.parametrize("fn", OF_LOGS, ids=lambda fn: fn.__name__)
def test_never_negative_and_zero_at_equality(fn, rng):
    z = jnp.asarray(4 * rng.normal(size=(500, 7)), jnp.float32)
    for size in (0.0, 1e-7, 1e-5, 1e-3, 1e-1, 10.0):
        other = z + size * jnp.asarray(rng.normal(size=z.shape), jnp.float32)
        logs = (z, other) if fn is jaxloss.kl_divergence_from_logits else map(jax.nn.log_softmax, (z, other))
        values = fn(*logs, reduction="none")
        assert np.min(values) >= 0
        assert size or not np.any(values)
        if fn is jaxloss.jensen_shannon_divergence:
            assert np.max(values) <= LN2 * (1 + 1e-6)


def test_jensen_shannon_is_symmetric(rng):
    q, p = jnp.log(jnp.asarray(simplex(rng, 2, 20, 5), jnp.float32))
    one = jaxloss.jensen_shannon_divergence(q, p, reduction="none")
    np.testing.assert_allclose(one, jaxloss.jensen_shannon_divergence(p, q, reduction="none"), rtol=1e-6)


@pytest.mark.parametrize("ratio", [1e-3, 0.5, 1.9, 2.1, 10.0, 80.0, 300.0])
def test_jensen_shannon_by_log_ratio(ratio):
    """One entry of two distributions, at any ratio, on both sides of the switch between formulas."""
    for sign in (1, -1):
        q, p = np.sort([-1.0, -1.0 - ratio])[::sign, None]
        with jax.enable_x64(True):
            value, slopes = jax.value_and_grad(jaxloss.jensen_shannon_divergence, (0, 1))(q, p)
        a, b = np.exp(np.longdouble(q)), np.exp(np.longdouble(p))
        m = (a + b) / 2
        expected = (a * np.log(a / m) + b * np.log(b / m)) / 2
        np.testing.assert_allclose(value, float(expected[0]), rtol=1e-12 if ratio > 0.1 else 1e-9)
        for slope, x in zip(slopes, (a, b), strict=True):
            np.testing.assert_allclose(slope, np.float64(x * np.log(x / m) / 2), rtol=1e-10, atol=1e-80)


# ---- unnormalised ----------------------------------------------------------------------------------------------


def test_generalized_punishes_a_wrong_total():
    doubled = jaxloss.generalized_kl_divergence(jnp.log(2 * jnp.ones(3)), jnp.ones(3))
    np.testing.assert_allclose(doubled, 3 * (1 - np.log(2)), rtol=1e-6)
    np.testing.assert_array_equal(jax.grad(jaxloss.generalized_kl_divergence)(jnp.zeros(3), jnp.ones(3)), np.zeros(3))


def test_generalized_of_zero_and_negative_targets():
    value, (in_q, in_p) = jax.value_and_grad(jaxloss.generalized_kl_divergence, (0, 1))(
        jnp.array([0.0, -jnp.inf]), jnp.zeros(2)
    )
    assert value == 1
    np.testing.assert_array_equal(in_q, [1, 0])
    np.testing.assert_array_equal(in_p, [0, 0])
    assert np.isnan(jaxloss.generalized_kl_divergence(jnp.zeros(2), jnp.array([1.0, -1.0])))
    assert jaxloss.generalized_kl_divergence(jnp.array([-jnp.inf]), jnp.ones(1)) == np.inf


def test_itakura_saito_sees_ratios_alone():
    p, q = jnp.array([2.0, 2e-20, 2e20]), jnp.array([1.0, 1e-20, 1e20])
    np.testing.assert_allclose(jaxloss.itakura_saito_divergence(q, p, reduction="none"), 1 - np.log(2), rtol=1e-6)
    near = jaxloss.itakura_saito_divergence(jnp.float32(1.0), jnp.float32(1.0 + 2**-20))
    np.testing.assert_allclose(near, 2.0**-41, rtol=1e-5)


def test_itakura_saito_outside_its_domain():
    q, p = jnp.array([0.0, -1.0, 1.0, 1.0]), jnp.array([1.0, -1.0, -1.0, 0.0])
    values = jaxloss.itakura_saito_divergence(q, p, reduction="none")
    np.testing.assert_array_equal(values, [np.nan, np.nan, np.nan, np.inf])


# ---- bounded distances -----------------------------------------------------------------------------------------


def test_distances_know_their_order(rng):
    """H^2 <= TV <= H sqrt(2), and Bhattacharyya is -log(1 - H^2)."""
    q, p = simplex(rng, 2, 50, 4)
    with jax.enable_x64(True):
        total = np.asarray(jaxloss.total_variation_distance(q, p, reduction="none"))
        square = np.asarray(jaxloss.squared_hellinger_distance(np.log(q), np.log(p), reduction="none"))
        overlap = np.asarray(jaxloss.bhattacharyya_distance(np.log(q), np.log(p), reduction="none"))
    assert np.all((square <= total) & (total <= np.sqrt(2 * square)))
    np.testing.assert_allclose(overlap, -np.log1p(-square), rtol=1e-12)


def test_roots_at_zero_probability_have_finite_slopes():
    """sqrt has an infinite slope at 0; in log-probabilities there is none."""
    q, p = jnp.log(jnp.array([1.0, 0.0, 0.0])), jnp.log(jnp.array([0.5, 0.5, 0.0]))
    for fn in (jaxloss.squared_hellinger_distance, jaxloss.bhattacharyya_distance):
        value, gradients = jax.value_and_grad(fn, (0, 1))(q, p)
        assert np.isfinite(value)
        assert np.all(np.isfinite(gradients))
    assert jaxloss.squared_hellinger_distance(q, jnp.log(jnp.array([0.0, 0.0, 1.0]))) == 1
    assert jaxloss.bhattacharyya_distance(q, jnp.log(jnp.array([0.0, 0.0, 1.0]))) == np.inf


@pytest.mark.parametrize("delta", [1e-6, 1e-4, 1e-2])
def test_hellinger_keeps_small_distances(delta):
    q = jnp.log(jnp.array([0.5, 0.5]))
    p = q + jnp.array([delta, -delta], jnp.float32)
    d = np.asarray(q, np.float64) - np.asarray(p, np.float64)
    exact = 0.5 * np.sum(np.exp(np.asarray(p, np.float64)) * np.expm1(d / 2) ** 2)
    np.testing.assert_allclose(jaxloss.squared_hellinger_distance(q, p), exact, rtol=1e-6)
    np.testing.assert_allclose(jaxloss.bhattacharyya_distance(q, p), -np.log1p(-exact), rtol=1e-6)


def test_total_variation_at_equality_has_no_slope():
    p = jnp.array([0.25, 0.75])
    np.testing.assert_array_equal(jax.grad(jaxloss.total_variation_distance)(p, p), [0, 0])
    with pytest.raises(ValueError, match="probabilities"):
        jaxloss.checked(jaxloss.total_variation_distance)(jnp.array([2.0, -1.0]), p)


# ---- parity ----------------------------------------------------------------------------------------------------


def test_optax_parity(rng):
    optax = pytest.importorskip("optax")
    q, p = rng.normal(size=(6, 5)), rng.gamma(1.0, size=(6, 5))
    keep, weights = rng.uniform(size=6) < 0.7, rng.uniform(0.5, 2, size=6)
    with jax.enable_x64(True):
        ours = jaxloss.generalized_kl_divergence(q, p, reduction="none")
        theirs = optax.losses.generalized_kl_divergence(q, p)
        mean = jaxloss.generalized_kl_divergence(q, p, where=keep, weights=weights)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    np.testing.assert_allclose(mean, np.average(theirs[keep], weights=weights[keep]), rtol=1e-12)


def test_torch_parity(rng):
    torch = pytest.importorskip("torch")
    q, p = rng.normal(size=(2, 6, 5))
    keep = rng.uniform(size=6) < 0.7
    tq, tp = (torch.tensor(x, requires_grad=True) for x in (q, p))
    kl = lambda a, b: torch.nn.functional.kl_div(b, a, reduction="none", log_target=True).sum(-1)[torch.tensor(keep)]
    lq, lp = tq.log_softmax(-1), tp.log_softmax(-1)
    lm = torch.logaddexp(lq, lp) - np.log(2)
    theirs = [kl(lq, lp).mean(), 0.5 * (kl(lp, lm) + kl(lq, lm)).mean(), kl(lp, lq).mean()]
    soft = jax.nn.log_softmax
    ours = [
        lambda x, y: jaxloss.reverse_kl_divergence(soft(x), soft(y), where=keep),
        lambda x, y: jaxloss.jensen_shannon_divergence(soft(x), soft(y), where=keep),
        lambda x, y: jaxloss.kl_divergence_from_logits(x, y, where=keep),
    ]
    for fn, expected in zip(ours, theirs, strict=True):
        with jax.enable_x64(True):
            value, slopes = jax.jit(jax.value_and_grad(fn, (0, 1)))(q, p)
        np.testing.assert_allclose(value, expected.detach(), rtol=1e-11)
        for a, b in zip(slopes, torch.autograd.grad(expected, (tq, tp), retain_graph=True), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-13)


def test_kornia_parity(rng):
    """kornia sums over pixels where the distributions are images; it adds an epsilon to logarithms."""
    kornia = pytest.importorskip("kornia")
    torch = pytest.importorskip("torch")
    q, p = simplex(rng, 2, 4, 12)
    images = [torch.tensor(x.reshape(4, 1, 3, 4)) for x in (q, p)]
    theirs = kornia.losses.js_div_loss_2d(*images)
    with jax.enable_x64(True):
        np.testing.assert_allclose(jaxloss.jensen_shannon_divergence(np.log(q), np.log(p)), theirs, rtol=1e-6)


def test_checked_finds_logits():
    logs = jnp.log(jnp.array([[0.5, 0.5]] * 2))
    for fn in (jaxloss.reverse_kl_divergence, jaxloss.jensen_shannon_divergence):
        run = jaxloss.checked(fn)
        run(logs, logs)
        run(logs.at[1].set(5.0), logs, where=jnp.array([True, False]))
        with pytest.raises(ValueError, match="log_softmax"):
            run(logs.at[1].set(5.0), logs)
