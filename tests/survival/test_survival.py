"""Cox's likelihood: ties, order, masks, accuracy where the order is certain, scores far apart."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

BRESLOW, EFRON = jax.jit(jaxloss.cox_breslow_nll), jax.jit(jaxloss.cox_efron_nll)
BOTH = pytest.mark.parametrize("fn", [BRESLOW, EFRON], ids=["breslow", "efron"])


def cohort(n=9, days=4, seed=0):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=n).astype(np.float32),
        rng.integers(0, days, size=n).astype(np.float32),
        rng.uniform(size=n) < 0.6,
    )


def test_ties_by_hand():
    """Three die on one day, one is censored then, one later: the factors of the likelihood are written out."""
    eta, times = jnp.log(jnp.array([2.0, 3.0, 5.0, 7.0, 11.0])), jnp.array([1.0, 1.0, 1.0, 1.0, 2.0])
    events = jnp.array([True, True, True, False, False])
    breslow = -np.log(2 * 3 * 5 / 28**3) / 3
    efron = -np.log(2 * 3 * 5 / (28 * (28 - 10 / 3) * (28 - 20 / 3))) / 3
    np.testing.assert_allclose(BRESLOW(eta, times, events), breslow, rtol=1e-6)
    np.testing.assert_allclose(EFRON(eta, times, events), efron, rtol=1e-6)


@BOTH
def test_the_order_of_subjects_and_the_unit_of_time_do_not_matter(fn):
    scores, times, events = cohort()
    expected = fn(scores, times, events)
    for seed in range(2):
        order = np.random.default_rng(seed).permutation(9)
        np.testing.assert_allclose(fn(scores[order], times[order], events[order]), expected, rtol=1e-6)
    np.testing.assert_allclose(fn(scores, np.exp(times) - 40, events), expected, rtol=1e-6)
    np.testing.assert_allclose(fn(scores, times.astype(np.int32), events), expected, rtol=1e-6)
    np.testing.assert_allclose(fn(scores + 8, times, events), expected, rtol=1e-5)


def test_without_ties_the_two_are_one():
    scores, _, events = cohort()
    times = np.random.default_rng(1).permutation(9).astype(np.float32)
    np.testing.assert_array_equal(BRESLOW(scores, times, events), EFRON(scores, times, events))


@BOTH
def test_masks_weights_and_cohorts_without_events(fn):
    scores, times, events = cohort()
    keep = np.random.default_rng(2).uniform(size=9) < 0.7
    keep[np.flatnonzero(events)[0]] = True
    spoiled = (
        np.where(keep, scores, np.nan).astype(np.float32),
        np.where(keep, times, np.nan).astype(np.float32),
        events,
    )
    program = jax.jit(jax.value_and_grad(lambda *x: fn(*x[:3], where=x[3])))
    everybody, nobody = np.ones(9, bool), np.zeros(9, bool)
    expected, exact = program(scores[keep], times[keep], events[keep], everybody[keep])
    value, gradient = program(*spoiled, keep)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    np.testing.assert_allclose(gradient[keep], exact, rtol=1e-5, atol=1e-7)
    assert not np.any(gradient[~keep])
    absent = fn(scores, times, events, weights=keep.astype(np.float32))
    np.testing.assert_allclose(absent, expected, rtol=1e-6)
    value, gradient = program(scores, times, nobody, everybody)
    assert value == 0
    assert not np.any(gradient)
    two = np.stack([scores, scores]), np.stack([times, times]), np.stack([events, nobody])
    np.testing.assert_allclose(fn(*two), program(scores, times, events, everybody)[0], rtol=1e-6)


def test_weights_by_the_formula():
    scores, times, events = cohort()
    weights = np.random.default_rng(3).uniform(0.5, 2, size=9).astype(np.float32)
    mass = weights * np.exp(scores)
    terms = [weights[i] * -np.log(mass[i] / np.sum(mass[times >= times[i]])) for i in np.flatnonzero(events)]
    expected = np.sum(terms) / np.sum(weights[events])
    np.testing.assert_allclose(BRESLOW(scores, times, events, weights=weights), expected, rtol=1e-5)
    efron = np.sum(terms)
    for day in np.unique(times[events]):
        dead = events & (times == day)
        share = np.sum(mass[dead]) / np.sum(mass[times >= day])
        count = np.sum(dead)
        efron += np.mean(weights[dead]) * sum(np.log(1 - k / count * share) for k in range(count))
    value = EFRON(scores, times, events, weights=weights)
    np.testing.assert_allclose(value, efron / np.sum(weights[events]), rtol=1e-5)


@BOTH
def test_a_certain_order_keeps_its_relative_accuracy(fn):
    scores = np.array([40.0, 20.0, 0.0], np.float32)
    value = fn(scores, np.array([1.0, 2.0, 3.0]), np.array([True, True, False]))
    exact = (np.log1p(np.exp(-20.0) + np.exp(-40.0)) + np.log1p(np.exp(-20.0))) / 2
    np.testing.assert_allclose(value, exact, rtol=1e-6)


@BOTH
def test_scores_far_apart_neither_overflow_nor_underflow(fn):
    scores = np.array([-300.0, 0.0, -300.0, 300.0], np.float32)
    times, events = np.array([2.0, 1.0, 3.0, 0.0], np.float32), np.ones(4, bool)
    # The two that live longest are compared although both are e**-600 of the first.
    value, gradient = jax.value_and_grad(fn)(scores, times, events)
    np.testing.assert_allclose(value, np.log(2) / 4, rtol=1e-6)
    np.testing.assert_allclose(gradient, [-0.125, 0, 0.125, 0], atol=1e-7)


@BOTH
def test_misuse(fn):
    scores, times, events = cohort()
    assert np.isnan(fn(scores, np.where(np.arange(9) == 2, np.nan, times), events))
    with pytest.raises(TypeError, match="events == 1"):
        fn(scores, times, events.astype(np.int32))
    with pytest.raises(ValueError, match="same shape"):
        fn(scores, times, events[:, None])


@BOTH
def test_many_subjects_agree_with_double_precision(fn):
    rng = np.random.default_rng(0)
    scores, times, events = rng.normal(size=500), rng.integers(0, 40, size=500), rng.uniform(size=500) < 0.3
    single = fn(scores.astype(np.float32), times, events)
    with jax.enable_x64(True):
        double = fn(scores, times, events)
    np.testing.assert_allclose(single, double, rtol=1e-6)


@BOTH
def test_the_program_does_not_grow_with_the_cohort(fn):
    """On a CPU, where the levels of an associative scan cost the compiler eleven seconds for 4096 subjects."""

    def instructions(size):
        shapes = [jax.ShapeDtypeStruct((size,), dtype) for dtype in (np.float32, np.float32, np.bool_)]
        return jax.jit(jax.grad(fn)).lower(*shapes).compile().as_text().count(" = ")

    assert instructions(2048) < 1.2 * instructions(64)
