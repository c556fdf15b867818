"""Quantile losses: which side is dear, what they estimate, crossing, and other packages' results."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

LEVELS = np.array([0.1, 0.25, 0.5, 0.9])


def test_under_prediction_costs_the_level() -> None:
    """Targets above the prediction weigh q, those below 1 - q, in all three losses."""
    predictions, targets = jnp.zeros(2), jnp.array([2.0, -2.0])
    same = {"reduction": "none"}
    np.testing.assert_allclose(jaxloss.quantile_loss(predictions, targets, quantile=0.9, **same), [1.8, 0.2], rtol=1e-6)
    np.testing.assert_allclose(
        jaxloss.expectile_loss(predictions, targets, expectile=0.9, **same), [3.6, 0.4], rtol=1e-6
    )
    np.testing.assert_allclose(
        jaxloss.huber_quantile_loss(predictions, targets, quantile=0.9, delta=0.5, **same), [1.575, 0.175], rtol=1e-6
    )


def test_the_middle_level_is_half_of_the_symmetric_loss(rng: np.random.Generator) -> None:
    predictions, targets = jnp.asarray(rng.normal(size=(2, 30)), jnp.float32)
    half = lambda fn, **hypers: 0.5 * fn(predictions, targets, **hypers)
    np.testing.assert_allclose(jaxloss.quantile_loss(predictions, targets), half(jaxloss.absolute_error), rtol=1e-6)
    np.testing.assert_allclose(jaxloss.expectile_loss(predictions, targets), half(jaxloss.squared_error), rtol=1e-6)
    np.testing.assert_allclose(
        jaxloss.huber_quantile_loss(predictions, targets, delta=0.5), half(jaxloss.smooth_l1_loss, beta=0.5), rtol=1e-6
    )


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_the_minimiser_is_the_quantile(level: float, rng: np.random.Generator) -> None:
    targets = jnp.asarray(rng.normal(size=2001), jnp.float32)
    guesses = jnp.linspace(-3, 3, 1201)
    losses = jax.vmap(lambda g: jaxloss.quantile_loss(jnp.full_like(targets, g), targets, quantile=level))(guesses)
    assert float(guesses[jnp.argmin(losses)]) == pytest.approx(float(jnp.quantile(targets, level)), abs=0.02)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_the_minimiser_is_the_expectile(level: float, rng: np.random.Generator) -> None:
    """An expectile balances the mean shortfall on both sides in the ratio of the weights."""
    targets = jnp.asarray(rng.normal(size=501), jnp.float32)
    fn = lambda g: jaxloss.expectile_loss(jnp.full_like(targets, g), targets, expectile=level)
    low, high = -4.0, 4.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if jax.grad(fn)(middle) < 0 else (low, middle)
    above = np.sum(np.maximum(0, np.asarray(targets) - low))
    below = np.sum(np.maximum(0, low - np.asarray(targets)))
    assert level * above == pytest.approx((1 - level) * below, rel=1e-4)


def test_slope_is_0_at_a_perfect_fit() -> None:
    ones = jnp.ones(3)
    for fn in (jaxloss.quantile_loss, jaxloss.expectile_loss, jaxloss.huber_quantile_loss):
        np.testing.assert_array_equal(jax.grad(lambda p, fn=fn: fn(p, ones))(ones), 0)
    hard = lambda p: jaxloss.huber_quantile_loss(p, ones, quantile=0.9, delta=0.0)
    np.testing.assert_array_equal(jax.grad(hard)(ones), 0)
    many = lambda p: jaxloss.multi_quantile_loss(p, ones, jnp.asarray(LEVELS, jnp.float32))
    np.testing.assert_array_equal(jax.grad(many)(jnp.ones((3, 4))), 0)


def test_huber_quantile_of_a_vanishing_threshold(rng: np.random.Generator) -> None:
    predictions, targets = jnp.asarray(rng.normal(size=(2, 9)), jnp.float32)
    fn = lambda p, delta: jaxloss.huber_quantile_loss(p, targets, quantile=0.9, delta=delta)
    exact = lambda p: jaxloss.quantile_loss(p, targets, quantile=0.9)
    for delta in (0.0, jnp.float32(0), 1e-7):
        np.testing.assert_allclose(fn(predictions, delta), exact(predictions), rtol=1e-6)
        np.testing.assert_allclose(jax.grad(fn)(predictions, delta), jax.grad(exact)(predictions), rtol=1e-6)


def test_huber_quantile_keeps_the_gradient_of_tiny_residuals() -> None:
    tiny = jnp.array([1e-9, -1e-9])
    slope = jax.grad(lambda p: jaxloss.huber_quantile_loss(p, jnp.zeros(2), quantile=0.75, reduction="sum"))(tiny)
    np.testing.assert_allclose(slope, [0.25e-9, -0.75e-9], rtol=1e-6)


def test_many_levels_are_the_mean_of_single_ones(rng: np.random.Generator) -> None:
    import sklearn.metrics

    predictions = jnp.asarray(rng.normal(size=(5, 4)), jnp.float32)
    targets = jnp.asarray(rng.normal(size=5), jnp.float32)
    keep = jnp.array([True, True, False, True, False])
    value = jaxloss.multi_quantile_loss(predictions, targets, jnp.asarray(LEVELS, jnp.float32), where=keep)
    single = [
        jaxloss.quantile_loss(predictions[:, i], targets, quantile=level, where=keep) for i, level in enumerate(LEVELS)
    ]
    np.testing.assert_allclose(value, np.mean(single), rtol=1e-6)
    shown = [
        sklearn.metrics.mean_pinball_loss(targets[keep], predictions[keep, i], alpha=q) for i, q in enumerate(LEVELS)
    ]
    np.testing.assert_allclose(value, np.mean(shown), rtol=1e-6)


def test_twice_the_mean_over_levels_is_the_quantile_crps(rng: np.random.Generator) -> None:
    scoringrules = pytest.importorskip("scoringrules")
    predictions, targets = rng.normal(size=(6, 4)), rng.normal(size=6)
    with jax.enable_x64(True):
        value = jaxloss.multi_quantile_loss(predictions, targets, LEVELS, reduction="none")
    np.testing.assert_allclose(
        2 * np.asarray(value), scoringrules.crps_quantile(targets, predictions, LEVELS), rtol=1e-12
    )


@pytest.mark.parametrize("level", [0.0, 1.0, 90.0, -0.1])
def test_a_level_outside_of_its_domain_is_nan(level: float) -> None:
    """A percentage passed as a level shows."""
    levels = jnp.array([0.5, level])
    fn = lambda p: jaxloss.multi_quantile_loss(p, jnp.zeros(1), levels)
    value, gradient = jax.value_and_grad(fn)(jnp.ones((1, 2)))
    assert np.isnan(value)
    np.testing.assert_array_equal(np.isnan(gradient), [[False, True]])
    with pytest.raises(ValueError, match="levels"):
        jaxloss.checked(fn)(jnp.ones((1, 2)))


def test_shapes_of_many_levels() -> None:
    levels = jnp.array([0.1, 0.5, 0.9])
    with pytest.raises(ValueError, match="targets"):
        jaxloss.multi_quantile_loss(jnp.zeros((4, 3)), jnp.zeros((4, 1)), levels)
    with pytest.raises(ValueError, match="levels"):
        jaxloss.multi_quantile_loss(jnp.zeros((4, 2)), jnp.zeros(4), levels)
    with pytest.raises(ValueError, match="predictions"):
        jaxloss.multi_quantile_loss(jnp.zeros((4, 0)), jnp.zeros(4), levels[:0])
    with pytest.raises(TypeError, match="levels"):
        jaxloss.multi_quantile_loss(jnp.zeros((4, 3)), jnp.zeros(4), levels > 0)


def test_integer_targets_of_many_levels() -> None:
    levels = jnp.array([0.25, 0.75])
    value = jaxloss.multi_quantile_loss(jnp.zeros((2, 2)), jnp.array([1, 3]), levels)
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, 1.0)


def test_crossing_counts_neighbours_only() -> None:
    predictions = jnp.array([[1.0, 3.0, 2.0, 0.0], [0.0, 1.0, 2.0, 3.0], [2.0, 2.0, 2.0, 2.0]])
    none = {"reduction": "none"}
    np.testing.assert_array_equal(jaxloss.quantile_crossing_penalty(predictions, **none), [3, 0, 0])
    np.testing.assert_array_equal(jaxloss.quantile_crossing_penalty(predictions, margin=1.0, **none), [5, 0, 3])
    gradient = jax.grad(jaxloss.quantile_crossing_penalty)(predictions)
    np.testing.assert_allclose(gradient, np.array([[0, 1, 0, -1], [0] * 4, [0] * 4]) / 3, rtol=1e-6)


def test_crossing_of_one_level_and_of_none() -> None:
    assert float(jaxloss.quantile_crossing_penalty(jnp.ones((3, 1)))) == 0
    for empty in (jnp.ones((3, 0)), jnp.ones(())):
        with pytest.raises(ValueError, match="levels"):
            jaxloss.quantile_crossing_penalty(empty)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_sklearn(level: float, rng: np.random.Generator) -> None:
    import sklearn.metrics

    predictions, targets = rng.normal(size=(2, 40))
    weights = rng.uniform(size=40)
    with jax.enable_x64(True):
        value = jaxloss.quantile_loss(predictions, targets, quantile=level, weights=weights)
    expected = sklearn.metrics.mean_pinball_loss(targets, predictions, alpha=level, sample_weight=weights)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
