"""Kullback-Leibler divergences: direction, zeros on either side, accuracy near equality, parity."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

import jaxloss

LN2 = np.float32(np.log(2))


def simplex(rng, *shape):
    raw = rng.gamma(1.0, size=shape)
    return raw / raw.sum(-1, keepdims=True)


# ---- discrete --------------------------------------------------------------------------------------------------


def test_the_target_leads():
    """KL(targets || predictions) = sum p (log p - log q), the direction of optax and PyTorch, not of Keras' order."""
    p, q = np.array([0.7, 0.2, 0.1]), np.array([0.3, 0.3, 0.4])
    value = jaxloss.kl_divergence(jnp.log(q), p)
    np.testing.assert_allclose(value, scipy.stats.entropy(p, q), rtol=1e-6)
    assert abs(value - scipy.stats.entropy(q, p)) > 0.01


@pytest.mark.parametrize("jit", [False, True], ids=["eager", "jit"])
def test_zero_targets_are_absent(jit):
    """optax: NaN where log q = -inf meets p = 0, NaN gradient in p at 0, NaN at a log-target of -inf."""
    wrap = jax.jit if jit else lambda fn: fn
    log_q = jnp.array([jnp.log(0.5), jnp.log(0.5), -jnp.inf, -jnp.inf])
    p = jnp.array([1.0, 0.0, 0.0, 0.0])
    value, (in_q, in_p) = wrap(jax.value_and_grad(jaxloss.kl_divergence, (0, 1)))(log_q, p)
    np.testing.assert_allclose(value, LN2, rtol=1e-6)
    np.testing.assert_allclose(in_q, [-0.5, 0.5, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(in_p, [LN2, 0, 0, 0], rtol=1e-6)
    value, (in_q, in_p) = wrap(jax.value_and_grad(jaxloss.kl_divergence_with_log_targets, (0, 1)))(log_q, jnp.log(p))
    np.testing.assert_allclose(value, LN2, rtol=1e-6)
    np.testing.assert_allclose(in_q, [-0.5, 0.5, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(in_p, [LN2, 0, 0, 0], rtol=1e-6)
    second = jax.hessian(jaxloss.kl_divergence, (0, 1))(log_q, p)
    assert all(np.all(np.isfinite(block)) for row in second for block in row)


def test_the_gradient_reaches_the_logits_past_masked_classes():
    logits = jnp.array([1.0, 0.0, -jnp.inf])
    for loss in (
        lambda z: jaxloss.kl_divergence(jax.nn.log_softmax(z), jnp.array([0.25, 0.75, 0.0])),
        lambda z: jaxloss.kl_divergence_with_log_targets(jax.nn.log_softmax(z), jnp.log(jnp.array([0.25, 0.75, 0.0]))),
    ):
        gradient = jax.grad(loss)(logits)
        np.testing.assert_allclose(gradient, jax.nn.softmax(logits) - np.array([0.25, 0.75, 0]), atol=1e-6)


def test_a_missed_class_costs_infinity():
    log_q, p = jnp.array([0.0, -jnp.inf]), jnp.array([0.5, 0.5])
    assert jaxloss.kl_divergence(log_q, p) == np.inf
    assert jaxloss.kl_divergence_with_log_targets(log_q, jnp.log(p)) == np.inf
    np.testing.assert_array_equal(jax.grad(jaxloss.kl_divergence)(log_q, p), [0.5, -0.5])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_zero_target_hides_no_nan(bad):
    log_q = jnp.array([0.0, bad])
    assert np.isnan(jaxloss.kl_divergence(log_q, jnp.array([1.0, 0.0])))
    assert np.isnan(jaxloss.kl_divergence_with_log_targets(log_q, jnp.array([0.0, -jnp.inf])))
    assert np.isnan(jaxloss.kl_divergence(jnp.zeros(2), jnp.array([1.0, -0.5])))


def test_targets_below_the_dtype_are_absent_in_both():
    """A class masked with -1e9 by the teacher and -inf by the student."""
    log_q, log_p = jnp.array([0.0, -jnp.inf]), jnp.array([0.0, -1e9])
    assert jaxloss.kl_divergence_with_log_targets(log_q, log_p) == 0
    assert jaxloss.kl_divergence(log_q, jnp.exp(log_p)) == 0


def test_equal_distributions_are_zero(rng):
    """Exactly by the same logarithms; else the square of their rounding, far below the rounding of a difference."""
    log_p = jax.nn.log_softmax(jnp.asarray(5 * rng.normal(size=(100, 11)), jnp.float32))
    assert not np.any(jaxloss.kl_divergence_with_log_targets(log_p, log_p, reduction="none"))
    near = jaxloss.kl_divergence(log_p, jnp.exp(log_p), reduction="none")
    assert np.min(near) >= 0
    assert np.max(near) < 1e-11


@pytest.mark.parametrize("delta", [1e-6, 1e-4, 1e-2])
def test_nearly_equal_distributions_keep_their_digits(delta):
    """By p log(p / q) alone the divergence of neighbours is noise of either sign below 1e-7."""
    q = jnp.log(jnp.array([0.5, 0.5]))
    p = q + jnp.array([delta, -delta], jnp.float32)
    d = np.asarray(p, np.float64) - np.asarray(q, np.float64)
    exact = np.sum(np.exp(np.asarray(q, np.float64)) * (np.exp(d) * d - np.expm1(d)))
    np.testing.assert_allclose(jaxloss.kl_divergence_with_log_targets(q, p), exact, rtol=1e-6, atol=1e-18)


def test_what_is_no_probability_is_nan():
    good, p = jnp.log(jnp.array([[0.5, 0.5]] * 3)), jnp.array([[0.5, 0.5]] * 3)
    for bad in (0.5, jnp.inf):
        spoiled = good.at[1, 0].set(bad)
        for fn in (jaxloss.kl_divergence_with_log_targets, jaxloss.reverse_kl_divergence):
            for pair in ((spoiled, good), (good, spoiled)):
                values, pull = jax.vjp(lambda *x, fn=fn: fn(*x, reduction="none"), *pair)
                np.testing.assert_array_equal(np.isnan(values), [False, True, False])
                assert np.all(np.isnan([np.sum(g) for g in pull(jnp.ones(3))]))
    for bad in (-0.1, 1.5):
        values = jaxloss.kl_divergence(good, p.at[1, 0].set(bad), reduction="none")
        np.testing.assert_array_equal(np.isnan(values), [False, True, False])


def test_one_hot_integers_are_targets():
    log_q = jax.nn.log_softmax(jnp.array([[1.0, 0.0, 2.0]]))
    value = jaxloss.kl_divergence(log_q, jnp.array([[0, 0, 1]]), where=jnp.array([True]))
    np.testing.assert_allclose(value, -log_q[0, 2], rtol=1e-6)


def test_checked_finds_logits_and_unnormalised_targets():
    log_q, p = jnp.log(jnp.array([[0.5, 0.5]] * 2)), jnp.array([[0.5, 0.5]] * 2)
    keep = jnp.array([True, False])
    for fn, targets in ((jaxloss.kl_divergence, p), (jaxloss.kl_divergence_with_log_targets, jnp.log(p))):
        run = jaxloss.checked(fn)
        run(log_q, targets)
        run(log_q.at[1].set(5.0), targets.at[1].set(7.0), where=keep)
        with pytest.raises(ValueError, match="log_softmax"):
            run(log_q.at[1].set(5.0), targets)
    with pytest.raises(ValueError, match="targets must be probabilities"):
        jaxloss.checked(jaxloss.kl_divergence)(log_q, p.at[1].set(7.0))
    with pytest.raises(ValueError, match="sum to 1"):
        jaxloss.checked(jaxloss.kl_divergence)(log_q, p.at[1].set(0.1))
    with pytest.raises(ValueError, match="log_targets"):
        jaxloss.checked(jaxloss.kl_divergence_with_log_targets)(log_q, log_q.at[1].set(0.1))


def test_torch_and_optax_parity(rng):
    p, q = simplex(rng, 6, 5), simplex(rng, 6, 5)
    where = rng.uniform(size=6) < 0.7
    weights = rng.uniform(0.5, 2.0, size=6)
    optax = pytest.importorskip("optax")
    with jax.enable_x64(True):
        values = jaxloss.kl_divergence(np.log(q), p, reduction="none")
        np.testing.assert_allclose(values, optax.kl_divergence(np.log(q), p), rtol=1e-12)
        logs = jaxloss.kl_divergence_with_log_targets(np.log(q), np.log(p), reduction="none")
        theirs = optax.losses.kl_divergence_with_log_targets(np.log(q), np.log(p))
        np.testing.assert_allclose(logs, theirs, rtol=1e-12)
    torch = pytest.importorskip("torch")
    logits = torch.tensor(np.log(q), requires_grad=True)
    tq = logits.log_softmax(-1)
    each = torch.nn.functional.kl_div(tq, torch.tensor(p), reduction="none").sum(-1)
    mass = torch.tensor(where * weights)
    expected = (each * mass).sum() / mass.sum()
    (slope,) = torch.autograd.grad(expected, logits, retain_graph=True)
    loss = lambda z: jaxloss.kl_divergence(jax.nn.log_softmax(z), p, where=where, weights=weights)
    with jax.enable_x64(True):
        value, gradient = jax.value_and_grad(loss)(jnp.asarray(np.log(q)))
        mean = jaxloss.kl_divergence(np.log(q), p)
    np.testing.assert_allclose(value, expected.detach(), rtol=1e-12)
    np.testing.assert_allclose(gradient, slope, rtol=1e-12, atol=1e-15)
    batchmean = torch.nn.functional.kl_div(tq, torch.tensor(p), reduction="batchmean")
    np.testing.assert_allclose(mean, batchmean.detach(), rtol=1e-12)


@pytest.mark.parametrize("rows", [None, 7], ids=["plain", "masked"])
@pytest.mark.parametrize(
    "name",
    [
        "kl_divergence",
        "kl_divergence_with_log_targets",
        "kl_divergence_from_logits",
        "generalized_kl_divergence",
        "squared_hellinger_distance",
        "total_variation_distance",
    ],
)
def test_one_array_of_terms_is_held(name, rows):
    """The value is one pass over the entries and the gradient another, which shares nothing with the first."""
    loss, entries = getattr(jaxloss, name), jnp.zeros((64, 512))
    where = None if rows is None else jnp.arange(64) != rows
    step = jax.jit(jax.value_and_grad(lambda x, y, where: loss(x, y, where=where)))
    memory = step.lower(entries, entries, where).compile().memory_analysis()
    assert memory.temp_size_in_bytes < 1.2 * entries.nbytes


def test_gradient_keeps_the_digits_of_nearly_certain_rows():
    """An exponential minus a target near 1 would be off by 6e-3 of the gradient."""
    p = np.array([[1 - 1e-4, 1e-4], [0.999, 0.001], [0.6, 0.4], [0.3, 0.7]], np.float32)
    log_q = np.log1p(np.array([[-1.1e-4, -(1 - 1.1e-4)], [-0.0012, -0.9988], [-0.41, -0.59], [-0.69, -0.31]]))
    log_q = log_q.astype(np.float32)
    exact = np.exp(log_q.astype(np.longdouble)) - p
    slope = jax.grad(lambda x: jaxloss.kl_divergence(x, p, reduction="sum"))(log_q)
    np.testing.assert_allclose(slope[:, 0], exact[:, 0].astype(float), rtol=2e-6)


def test_slope_is_zero_and_curvature_is_not_at_equal_rows(rng):
    p = jnp.asarray(simplex(rng, 200, 7), jnp.float32)
    log_p = jnp.log(p)
    rows = lambda x, p: jaxloss.kl_divergence(x, p, reduction="none")
    assert not np.any(jax.jit(rows)(log_p, p))
    assert not np.any(jax.jit(jax.grad(lambda x, p: jnp.sum(rows(x, p))))(log_p, p))
    np.testing.assert_allclose(jax.jit(jax.hessian(rows))(log_p[0], p[0]), np.diag(p[0]), rtol=1e-6)


# ---- Gaussian --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exponent", range(-18, 2))
def test_gaussian_kl_keeps_relative_accuracy_near_the_prior(exponent):
    """exp(s) - 1 - s by subtraction is 0 or negative below s = 1e-4 in float32."""
    for sign in (1, -1):
        s = np.float32(sign * 1.7 * 10.0**exponent)
        wide = np.longdouble(s)
        series = wide**2 * sum(wide**k / scipy.special.factorial(k + 2) for k in range(40))
        exact = 0.5 * float(series if abs(s) < 2 else np.expm1(wide) - wide)
        value, gradient = jax.value_and_grad(jaxloss.gaussian_kl_standard_normal, 1)(jnp.zeros(1), jnp.array([s]))
        np.testing.assert_allclose(value, exact, rtol=5e-7)
        np.testing.assert_allclose(gradient, [0.5 * np.expm1(np.float64(s))], rtol=5e-7)
        with jax.enable_x64(True):
            double = jaxloss.gaussian_kl_standard_normal(np.zeros(1), np.array([float(s)]))
        np.testing.assert_allclose(double, exact, rtol=2e-15)


def test_gaussian_kl_is_never_negative(rng):
    for size in (1e-8, 1e-4, 1e-2, 1.0, 10.0):
        mean, log_variance = (jnp.asarray(size * rng.normal(size=(2000, 1)), jnp.float32) for _ in range(2))
        assert np.min(jaxloss.gaussian_kl_standard_normal(0 * mean, log_variance, reduction="none")) > 0
        near = jaxloss.gaussian_kl(mean, log_variance, mean * (1 + 1e-6), log_variance * (1 - 1e-6), reduction="none")
        assert np.min(near) >= 0


def test_standard_normal_is_the_special_case(rng):
    mean, log_variance = (jnp.asarray(rng.normal(size=(6, 3)), jnp.float32) for _ in range(2))
    one = jaxloss.gaussian_kl_standard_normal(mean, log_variance)
    other = jaxloss.gaussian_kl(mean, log_variance, jnp.zeros((6, 3)), jnp.zeros((6, 3)))
    assert one == other


def test_the_latent_axis_is_summed_and_examples_are_averaged():
    mean = jnp.ones((5, 3))
    assert jaxloss.gaussian_kl_standard_normal(mean, jnp.zeros((5, 3))) == 1.5


@pytest.mark.parametrize("log_variance", [-1e4, -400.0, -100.0, 88.0, 400.0])
def test_equal_means_are_finite_at_any_variance(log_variance):
    """0 * exp(400) is NaN unless guarded."""
    x, s = jnp.ones(2), jnp.full(2, log_variance)
    value, gradients = jax.value_and_grad(jaxloss.gaussian_kl, (0, 1, 2, 3))(x, s, x, s)
    assert value == 0
    for gradient in gradients:
        np.testing.assert_array_equal(gradient, [0, 0])


def test_torch_parity_of_two_gaussians(rng):
    inputs = [rng.normal(size=(5, 4)) for _ in range(4)]
    where = rng.uniform(size=5) < 0.7
    with jax.enable_x64(True):
        value, gradients = jax.value_and_grad(lambda *x: jaxloss.gaussian_kl(*x, where=where), (0, 1, 2, 3))(
            *(jnp.asarray(x) for x in inputs)
        )
    torch = pytest.importorskip("torch")
    tensors = [torch.tensor(x, requires_grad=True) for x in inputs]
    p = torch.distributions.Normal(tensors[0], (0.5 * tensors[1]).exp())
    q = torch.distributions.Normal(tensors[2], (0.5 * tensors[3]).exp())
    expected = torch.distributions.kl_divergence(p, q).sum(-1)[torch.tensor(where)].mean()
    np.testing.assert_allclose(value, expected.detach(), rtol=1e-12)
    for ours, theirs in zip(gradients, torch.autograd.grad(expected, tensors), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-14)


def test_torch_parity_of_the_standard_normal(rng):
    torch = pytest.importorskip("torch")
    mean, log_variance = rng.normal(size=(2, 5, 4))
    p = torch.distributions.Normal(torch.tensor(mean), torch.tensor(np.exp(0.5 * log_variance)))
    expected = torch.distributions.kl_divergence(p, torch.distributions.Normal(0.0, 1.0)).sum(-1)
    weights = rng.uniform(size=5)
    with jax.enable_x64(True):
        value = jaxloss.gaussian_kl_standard_normal(mean, log_variance, weights=weights)
    np.testing.assert_allclose(value, np.average(expected, weights=weights), rtol=1e-12)


def test_distrax_number():
    """distrax.Normal(0, 1).kl_divergence(distrax.Normal(1, 2)) = 0.44314718."""
    two = jnp.full(1, 2 * np.log(2.0), jnp.float32)
    np.testing.assert_allclose(jaxloss.gaussian_kl(jnp.zeros(1), jnp.zeros(1), jnp.ones(1), two), 0.44314718, rtol=1e-6)


# ---- Gaussian with full covariance -----------------------------------------------------------------------------


def factors(rng, n, d):
    return np.tril(0.5 * rng.normal(size=(n, d, d)), -1) + np.eye(d) * rng.uniform(0.5, 2, size=(n, 1, d))


def test_diagonal_factors_are_the_diagonal_case(rng):
    means_p, s, means_q, t = rng.normal(size=(4, 5, 3))
    full = lambda x: np.eye(3) * np.exp(x / 2)[..., None, :]
    with jax.enable_x64(True):
        value = jaxloss.multivariate_gaussian_kl(means_p, full(s), means_q, full(t), reduction="none")
        np.testing.assert_allclose(value, jaxloss.gaussian_kl(means_p, s, means_q, t, reduction="none"), rtol=1e-12)


def test_full_kl_keeps_small_divergences(rng):
    """A covariance off by 1e-5: the divergence is 1e-10, lost in a difference of logarithms of determinants."""
    mean, factor = rng.normal(size=(1, 3)), factors(rng, 1, 3)
    moved = factor * (1 + 1e-5)
    exact = 1.5 * (np.expm1(2 * np.log1p(1e-5)) - 2 * np.log1p(1e-5))
    with jax.enable_x64(True):
        np.testing.assert_allclose(jaxloss.multivariate_gaussian_kl(mean, moved, mean, factor), exact, rtol=1e-6)


def test_above_the_diagonal_nothing_is_read_and_scales_must_be_positive(rng):
    mean, factor = jnp.zeros((2, 3)), jnp.asarray(factors(rng, 2, 3), jnp.float32)
    dirty = factor + 7 * jnp.triu(jnp.ones((3, 3)), 1)[None]
    value = jaxloss.multivariate_gaussian_kl(mean, dirty, mean + 1, factor)
    np.testing.assert_array_equal(value, jaxloss.multivariate_gaussian_kl(mean, factor, mean + 1, dirty))
    for place in ("p", "q"):
        bad = factor.at[1, 2, 2].set(-1.0)
        pair = (bad, factor) if place == "p" else (factor, bad)
        values = jaxloss.multivariate_gaussian_kl(mean, pair[0], mean, pair[1], reduction="none")
        np.testing.assert_array_equal(np.isnan(values), [False, True])


def test_torch_parity_of_full_gaussians(rng):
    torch = pytest.importorskip("torch")
    inputs = [rng.normal(size=(4, 3)), factors(rng, 4, 3), rng.normal(size=(4, 3)), factors(rng, 4, 3)]
    where = np.array([True, True, False, True])
    tensors = [torch.tensor(x, requires_grad=True) for x in inputs]
    normal = torch.distributions.MultivariateNormal
    p, q = (normal(m, scale_tril=f) for m, f in (tensors[:2], tensors[2:]))
    expected = torch.distributions.kl_divergence(p, q)[torch.tensor(where)].mean()
    with jax.enable_x64(True):
        value, gradients = jax.jit(
            jax.value_and_grad(lambda *x: jaxloss.multivariate_gaussian_kl(*x, where=where), (0, 1, 2, 3))
        )(*(jnp.asarray(x) for x in inputs))
    np.testing.assert_allclose(value, expected.detach(), rtol=1e-12)
    for ours, theirs in zip(gradients, torch.autograd.grad(expected, tensors), strict=True):
        np.testing.assert_allclose(ours, np.tril(theirs) if ours.ndim == 3 else theirs, rtol=1e-10, atol=1e-13)


# ---- other factorised distributions ----------------------------------------------------------------------------


def test_torch_parity_of_bits_counts_and_laplace(rng):
    torch = pytest.importorskip("torch")
    a, b, c, d = rng.normal(size=(4, 5, 3))
    law, kl = torch.distributions, torch.distributions.kl_divergence
    t = [torch.tensor(x) for x in (a, b, c, d)]
    cases = [
        (jaxloss.bernoulli_kl, (a, b), kl(law.Bernoulli(logits=t[0]), law.Bernoulli(logits=t[1]))),
        (jaxloss.poisson_kl, (a, b), kl(law.Poisson(t[0].exp()), law.Poisson(t[1].exp()))),
        (jaxloss.laplace_kl, (a, b, c, d), kl(law.Laplace(t[0], t[1].exp()), law.Laplace(t[2], t[3].exp()))),
    ]
    for fn, inputs, expected in cases:
        with jax.enable_x64(True):
            values = fn(*inputs, reduction="none")
        np.testing.assert_allclose(values, expected.sum(-1), rtol=1e-11, err_msg=fn.__name__)


@pytest.mark.parametrize("delta", [1e-5, 1e-3])
def test_small_laplace_and_poisson_divergences_keep_their_digits(delta):
    """Leading terms: (delta / b)^2 / 2 for locations, lambda delta^2 / 2 for log-rates."""
    zero, step = jnp.zeros(1), jnp.full(1, delta)
    np.testing.assert_allclose(jaxloss.laplace_kl(step, zero, zero, zero), delta**2 / 2, rtol=delta)
    np.testing.assert_allclose(jaxloss.poisson_kl(zero, step), delta**2 / 2, rtol=delta)


@pytest.mark.parametrize(
    ("p", "q"), [(95.0, 95.0), (95.0, 95.0005), (88.0, 88.25), (60.0, 95.0), (50.0, 50.5), (3.0, 4.0)]
)
def test_poisson_kl_of_rates_that_overflow(p: float, q: float) -> None:
    """Infinite only where the exact result is."""
    p, q = jnp.float32(p), jnp.float32(q)
    value, slopes = jax.value_and_grad(lambda *x: jaxloss.poisson_kl(x[0][None], x[1][None]), (0, 1))(p, q)
    with np.errstate(over="ignore"):
        large, ratio = np.exp(np.float64(p)), np.float64(q) - np.float64(p)
        exact = large * (np.expm1(ratio) - ratio), -large * ratio, large * np.expm1(ratio)
        exact = [np.float32(x) for x in exact]
    np.testing.assert_allclose([value, *slopes], exact, rtol=1e-4 if abs(ratio) < 0.01 else 1e-5)
