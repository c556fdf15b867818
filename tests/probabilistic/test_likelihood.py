"""Likelihoods: what other packages get wrong, what floating point loses, and parity with what they get right."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

import jaxloss

EPS = np.finfo(np.float32).eps


def test_gaussian_nll_at_variance_zero_is_not_a_number() -> None:
    """PyTorch gives 5e5 and a gradient of -5e11 there."""
    value, slopes = jax.value_and_grad(jaxloss.gaussian_nll, argnums=(0, 1))(jnp.ones(1), jnp.zeros(1), jnp.zeros(1))
    assert np.isnan(value)
    assert all(np.isnan(slope).all() for slope in slopes)
    assert np.isnan(jaxloss.gaussian_nll(jnp.ones(1), -jnp.ones(1), jnp.zeros(1)))


def test_gaussian_nll_has_the_exact_slope_at_a_tiny_variance() -> None:
    slope = jax.grad(jaxloss.gaussian_nll, argnums=1)
    np.testing.assert_allclose(slope(jnp.zeros(()), jnp.float32(1e-30), jnp.zeros(())), 0.5e30, rtol=1e-6)
    np.testing.assert_allclose(slope(jnp.zeros(()), jnp.float32(1e-30), jnp.float32(1e-12)), 0.5e30 - 0.5e36, rtol=1e-6)


@pytest.mark.parametrize("full", [False, True])
def test_gaussian_nll_is_that_of_torch_with_its_constant(full: bool) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    means, targets = rng.normal(size=(2, 20))
    variances = rng.gamma(2.0, size=20)
    theirs = torch.nn.functional.gaussian_nll_loss(
        *(torch.tensor(x) for x in (means, targets, variances)), full=full, reduction="none"
    ).numpy()
    with jax.enable_x64(True):
        ours = jaxloss.gaussian_nll(means, variances, targets, reduction="none")
    np.testing.assert_allclose(ours, theirs + (0 if full else 0.5 * np.log(2 * np.pi)), rtol=1e-12)


def test_beta_nll_weighs_but_is_not_differentiated_through_its_weight() -> None:
    rng = np.random.default_rng(1)
    means, targets = rng.normal(size=(2, 20))
    variances = rng.gamma(2.0, size=20)
    slopes = lambda fn, **hypers: jax.grad(
        lambda m, v: jnp.sum(fn(m, v, targets, reduction="none", **hypers)), argnums=(0, 1)
    )(means, variances)
    with jax.enable_x64(True):
        plain = slopes(jaxloss.gaussian_nll)
        for beta in (0.0, 0.25, 1.0):
            for ours, reference in zip(slopes(jaxloss.beta_nll, beta=beta), plain, strict=True):
                np.testing.assert_allclose(ours, variances**beta * np.asarray(reference), rtol=1e-12)
        np.testing.assert_allclose(slopes(jaxloss.beta_nll, beta=1.0)[0], means - targets, rtol=1e-12)
        np.testing.assert_allclose(
            jaxloss.beta_nll(means, variances, targets, beta=0.0), jaxloss.gaussian_nll(means, variances, targets)
        )


def test_multivariate_gaussian_nll_reads_the_lower_triangle_only() -> None:
    factor = jnp.array([[2.0, 0.0], [1.0, 3.0]])
    spoiled = factor.at[0, 1].set(7.0)
    value = lambda f: jaxloss.multivariate_gaussian_nll(jnp.zeros(2), f, jnp.ones(2))
    assert value(factor) == value(spoiled)
    assert jax.grad(value)(spoiled)[0, 1] == 0
    assert np.isnan(value(-factor))


def test_multivariate_gaussian_nll_of_a_diagonal_is_a_sum() -> None:
    rng = np.random.default_rng(2)
    means, targets = rng.normal(size=(2, 5, 3))
    scales = rng.gamma(2.0, size=(5, 3))
    with jax.enable_x64(True):
        joint = jaxloss.multivariate_gaussian_nll(means, scales[..., None] * np.eye(3), targets, reduction="none")
        single = jaxloss.gaussian_nll(means, scales**2, targets, reduction="none")
    np.testing.assert_allclose(joint, np.asarray(single).sum(-1), rtol=1e-12)


def test_gaussian_mixture_nll_far_away_pulls_the_nearest_component() -> None:
    logits, means, variances = jnp.zeros(2), jnp.array([0.0, 10.0]), jnp.ones(2)
    loss = lambda m: jaxloss.gaussian_mixture_nll(logits, m, variances, jnp.float32(1000.0))
    np.testing.assert_allclose(loss(means), 0.5 * 990**2 + 0.5 * np.log(2 * np.pi) + np.log(2), rtol=1e-6)
    np.testing.assert_allclose(jax.grad(loss)(means), [0, -990], rtol=1e-6)


def test_gaussian_mixture_nll_forgets_an_absent_component() -> None:
    logits, means, variances = jnp.array([-jnp.inf, 3.0]), jnp.array([0.0, 1.0]), jnp.array([1.0, 2.0])
    value, slope = jax.value_and_grad(jaxloss.gaussian_mixture_nll)(logits, means, variances, jnp.float32(0.5))
    np.testing.assert_allclose(value, jaxloss.gaussian_nll(means[1], variances[1], jnp.float32(0.5)), rtol=1e-6)
    np.testing.assert_array_equal(slope, [0, 0])


def test_laplace_nll_has_no_slope_at_the_target() -> None:
    assert jax.grad(jaxloss.laplace_nll)(jnp.ones(()), jnp.ones(()), jnp.ones(())) == 0


@pytest.mark.parametrize("freedom", [1e-3, 0.5, 1.0, 5.0, 20.0, 1e3, 1e5, 1e7, 1e12])
def test_student_t_nll_keeps_float32_accurate(freedom: float) -> None:
    """The difference of two log-gammas of 1e7 loses every digit in float32; so does that of two digammas."""
    z = np.linspace(0.1, 4, 15).astype(np.float32)
    inputs = [np.full_like(z, freedom), np.zeros_like(z), np.ones_like(z), z]

    def both(dtype: type) -> tuple:
        arrays = [jnp.asarray(x, dtype) for x in inputs]
        total = lambda *x: jnp.sum(jaxloss.student_t_nll(*x, reduction="none"))
        return jaxloss.student_t_nll(*arrays, reduction="none"), jax.grad(total)(*arrays)

    single, slope = both(jnp.float32)
    with jax.enable_x64(True):
        double, exact = both(jnp.float64)
    np.testing.assert_allclose(single, double, rtol=4 * EPS)
    np.testing.assert_allclose(slope, exact, rtol=0, atol=30 * EPS * np.max(np.abs(exact)))
    if freedom < 1e5:
        half = np.float32(freedom).astype(float) / 2
        q = z.astype(float) ** 2 / (2 * half)
        reference = (
            0.5 * (scipy.special.digamma(half) - scipy.special.digamma(half + 0.5) + 1 / (2 * half))
            + 0.5 * np.log1p(q)
            - (half + 0.5) * q / (1 + q) / (2 * half)
        )
        np.testing.assert_allclose(exact, reference, rtol=0, atol=1e-9 * np.max(np.abs(reference)))


def test_student_t_nll_goes_over_into_the_gaussian() -> None:
    z = jnp.linspace(-3, 3, 7)
    ones = jnp.ones(7)
    student = jaxloss.student_t_nll(jnp.inf * ones, 0 * ones, ones, z, reduction="none")
    np.testing.assert_allclose(student, jaxloss.gaussian_nll(0 * ones, ones, z, reduction="none"), rtol=4 * EPS)


@pytest.mark.parametrize("rate", [0.5, 20.0, 1e3, 1e6, 1e7])
def test_poisson_nll_of_many_counts_keeps_its_digits(rate: float) -> None:
    """Term by term, exp(eta) - y eta + log y! is off by 1 at a million in float32."""
    log_rates = np.full(9, np.log(rate), np.float32)
    targets = np.round(rate + np.sqrt(rate) * np.linspace(-2, 2, 9)).clip(0).astype(np.int32)
    single = jaxloss.poisson_nll(log_rates, targets, reduction="none")
    exact = -scipy.stats.poisson.logpmf(targets, np.exp(log_rates.astype(float)))
    # exp(eta) itself has one rounding, which the distance from the mean multiplies.
    slack = np.abs(np.exp(log_rates.astype(float)) - targets) * 2 * EPS
    assert np.all(np.abs(single - exact) <= 4 * EPS * exact + slack)


def test_poisson_nll_of_no_events_at_a_rate_near_zero() -> None:
    log_rates = jnp.array([-jnp.inf, -50.0, -10.0])
    np.testing.assert_allclose(
        jaxloss.poisson_nll(log_rates, jnp.zeros(3), reduction="none"), np.exp(np.asarray(log_rates)), rtol=4 * EPS
    )
    assert np.isposinf(jaxloss.poisson_nll(jnp.array([-jnp.inf]), jnp.ones(1, jnp.int32)))
    assert np.isnan(jaxloss.poisson_nll(jnp.zeros(1), -jnp.ones(1)))


def test_count_likelihoods_have_a_slope_in_the_counts_down_to_zero() -> None:
    counts = jnp.array([0.0, 0.5, 1.0, 2.0, 30.0])
    log_rates, ones = jnp.zeros(5), jnp.ones(5)
    poisson = jax.grad(lambda y: jaxloss.poisson_nll(log_rates, y, reduction="sum"))(counts)
    np.testing.assert_allclose(poisson, scipy.special.digamma(np.asarray(counts) + 1), rtol=1e-5)
    geometric = jax.grad(lambda y: jaxloss.negative_binomial_nll(ones, ones, y, reduction="sum"))(counts)
    np.testing.assert_allclose(geometric, np.log(2), rtol=1e-5)


def test_poisson_nll_has_the_slope_of_torch_and_its_own_constant() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    log_rates = rng.normal(size=30)
    targets = rng.poisson(np.exp(log_rates))
    theirs = torch.nn.functional.poisson_nll_loss(
        torch.tensor(log_rates), torch.tensor(targets.astype(float)), log_input=True, reduction="none"
    ).numpy()
    with jax.enable_x64(True):
        ours = jaxloss.poisson_nll(log_rates, targets, reduction="none")
        slope = jax.grad(lambda x: jaxloss.poisson_nll(x, targets, reduction="sum"))(jnp.asarray(log_rates))
    np.testing.assert_allclose(ours, theirs + scipy.special.gammaln(targets + 1), rtol=1e-11)
    np.testing.assert_allclose(slope, np.exp(log_rates) - targets, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("mean", [0.5, 3.0, 300.0])
def test_negative_binomial_nll_goes_over_into_the_poisson(mean: float) -> None:
    means, targets = jnp.full(6, mean), jnp.asarray(np.round(mean * np.linspace(0, 2, 6)), jnp.float32)
    poisson = jaxloss.poisson_nll(jnp.log(means), targets, reduction="none")
    for dispersion in (0.0, 1e-30, 1e-12):
        ours = jaxloss.negative_binomial_nll(means, jnp.full(6, dispersion), targets, reduction="none")
        np.testing.assert_allclose(ours, poisson, rtol=1e-5)
    slope = jax.grad(lambda a: jaxloss.negative_binomial_nll(means, a, targets, reduction="sum"))(jnp.zeros(6))
    expected = (targets - (targets - means) ** 2) / 2
    np.testing.assert_allclose(slope, expected, rtol=1e-5, atol=1e-5 * np.max(np.abs(expected)))


@pytest.mark.parametrize("dispersion", [1e-6, 1e-3, 0.1, 1.0, 30.0])
def test_negative_binomial_nll_keeps_float32_accurate(dispersion: float) -> None:
    means = np.geomspace(0.1, 1e5, 25).astype(np.float32)
    targets = np.round(means * np.tile([0.0, 0.5, 1.0, 1.1, 2.0], 5)).astype(np.int32)
    dispersions = np.full_like(means, dispersion)
    single = np.asarray(jaxloss.negative_binomial_nll(means, dispersions, targets, reduction="none"))
    with jax.enable_x64(True):
        wide = (means.astype(float), dispersions.astype(float))
        double = np.asarray(jaxloss.negative_binomial_nll(*wide, targets, reduction="none"))
    np.testing.assert_allclose(single, double, rtol=16 * EPS)
    r = 1 / wide[1]
    np.testing.assert_allclose(double, -scipy.stats.nbinom.logpmf(targets, r, r / (r + wide[0])), rtol=1e-8)


def test_gamma_deviance_of_nearly_equal_keeps_its_digits() -> None:
    predictions = jnp.ones(3)
    targets = predictions + jnp.array([2.0**-10, 2.0**-18, 2.0**-23])
    x = np.asarray(targets, float) - 1
    exact = x**2 - 2 * x**3 / 3 + x**4 / 2
    np.testing.assert_allclose(jaxloss.gamma_deviance(predictions, targets, reduction="none"), exact, rtol=4 * EPS)
    assert np.isnan(jaxloss.gamma_deviance(jnp.ones(1), jnp.zeros(1)))


def test_gamma_nll_and_gamma_deviance_pull_the_mean_alike() -> None:
    means, shapes, targets = jnp.array([1.0, 2.0, 5.0]), jnp.array([1.0, 3.0, 1e6]), jnp.array([2.0, 1.0, 4.0])
    nll = jax.grad(lambda m: jaxloss.gamma_nll(m, shapes, targets, reduction="sum"))(means)
    deviance = jax.grad(lambda m: jaxloss.gamma_deviance(m, targets, reduction="sum"))(means)
    np.testing.assert_allclose(nll, shapes * deviance / 2, rtol=1e-6)


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_tweedie_deviance_takes_its_limits_traced_and_not(power: float) -> None:
    predictions = np.array([0.5, 1.0, 3.0, 1.0, 100.0])
    targets = np.array([0.6, 50.0, 0.02, 1.0, 90.0])
    limit = {
        0.0: lambda m, y: (y - m) ** 2,
        1.0: lambda m, y: 2 * (y * np.log(y / m) - y + m),
        2.0: lambda m, y: 2 * (y / m - np.log(y / m) - 1),
    }[power](predictions, targets)
    fn = lambda p: jaxloss.tweedie_deviance(predictions, targets, power=p, reduction="none")
    with jax.enable_x64(True):
        for shift in (0.0, 1e-14, 1e-9):
            for value in (fn(power + shift), jax.jit(fn)(power + shift)):
                np.testing.assert_allclose(value, limit, rtol=1e-7 if shift == 1e-9 else 1e-11, atol=1e-13)
        step = 1e-5
        around = (fn(power + 2 * step) - fn(power)) / (2 * step)
        np.testing.assert_allclose(jax.jacfwd(fn)(power + step), around, rtol=1e-4, atol=1e-8)
    single = jaxloss.tweedie_deviance(
        *(x.astype(np.float32) for x in (predictions, targets)), power=power, reduction="none"
    )
    np.testing.assert_allclose(single, limit, rtol=1e-5)


def test_tweedie_deviance_at_zero() -> None:
    mean, zero = jnp.array([2.0]), jnp.zeros(1)
    for power in (0.5, 1.0, 1.5, 1.9):
        np.testing.assert_allclose(
            jaxloss.tweedie_deviance(mean, zero, power=power), 2 * 2 ** (2 - power) / (2 - power), rtol=1e-6
        )
    assert np.isnan(jaxloss.tweedie_deviance(mean, zero, power=2.0))
    assert np.isnan(jaxloss.tweedie_deviance(zero, mean, power=1.5))


@pytest.mark.parametrize("levels", [2, 16, 256])
@pytest.mark.parametrize("log_scale", [-9.0, -4.0, -1.0, 2.0, 30.0])
def test_masses_of_all_levels_sum_to_one(levels: int, log_scale: float) -> None:
    targets = jnp.asarray(2 * np.arange(levels) / (levels - 1) - 1, jnp.float32)
    means = jnp.full((levels, 2), jnp.array([0.13, -0.41]))
    scales = jnp.full((levels, 2), log_scale)
    logistic = jaxloss.discretized_logistic_mixture_nll(
        0 * means, means, scales, targets, levels=levels, reduction="none"
    )
    gaussian = jaxloss.discretized_gaussian_nll(means[:, 0], scales[:, 0], targets, levels=levels, reduction="none")
    for values in (logistic, gaussian):
        assert np.min(values) >= 0
        np.testing.assert_allclose(np.sum(np.exp(-np.asarray(values, float))), 1, rtol=1e-5)


def test_discretized_losses_are_exact_and_alive_far_out() -> None:
    """PixelCNN++ and the diffusion code floor the mass at 1e-12: 27.6 nats, and no gradient."""
    target = jnp.zeros(())
    one = jnp.zeros(1)
    logistic = lambda m: jaxloss.discretized_logistic_mixture_nll(one, m[None], one - 7, target)
    gaussian = lambda m: jaxloss.discretized_gaussian_nll(m, jnp.float32(np.log(0.01)), target)
    value, slope = jax.value_and_grad(logistic)(jnp.float32(1.0))
    np.testing.assert_allclose(value, (1 - 1 / 255) * np.exp(7), rtol=1e-3)
    np.testing.assert_allclose(slope, np.exp(7), rtol=1e-5)
    value, slope = jax.value_and_grad(gaussian)(jnp.float32(1.0))
    high, low = ((-1 + h / 255) / 0.01 for h in (1, -1))
    exact = -scipy.stats.norm.logcdf(high) - np.log1p(
        -np.exp(scipy.stats.norm.logcdf(low) - scipy.stats.norm.logcdf(high))
    )
    np.testing.assert_allclose(value, exact, rtol=1e-6)
    np.testing.assert_allclose(slope, -high / 0.01, rtol=1e-3)


def test_discretized_losses_of_a_sure_hit_keep_their_digits() -> None:
    target, h = jnp.zeros(()), 1 / 255
    scale = h / 30
    logistic = jaxloss.discretized_logistic_mixture_nll(
        jnp.zeros(3), jnp.zeros(3), jnp.full(3, np.log(scale), jnp.float32), target
    )
    np.testing.assert_allclose(logistic, 2 * np.exp(-30), rtol=1e-4)
    gaussian = jaxloss.discretized_gaussian_nll(target, jnp.float32(np.log(h / 8)), target)
    np.testing.assert_allclose(gaussian, 2 * scipy.stats.norm.sf(8), rtol=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_discretized_gaussian_is_exact_in_all_its_regions(dtype: type) -> None:
    rng = np.random.default_rng(4)
    log_scales = rng.uniform(-9, 4, 4000).astype(dtype)
    targets = (2 * rng.integers(1, 255, 4000) / 255 - 1).astype(dtype)
    means = (targets + np.exp(log_scales) * rng.uniform(-30, 30, 4000)).astype(dtype)
    with jax.enable_x64(True):
        values = jaxloss.discretized_gaussian_nll(means, log_scales, targets, reduction="none")
        wide = [jnp.asarray(x, jnp.float64) for x in (means, log_scales, targets)]
        double = jaxloss.discretized_gaussian_nll(*wide, reduction="none")
    assert values.dtype == dtype
    # The edges in standard deviations are rounded, which a tail that far out multiplies by their square.
    np.testing.assert_allclose(values, double, rtol=300 * np.finfo(dtype).eps, atol=1e-30)
    ordinary = np.asarray(double) > 0.01
    np.testing.assert_allclose(values[ordinary], double[ordinary], rtol=64 * np.finfo(dtype).eps)
    z = np.abs(targets.astype(float) - means) / np.exp(log_scales.astype(float))
    k = 1 / 255 / np.exp(log_scales.astype(float))
    near, far = scipy.stats.norm.logcdf(k - z), scipy.stats.norm.logcdf(-k - z)
    with np.errstate(all="ignore"):
        reference = -(near + np.log1p(-np.exp(far - near)))
    safe = (near - far > 0.1) & (reference > 1e-3)
    assert safe.sum() > 1000
    np.testing.assert_allclose(np.asarray(double)[safe], reference[safe], rtol=1e-9)


def test_discretized_losses_refuse_values_off_the_scale() -> None:
    zero = jnp.zeros(2)
    assert np.isnan(jaxloss.discretized_gaussian_nll(zero, zero, jnp.array([0.0, 127.0])))
    assert np.isnan(jaxloss.discretized_logistic_mixture_nll(zero, zero, zero, jnp.float32(1.5)))


def test_normalizing_flow_nll_takes_the_jacobian_from_data_to_latent() -> None:
    """x = 3 z + 1 with standard normal z."""
    x = jnp.array([0.5, 4.0])
    base = -jaxloss.gaussian_nll(jnp.zeros(2), jnp.ones(2), (x - 1) / 3, reduction="none")
    ours = jaxloss.normalizing_flow_nll(base, jnp.full(2, -np.log(3), jnp.float32), reduction="none")
    np.testing.assert_allclose(ours, -scipy.stats.norm.logpdf(x, 1, 3), rtol=1e-6)


def test_evidential_regression_loss_is_a_student_t() -> None:
    rng = np.random.default_rng(5)
    nu, alpha, beta = 0.2 + rng.gamma(2.0, size=(3, 10))
    gamma, targets = rng.normal(size=(2, 10))
    with jax.enable_x64(True):
        ours = jaxloss.evidential_regression_loss(
            gamma, nu, alpha, beta, targets, evidence_weight=0.0, reduction="none"
        )
    scale = np.sqrt(beta * (1 + nu) / (nu * alpha))
    np.testing.assert_allclose(ours, -scipy.stats.t.logpdf(targets, 2 * alpha, gamma, scale), rtol=1e-11)


def test_likelihoods_are_those_of_distrax() -> None:
    distrax = pytest.importorskip("distrax")
    rng = np.random.default_rng(6)
    a, b, y = (jnp.asarray(x, jnp.float32) for x in rng.normal(size=(3, 20)))
    s = jnp.exp(b)
    keep = jnp.asarray(rng.uniform(size=20) < 0.7)
    pairs = [
        (jaxloss.laplace_nll(a, s, y, where=keep), distrax.Laplace(a, s)),
        (jaxloss.gaussian_nll(a, s**2, y, where=keep), distrax.Normal(a, s)),
        (jaxloss.gamma_nll(s, jnp.exp(a), jnp.exp(y), where=keep), distrax.Gamma(jnp.exp(a), jnp.exp(a) / s)),
    ]
    for value, law in pairs:
        at = jnp.exp(y) if isinstance(law, distrax.Gamma) else y
        np.testing.assert_allclose(value, -jnp.mean(law.log_prob(at)[keep]), rtol=1e-5)


@pytest.mark.parametrize("log_rate", [-70.0, -79.9, -80.1, -88.0, -104.0, -1e4])
@pytest.mark.parametrize("count", [0.0, 0.5, 1.0, 4.0, 1e6])
def test_poisson_nll_at_rates_that_underflow(log_rate: float, count: float) -> None:
    value, slope = jax.jit(jax.value_and_grad(jaxloss.poisson_nll))(jnp.float32(log_rate), jnp.float32(count))
    log_rate = np.float64(np.float32(log_rate))
    rate = np.exp(log_rate) if log_rate > -87 else 0.0
    exact = rate - count * log_rate + scipy.special.gammaln(count + 1)
    np.testing.assert_allclose(value, exact, rtol=4 * EPS)
    np.testing.assert_allclose(slope, rate - count, rtol=4 * EPS * (1 + abs(log_rate)))


def test_poisson_nll_at_a_rate_of_zero_is_infinite_and_has_a_slope() -> None:
    value, slope = jax.value_and_grad(jaxloss.poisson_nll)(jnp.float32(-jnp.inf), jnp.float32(3))
    assert (value, slope) == (jnp.inf, -3)
