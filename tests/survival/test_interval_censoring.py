"""Times in intervals: what the four kinds of bounds mean, digits in the tails, and what a fit finds behind visits."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.stats

import jaxloss

PAIRS = (
    (jaxloss.weibull_aft_interval_nll, jaxloss.weibull_aft_nll),
    (jaxloss.log_normal_aft_interval_nll, jaxloss.log_normal_aft_nll),
    (jaxloss.log_logistic_aft_interval_nll, jaxloss.log_logistic_aft_nll),
)
RNG = np.random.default_rng(7)
LOCATIONS, LOG_SCALES, TIMES = RNG.normal(size=9), 0.3 * RNG.normal(size=9), np.exp(RNG.normal(size=9))
EPS = np.finfo(np.float32).eps

pytestmark = pytest.mark.full


@pytest.mark.parametrize(("fn", "plain"), PAIRS)
def test_known_and_right_censored_times_are_those_of_the_plain_loss(fn, plain) -> None:
    events = np.arange(9) % 2 == 0
    with jax.enable_x64(True):
        ours = fn(LOCATIONS, LOG_SCALES, TIMES, np.where(events, TIMES, np.inf), reduction="none")
        np.testing.assert_allclose(
            ours, plain(LOCATIONS, LOG_SCALES, TIMES, events, reduction="none"), rtol=1e-12, atol=1e-14
        )


@pytest.mark.parametrize(("fn", "plain"), PAIRS)
def test_the_masses_of_a_partition_sum_to_one(fn, plain) -> None:
    ends = np.array([0, 0.01, 0.3, 1, 1.0001, 5, 40, np.inf], np.float32)
    for location, log_scale in ((0.0, 0.0), (1.0, -2.0), (-3.0, 1.0)):
        ones = np.ones(len(ends) - 1, np.float32)
        values = fn(location * ones, log_scale * ones, ends[:-1], ends[1:], reduction="none")
        assert np.min(values) >= 0
        np.testing.assert_allclose(np.sum(np.exp(-np.asarray(values, float))), 1, rtol=1e-5)


@pytest.mark.parametrize(("fn", "plain"), PAIRS)
def test_a_narrow_interval_has_the_density_times_its_width(fn, plain) -> None:
    upper = np.nextafter(np.float32(2), np.float32(3)) * np.ones(3, np.float32)
    lower, locations = 2 * np.ones(3, np.float32), np.float32([0, 0.7, -4])
    found = fn(locations, 0 * locations, lower, upper, reduction="none")
    density = plain(locations, 0 * locations, lower, np.ones(3, bool), reduction="none")
    np.testing.assert_allclose(found, density - np.log(upper - lower), rtol=1e-5)


def log_mass(law, lower: float, upper: float) -> float:
    """From the logarithms of the two tails, in float64."""
    start, end = law.logsf(lower), law.logsf(upper)
    return start + np.log1p(-np.exp(end - start))


@pytest.mark.parametrize("times", [(20.0, 30.0), (300.0, 301.0), (1e3, 1e5)])
def test_the_far_tail_keeps_its_digits(times) -> None:
    """Both survivals underflow, or are equal in float32; XGBoost floors their difference at 1e-12."""
    laws = (
        scipy.stats.weibull_min(1.0, scale=1.0),
        scipy.stats.lognorm(0.25, scale=1.0),
        scipy.stats.fisk(1.0, scale=1.0),
    )
    scales = (1.0, 0.25, 1.0)
    lower, upper = (jnp.float32(t) for t in times)
    for (fn, _), law, scale in zip(PAIRS, laws, scales, strict=True):
        value, slope = jax.value_and_grad(fn)(jnp.float32(0), jnp.float32(np.log(scale)), lower, upper)
        np.testing.assert_allclose(value, -log_mass(law, *times), rtol=2e-5)
        step = 1e-5
        shifted = [-log_mass(law, *(t * np.exp(d) for t in times)) for d in (-step, step)]
        np.testing.assert_allclose(slope, (shifted[0] - shifted[1]) / (2 * step), rtol=1e-3)


@pytest.mark.parametrize(("fn", "plain"), PAIRS)
def test_slopes_in_the_bounds_are_densities(fn, plain) -> None:
    """The mass loses the density at the start, and gains that at the end."""
    lower, upper = np.array([0.5, 1.0, 3.0]), np.array([0.6, 4.0, 3.3])
    zeros, observed = np.zeros(3), np.ones(3, bool)
    with jax.enable_x64(True):
        total = lambda a, b: fn(zeros, zeros, a, b, reduction="sum")
        slopes = jax.grad(total, argnums=(0, 1))(jnp.asarray(lower), jnp.asarray(upper))
        values = fn(zeros, zeros, lower, upper, reduction="none")
        densities = [np.exp(-plain(zeros, zeros, t, observed, reduction="none")) for t in (lower, upper)]
    np.testing.assert_allclose(slopes[0], densities[0] * np.exp(values), rtol=1e-10)
    np.testing.assert_allclose(slopes[1], -densities[1] * np.exp(values), rtol=1e-10)


@pytest.mark.parametrize(("fn", "plain"), PAIRS)
def test_bounds_that_are_no_interval_are_not_a_number(fn, plain) -> None:
    lower, upper = jnp.array([2.0, 0.0, -1.0, jnp.inf, 1.0]), jnp.array([1.0, 0.0, 1.0, jnp.inf, 2.0])
    values, pull = jax.vjp(lambda m: fn(m, jnp.zeros(5), lower, upper, reduction="none"), jnp.zeros(5))
    assert np.isnan(values).tolist() == [True] * 4 + [False]
    assert np.isnan(pull(jnp.ones(5))[0]).tolist() == [True] * 4 + [False]


@pytest.mark.parametrize(("fn", "plain"), PAIRS)
def test_a_fit_finds_the_times_between_visits(fn, plain) -> None:
    """Everybody is seen at times 2, 4, 8 and 16 only; with the middle of each interval the scale comes out wrong."""
    draw = {
        "weibull_aft_nll": lambda n: np.log(RNG.exponential(size=n)),
        "log_normal_aft_nll": lambda n: RNG.normal(size=n),
        "log_logistic_aft_nll": lambda n: RNG.logistic(size=n),
    }[plain.__name__]
    times, visits = np.exp(1.5 + 0.5 * draw(4000)), np.array([0, 2, 4, 8, 16, np.inf])
    seen = np.searchsorted(visits, times) - 1
    lower, upper = jnp.asarray(visits[seen], jnp.float32), jnp.asarray(visits[seen + 1], jnp.float32)
    one = jnp.ones(4000)
    loss = lambda p: fn(p[0] * one, p[1] * one, lower, upper)
    optimizer, step = optax.lbfgs(), jax.value_and_grad(loss)

    def body(_, carry):
        params, state = carry
        value, slope = step(params)
        updates, state = optimizer.update(slope, state, params, value=value, grad=slope, value_fn=loss)
        return optax.apply_updates(params, updates), state

    start = jnp.zeros(2)
    location, log_scale = jax.jit(lambda: jax.lax.fori_loop(0, 30, body, (start, optimizer.init(start)))[0])()
    assert abs(location - 1.5) < 0.05
    assert abs(log_scale - np.log(0.5)) < 0.08
