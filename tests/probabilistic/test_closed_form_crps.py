"""Scores in closed form: the integral that they stand for, their limits, and digits where the formula cancels."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.stats

import jaxloss

EPS = np.finfo(np.float32).eps


def integral(law, target: float) -> float:
    """Of the squared distance of the distribution function to the step at the target."""
    below = scipy.integrate.quad(lambda x: law.cdf(x) ** 2, law.ppf(1e-12), target, limit=200)[0]
    return below + scipy.integrate.quad(lambda x: law.sf(x) ** 2, target, law.isf(1e-12), limit=200)[0]


@pytest.mark.parametrize("target", [0.2, 1.0, 3.0])
def test_they_are_integrals_over_the_distribution_function(target: float) -> None:
    one, located = np.ones(1), (np.array([0.5]), np.array([0.7]), np.array([target]))
    with jax.enable_x64(True):
        pairs = [
            (jaxloss.laplace_crps(*located), scipy.stats.laplace(0.5, 0.7)),
            (jaxloss.logistic_crps(*located), scipy.stats.logistic(0.5, 0.7)),
            (jaxloss.exponential_crps(1.3 * one, target * one), scipy.stats.expon(scale=1.3)),
            (jaxloss.log_normal_crps(*located), scipy.stats.lognorm(0.7, scale=np.exp(0.5))),
        ]
    for found, law in pairs:
        np.testing.assert_allclose(found, integral(law, target), rtol=1e-7)


@pytest.mark.parametrize("scale", [1e-5, 1e-3, 0.1, 0.999, 1.001, 3.0])
def test_log_normal_crps_keeps_its_digits(scale: float) -> None:
    """The formula has terms of the size of the target; the score is of the size of the scale."""
    mpmath = pytest.importorskip("mpmath")
    scale, location = np.float32(scale), np.float32(0.25)
    z = np.linspace(-3, 3, 7)
    targets = np.exp(location + scale * z).astype(np.float32)

    def exact(y: float) -> float:
        with mpmath.workdps(50):
            m, s, y = (mpmath.mpf(float(x)) for x in (location, scale, y))
            w = (mpmath.log(y) - m) / s
            upper = mpmath.ncdf(w - s) - mpmath.ncdf(-s / mpmath.sqrt(2))
            return float(y * (2 * mpmath.ncdf(w) - 1) - 2 * mpmath.exp(m + s * s / 2) * upper)

    found = jaxloss.log_normal_crps(np.full(7, location), np.full(7, scale), targets, reduction="none")
    # The logarithm of the target has one rounding, by which the error moves.
    slack = 2 * EPS * targets * (1 + np.abs(np.log(targets)))
    assert np.all(np.abs(found - np.array([exact(y) for y in targets])) <= 8 * EPS * np.abs(found) + slack)


def test_a_narrow_log_normal_is_a_normal_distribution() -> None:
    location, scale = np.full(7, 1.5), np.full(7, 1e-6)
    targets = np.exp(location) * (1 + scale * np.linspace(-3, 3, 7))
    with jax.enable_x64(True):
        log_normal = jaxloss.log_normal_crps(location, scale, targets, reduction="none")
        normal = jaxloss.gaussian_crps(np.exp(location), scale * np.exp(location), targets, reduction="none")
    np.testing.assert_allclose(log_normal, normal, rtol=1e-5)


def test_a_mixture_of_equal_components_is_one_of_them() -> None:
    means, scales, targets = jnp.array([0.3, -2.0]), jnp.array([0.5, 2.0]), jnp.array([0.1, 3.0])
    thrice = lambda x: jnp.repeat(x[:, None], 3, axis=1)
    mixture = jaxloss.gaussian_mixture_crps(
        jnp.arange(6.0).reshape(2, 3), thrice(means), thrice(scales), targets, reduction="none"
    )
    np.testing.assert_allclose(mixture, jaxloss.gaussian_crps(means, scales, targets, reduction="none"), rtol=8 * EPS)


def test_a_mixture_of_narrow_components_is_an_ensemble() -> None:
    rng = np.random.default_rng(0)
    members, targets = rng.normal(size=(6, 5)), rng.normal(size=6)
    with jax.enable_x64(True):
        mixture = jaxloss.gaussian_mixture_crps(0 * members, members, 0 * members + 1e-12, targets, reduction="none")
        ensemble = jaxloss.ensemble_crps(members, targets, reduction="none")
    np.testing.assert_allclose(mixture, ensemble, rtol=1e-9)


def test_pairs_of_components_one_by_one_and_at_once_are_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU visits the components in a loop, other devices take all pairs together."""
    rng = np.random.default_rng(2)
    arrays = [jnp.asarray(rng.gamma(2.0, size=shape), jnp.float32) for shape in ((7, 5), (7, 5), (7, 5), (7,))]
    loss = lambda *arrays: jaxloss.gaussian_mixture_crps(*arrays)
    both = jax.value_and_grad(loss, argnums=(0, 1, 2, 3))
    found = both(*arrays)
    monkeypatch.setattr(jax.lax, "platform_dependent", lambda *args, cpu, default: default(*args))
    jax.clear_caches()
    assert "scan" not in str(jax.make_jaxpr(both)(*arrays))
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-7), found, both(*arrays))
    jax.clear_caches()


def test_a_component_on_the_target_is_not_rewarded_without_bound() -> None:
    """The likelihood of a mixture grows without bound as one component shrinks onto a target."""
    score = lambda s: jaxloss.gaussian_mixture_crps(jnp.zeros(2), jnp.array([0.0, 1.0]), jnp.array([s, 1.0]), 0.0 * s)
    nll = lambda s: jaxloss.gaussian_mixture_nll(jnp.zeros(2), jnp.array([0.0, 1.0]), jnp.array([s, 1.0]) ** 2, 0.0 * s)
    shrinking = [jnp.float32(s) for s in (1e-2, 1e-6)]
    assert abs(score(shrinking[0]) - score(shrinking[1])) < 0.01
    assert nll(shrinking[0]) - nll(shrinking[1]) > 8


def test_a_mixture_learns_two_modes() -> None:
    rng = np.random.default_rng(1)
    targets = jnp.asarray(np.concatenate([rng.normal(-2, 0.3, 700), rng.normal(3, 0.5, 300)]), jnp.float32)

    @jax.jit
    def fit(params):
        spread = lambda x: jnp.broadcast_to(x, (1000, 2))
        loss = lambda p: jaxloss.gaussian_mixture_crps(spread(p[0]), spread(p[1]), spread(jnp.exp(p[2])), targets)
        return jax.lax.fori_loop(0, 600, lambda _, p: p - 1.5 * jax.grad(loss)(p), params)

    logits, means, log_scales = fit(jnp.array([[0.0, 0.0], [-1.0, 1.0], [0.0, 0.0]]))
    np.testing.assert_allclose(means, [-2, 3], atol=0.15)
    np.testing.assert_allclose(jax.nn.softmax(logits), [0.7, 0.3], atol=0.05)
    np.testing.assert_allclose(np.exp(log_scales), [0.3, 0.5], atol=0.15)


@pytest.mark.parametrize("fn", [jaxloss.laplace_crps, jaxloss.logistic_crps])
def test_far_out_the_score_is_the_error(fn) -> None:
    value, slopes = jax.value_and_grad(fn, argnums=(0, 1))(jnp.float32(0), jnp.float32(1e-30), jnp.float32(1e30))
    np.testing.assert_allclose(value, 1e30, rtol=1e-6)
    np.testing.assert_allclose(slopes, [-1, -0.75 if fn is jaxloss.laplace_crps else -1], rtol=1e-6)
    assert jax.grad(fn)(jnp.ones(()), jnp.ones(()), jnp.ones(())) == 0
    curvature = jax.grad(jax.grad(fn))(jnp.ones(()), 2 * jnp.ones(()), jnp.ones(()))
    np.testing.assert_allclose(curvature, 0.5 if fn is jaxloss.laplace_crps else 0.25, rtol=1e-6)
