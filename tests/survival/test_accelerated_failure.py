"""Censored times with a location and a scale: units, special cases, and what a fit finds behind the censoring."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.stats

import jaxloss

LOSSES = (jaxloss.weibull_aft_nll, jaxloss.log_normal_aft_nll, jaxloss.log_logistic_aft_nll)
RNG = np.random.default_rng(6)
LOCATIONS, LOG_SCALES = RNG.normal(size=9), 0.3 * RNG.normal(size=9)
TIMES, EVENTS = np.exp(RNG.normal(size=9)), RNG.uniform(size=9) < 0.6

pytestmark = pytest.mark.full


@pytest.mark.parametrize("fn", LOSSES)
def test_the_unit_of_time_is_the_location(fn) -> None:
    """In hours instead of days all locations move by one number, and the density of an event by its logarithm."""
    with jax.enable_x64(True):
        days = fn(LOCATIONS, LOG_SCALES, TIMES, EVENTS, reduction="none")
        hours = fn(LOCATIONS + np.log(24), LOG_SCALES, 24 * TIMES, EVENTS, reduction="none")
        np.testing.assert_allclose(hours, days + EVENTS * np.log(24), rtol=1e-12, atol=1e-13)


def test_events_alone_are_gaussian_in_the_logarithm() -> None:
    with jax.enable_x64(True):
        ours = jaxloss.log_normal_aft_nll(LOCATIONS, LOG_SCALES, TIMES, np.ones(9, bool), reduction="none")
        theirs = jaxloss.gaussian_nll(LOCATIONS, np.exp(2 * LOG_SCALES), np.log(TIMES), reduction="none")
        np.testing.assert_allclose(ours, theirs + np.log(TIMES), rtol=1e-12)


def test_a_scale_of_one_is_exponential() -> None:
    with jax.enable_x64(True):
        ours = jaxloss.weibull_aft_nll(LOCATIONS, np.zeros(9), TIMES, EVENTS, reduction="none")
        rates = np.exp(-LOCATIONS)
        np.testing.assert_allclose(ours, rates * TIMES - EVENTS * np.log(rates), rtol=1e-12)


@pytest.mark.parametrize("fn", LOSSES)
def test_certain_survival_keeps_its_digits(fn) -> None:
    """Far before the location survival is nearly 1, and one minus it is 0 in float32."""
    distribution = {
        "weibull_aft_nll": scipy.stats.weibull_min(1.0, scale=np.exp(8.0)),
        "log_normal_aft_nll": scipy.stats.lognorm(1.0, scale=np.exp(8.0)),
        "log_logistic_aft_nll": scipy.stats.fisk(1.0, scale=np.exp(8.0)),
    }[fn.__name__]
    times = np.float32([0.01, 0.1, 1.0])
    found = fn(jnp.full(3, 8.0), jnp.zeros(3), times, jnp.zeros(3, bool), reduction="none")
    np.testing.assert_allclose(found, -distribution.logsf(times.astype(np.float64)), rtol=2e-5)


@pytest.mark.parametrize("fn", LOSSES)
def test_a_fit_finds_the_times_behind_the_censoring(fn) -> None:
    """Half of the times are cut short: as if they were events, the location would come out far too small."""
    draw = {
        "weibull_aft_nll": lambda n: np.log(RNG.exponential(size=n)),
        "log_normal_aft_nll": lambda n: RNG.normal(size=n),
        "log_logistic_aft_nll": lambda n: RNG.logistic(size=n),
    }[fn.__name__]
    full = np.exp(1.5 + 0.5 * draw(4000))
    ends = np.exp(1.5 + 0.5 * draw(4000))
    times, events = jnp.asarray(np.minimum(full, ends)), jnp.asarray(full <= ends)

    def fit(events: jax.Array) -> jax.Array:
        one = jnp.ones(4000)
        loss = lambda p: fn(p[0] * one, p[1] * one, times, events)
        optimizer, step = optax.lbfgs(), jax.value_and_grad(loss)

        def body(_, carry):
            params, state = carry
            value, slope = step(params)
            updates, state = optimizer.update(slope, state, params, value=value, grad=slope, value_fn=loss)
            return optax.apply_updates(params, updates), state

        start = jnp.zeros(2)
        return jax.lax.fori_loop(0, 30, body, (start, optimizer.init(start)))[0]

    location, log_scale = jax.jit(fit)(events)
    assert abs(location - 1.5) < 0.05
    assert abs(log_scale - np.log(0.5)) < 0.08
    assert jax.jit(fit)(jnp.ones_like(events))[0] < 1.35
