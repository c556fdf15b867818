"""Likelihoods of intervals: what they share with other losses, censoring at the horizon, curves that are learned."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxloss

RNG = np.random.default_rng(4)
LOGITS = RNG.normal(size=(7, 5))
INTERVALS = np.array([0, 1, 2, 3, 4, 0, 3])
EVENTS = np.array([True, True, False, False, True, False, True])

pytestmark = pytest.mark.full


def test_hazards_are_binary_cross_entropies_of_the_intervals_at_risk() -> None:
    number = np.arange(5)
    at_risk, event_in = number <= INTERVALS[:, None], (number == INTERVALS[:, None]) & EVENTS[:, None]
    with jax.enable_x64(True):
        terms = jaxloss.sigmoid_binary_cross_entropy(LOGITS, event_in, where=at_risk, reduction="none")
        ours = jaxloss.logistic_hazard_nll(LOGITS, INTERVALS, EVENTS, reduction="none")
        np.testing.assert_allclose(ours, jnp.sum(terms, axis=-1), rtol=1e-12)


def test_events_alone_are_classes() -> None:
    with jax.enable_x64(True):
        ours = jaxloss.survival_pmf_nll(LOGITS, INTERVALS, np.ones(7, bool))
        np.testing.assert_allclose(
            ours, jaxloss.softmax_cross_entropy_with_integer_labels(LOGITS, INTERVALS), rtol=1e-12
        )


def test_probabilities_and_hazards_of_one_curve_have_one_likelihood() -> None:
    """The probability of an interval is its hazard times the survival of those before; the last one is open."""
    hazards = 1 / (1 + np.exp(-LOGITS))
    survival = np.cumprod(1 - hazards, axis=-1)
    before = np.concatenate([np.ones((7, 1)), survival[:, :-1]], axis=-1)
    log_probs = np.log(np.concatenate([hazards * before, survival[:, -1:]], axis=-1))
    with jax.enable_x64(True):
        by_hazards = jaxloss.logistic_hazard_nll(LOGITS, INTERVALS, EVENTS, reduction="none")
        by_probabilities = jaxloss.survival_pmf_nll(log_probs, INTERVALS, EVENTS, reduction="none")
        np.testing.assert_allclose(by_hazards, by_probabilities, rtol=1e-12)
        steps = log_probs[:, :-1] - log_probs[:, 1:]
        np.testing.assert_allclose(jaxloss.mtlr_nll(steps, INTERVALS, EVENTS, reduction="none"), by_hazards, rtol=1e-11)


@pytest.mark.parametrize(("fn", "last"), [(jaxloss.survival_pmf_nll, 4), (jaxloss.mtlr_nll, 5)])
def test_nobody_is_censored_in_the_open_interval(fn, last: int) -> None:
    intervals = np.full(7, last)
    with jax.enable_x64(True):
        found = fn(LOGITS, intervals, EVENTS, reduction="none")
        slope = jax.grad(lambda z: jnp.sum(fn(z, intervals, EVENTS, reduction="none")))(jnp.asarray(LOGITS))
    assert np.array_equal(np.isnan(found), ~EVENTS)
    assert np.array_equal(np.isnan(slope).any(axis=-1), ~EVENTS)
    with pytest.raises(Exception, match="censored subjects before the last one"):
        jaxloss.checked(fn)(LOGITS, intervals, EVENTS)


def test_unlikely_censoring_keeps_its_digits() -> None:
    """Survival beyond an interval whose probability is nearly 1: one minus that is 0 in float32."""
    logits = jnp.array([[0.0, 20.0, 0.0], [20.0, 0.0, 0.0]])
    found = jaxloss.survival_pmf_nll(logits, jnp.array([0, 0]), jnp.array([False, False]), reduction="none")
    exact = [np.log1p(1 / (np.exp(20.0) + 1)), np.log1p(np.exp(20.0) / 2)]
    np.testing.assert_allclose(found, exact, rtol=1e-6)


@pytest.mark.parametrize(
    ("fn", "survival"),
    [
        (jaxloss.logistic_hazard_nll, lambda z: jnp.cumprod(jax.nn.sigmoid(-z))),
        (jaxloss.survival_pmf_nll, lambda z: 1 - jnp.cumsum(jax.nn.softmax(z))),
        (jaxloss.mtlr_nll, lambda z: 1 - jnp.cumsum(jax.nn.softmax(jnp.append(jnp.cumsum(z[::-1])[::-1], 0.0)))),
    ],
)
def test_one_curve_for_all_becomes_that_of_kaplan_and_meier(fn, survival) -> None:
    intervals, events = RNG.integers(0, 4, size=400), RNG.uniform(size=400) < 0.6
    at_risk = np.array([np.sum(intervals >= j) for j in range(4)])
    died = np.array([np.sum((intervals == j) & events) for j in range(4)])
    kaplan_meier = np.cumprod(1 - died / at_risk)
    size = {"survival_pmf_nll": 5}.get(fn.__name__, 4)
    loss = lambda z: fn(jnp.broadcast_to(z, (400, size)), intervals, events)
    optimizer = optax.lbfgs()
    step = jax.value_and_grad(loss)

    @jax.jit
    def train(z: jax.Array) -> jax.Array:
        def body(_, carry):
            z, state = carry
            value, slope = step(z)
            updates, state = optimizer.update(slope, state, z, value=value, grad=slope, value_fn=loss)
            return optax.apply_updates(z, updates), state

        return jax.lax.fori_loop(0, 40, body, (z, optimizer.init(z)))[0]

    np.testing.assert_allclose(survival(train(jnp.zeros(size)))[:4], kaplan_meier, atol=2e-3)


def test_the_ranking_loss_is_that_of_pycox_over_comparable_pairs():
    """The formula of its code: the mean over all pairs, which ours divides by the number of comparable ones."""
    pmf = jax.nn.softmax(jnp.asarray(LOGITS, jnp.float32), -1)
    cumulative = np.cumsum(pmf, axis=-1)
    at_own = cumulative[np.arange(7), INTERVALS]
    gaps = at_own[:, None] - cumulative[:, INTERVALS].T
    later = INTERVALS[None] > INTERVALS[:, None]
    comparable = EVENTS[:, None] & (later | ((INTERVALS[None] == INTERVALS[:, None]) & ~EVENTS[None]))
    theirs = np.mean(comparable * np.exp(-gaps / 0.2))
    ours = jaxloss.deephit_ranking_loss(LOGITS.astype(np.float32), INTERVALS, EVENTS, sigma=0.2)
    np.testing.assert_allclose(ours * np.mean(comparable), theirs, rtol=1e-5)


def test_the_ranking_loss_raises_the_concordance():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 3)).astype(np.float32)
    times = np.clip((3 - 2 * features[:, 0] + rng.normal(size=60)).astype(int), 0, 5)
    events = rng.uniform(size=60) < 0.8

    def concordance(kernel):
        risk = np.cumsum(jax.nn.softmax(features @ kernel, -1), -1)
        right = [
            risk[i, times[i]] > risk[j, times[i]]
            for i in range(60)
            for j in range(60)
            if events[i] and times[i] < times[j]
        ]
        return np.mean(right)

    kernel = jnp.zeros((3, 6))
    step = jax.jit(jax.grad(lambda w: jaxloss.deephit_ranking_loss(features @ w, times, events, sigma=0.5)))
    for _ in range(100):
        kernel = kernel - 0.5 * step(kernel)
    assert concordance(kernel) > 0.85


def test_chunks_of_the_ranking_loss_change_no_number():
    logits = LOGITS.astype(np.float32)
    fn = lambda size: jax.value_and_grad(lambda z: jaxloss.deephit_ranking_loss(z, INTERVALS, EVENTS, chunk_size=size))(
        logits
    )
    np.testing.assert_allclose(fn(3)[0], fn(None)[0], rtol=1e-6)
    np.testing.assert_allclose(fn(3)[1], fn(None)[1], rtol=1e-5, atol=1e-6)
