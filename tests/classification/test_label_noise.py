"""Traps of the losses for noisy labels, and parity with other packages."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

import jaxloss

LABELS = jnp.array([0, 1, 2, 1])


@pytest.fixture
def logits(rng: np.random.Generator) -> jax.Array:
    return jnp.asarray(2 * rng.normal(size=(4, 3)), jnp.float32)


def cross_entropy(logits: jax.Array) -> jax.Array:
    return jaxloss.softmax_cross_entropy_with_integer_labels(logits, LABELS, reduction="none")


def same_value_and_gradient(one, other, at: jax.Array, rtol: float) -> None:
    np.testing.assert_allclose(one(at), other(at), rtol=rtol)
    slopes = [jax.grad(lambda z, fn=fn: jnp.sum(fn(z)))(at) for fn in (one, other)]
    np.testing.assert_allclose(*slopes, rtol=rtol, atol=1e-6)


def test_generalized_cross_entropy_has_both_limits(logits: jax.Array) -> None:
    for zero in (0.0, jnp.float32(0)):
        fn = lambda z, q=zero: jaxloss.generalized_cross_entropy(z, LABELS, q=q, reduction="none")
        same_value_and_gradient(fn, cross_entropy, logits, 0)
    near = lambda z: jaxloss.generalized_cross_entropy(z, LABELS, q=1e-7, reduction="none")
    same_value_and_gradient(near, cross_entropy, logits, 2e-6)
    mae = lambda z: 1 - jax.nn.softmax(z)[jnp.arange(4), LABELS]
    one = lambda z: jaxloss.generalized_cross_entropy(z, LABELS, q=1.0, reduction="none")
    same_value_and_gradient(one, mae, logits, 1e-5)


def test_improbable_labels_have_finite_gradients() -> None:
    """In probabilities the slope of p^q is infinite at 0."""
    rows = jnp.array([[-1e4, 1e4], [-100.0, 100.0], [-jnp.inf, 0.0]])
    for fn in (jaxloss.generalized_cross_entropy, lambda *x: jaxloss.symmetric_cross_entropy(*x) * 0.0):
        gradient = jax.grad(lambda z, fn=fn: fn(z[:2], jnp.zeros(2, int)))(rows)
        assert np.all(np.isfinite(gradient))
    value, gradient = jax.value_and_grad(lambda z: jaxloss.generalized_cross_entropy(z, jnp.zeros(3, int)))(rows)
    np.testing.assert_allclose(value, 1 / 0.7, rtol=1e-6)
    assert np.all(np.isfinite(gradient))


def test_keras_generalized_cross_entropy(logits: jax.Array) -> None:
    keras = pytest.importorskip("keras")
    probs = np.asarray(scipy.special.softmax(np.asarray(logits), -1))
    for q in (0.5, 0.7):
        expected = keras.losses.categorical_generalized_cross_entropy(np.asarray(LABELS), probs, q)
        actual = jaxloss.generalized_cross_entropy(logits, LABELS, q=q, reduction="none")
        np.testing.assert_allclose(actual, expected, rtol=2e-6)


def test_symmetric_cross_entropy_with_the_published_code(logits: jax.Array) -> None:
    """Labels clipped at 1e-4 are ``log_zero = log(1e-4)``."""
    p = scipy.special.softmax(np.asarray(logits, np.float64), -1)
    one_hot = np.eye(3)[np.asarray(LABELS)]
    reverse = -np.sum(p * np.log(np.clip(one_hot, 1e-4, 1)), -1)
    expected = -0.1 * np.sum(one_hot * np.log(p), -1) + reverse
    actual = jaxloss.symmetric_cross_entropy(logits, LABELS, log_zero=float(np.log(1e-4)), reduction="none")
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["forward_correction_loss", "backward_correction_loss"])
def test_without_noise_corrections_are_cross_entropy(logits: jax.Array, name: str) -> None:
    loss = getattr(jaxloss, name)
    fn = lambda z: loss(z, LABELS, jnp.eye(3), reduction="none")
    same_value_and_gradient(fn, cross_entropy, logits, 2e-6)
    confident = jnp.array([[20.0, 0.0, 0.0], [0.0, 25.0, 1.0], [0.0, -5.0, 30.0], [-9.0, 9.0, -9.0]])
    same_value_and_gradient(fn, cross_entropy, confident, 2e-6)
    wrong = jnp.array([[-200.0, 200.0, 0.0], [300.0, 0.0, 0.0], [1e4, 0.0, -1e4], [0.0, -90.0, 1.0]])
    same_value_and_gradient(fn, cross_entropy, wrong, 2e-6)


def test_backward_correction_is_unbiased(rng: np.random.Generator) -> None:
    """Averaged over the noise it is the clean loss."""
    noise = np.array([[0.8, 0.1, 0.1], [0.05, 0.9, 0.05], [0.2, 0.2, 0.6]])
    z = rng.normal(size=3)
    with jax.enable_x64(True):
        each = jaxloss.backward_correction_loss(
            jnp.broadcast_to(jnp.asarray(z), (3, 3)), jnp.arange(3), jnp.asarray(noise), reduction="none"
        )
    np.testing.assert_allclose(noise @ np.asarray(each), -scipy.special.log_softmax(z), rtol=1e-12)


def test_transitions_are_checked() -> None:
    z, y = jnp.zeros((2, 3)), jnp.array([0, 1])
    for loss in (jaxloss.forward_correction_loss, jaxloss.backward_correction_loss):
        for wrong in (jnp.eye(2), jnp.ones((3, 2)) / 2, jnp.ones(3), jnp.eye(3)[None]):
            with pytest.raises(ValueError, match="transition"):
                loss(z, y, wrong)
        with pytest.raises(ValueError, match="transition"):
            jaxloss.checked(loss)(z, y, jnp.eye(3) * 0.5)
        jaxloss.checked(loss)(z, y, jnp.eye(3))
        assert np.all(np.isnan(loss(z, y, jnp.eye(3).at[0, 0].set(1.1), reduction="none")))


def test_impossible_transitions_keep_their_slope() -> None:
    """The slope of the loss in an entry that is 0 is finite and right."""
    z = jnp.array([[0.5, 1.0]])
    slope = jax.grad(lambda noise: jaxloss.forward_correction_loss(z, jnp.array([0]), noise))(jnp.eye(2))
    np.testing.assert_allclose(slope, [[-1.0, 0.0], [-np.exp(0.5), 0.0]], rtol=1e-6)
    never = jnp.array([[0.0, 1.0], [0.0, 1.0]])
    value, gradient = jax.value_and_grad(lambda z: jaxloss.forward_correction_loss(z, jnp.array([0]), never))(z)
    assert np.isposinf(value)
    assert np.all(np.isfinite(gradient))


def test_temperatures_of_one_are_cross_entropy(logits: jax.Array) -> None:
    targets = jax.nn.one_hot(LABELS, 3)
    for one in (1.0, jnp.float32(1)):
        fn = lambda z, t=one: jaxloss.bi_tempered_logistic_loss(z, targets, t1=t, t2=t, reduction="none")
        same_value_and_gradient(fn, cross_entropy, logits, 1e-6)
        same_value_and_gradient(fn, cross_entropy, 20 * targets, 1e-6)
    near = lambda z: jaxloss.bi_tempered_logistic_loss(z, targets, t1=1 - 1e-6, t2=1 + 1e-6, reduction="none")
    same_value_and_gradient(near, cross_entropy, logits, 1e-4)


def published_bi_tempered(z: np.ndarray, y: np.ndarray, t1: float, t2: float) -> np.ndarray:
    """The published code: a fixed-point iteration above 1, bisection below."""
    log_t = lambda u, t: (u ** (1 - t) - 1) / (1 - t)
    exp_t = lambda u, t: np.maximum(1 + (1 - t) * u, 0) ** (1 / (1 - t))
    mu = z.max(-1, keepdims=True)
    if t2 > 1:
        start = step = z - mu
        for _ in range(2000):
            step = start * exp_t(step, t2).sum(-1, keepdims=True) ** (1 - t2)
        norm = -log_t(1 / exp_t(step, t2).sum(-1, keepdims=True), t2) + mu
    else:
        support = (z - mu > -1 / (1 - t2)).sum(-1, keepdims=True)
        low, high = np.zeros_like(mu), -log_t(1 / support, t2)
        for _ in range(200):
            middle = (low + high) / 2
            small = exp_t(z - mu - middle, t2).sum(-1, keepdims=True) < 1
            low, high = np.where(small, low, middle), np.where(small, middle, high)
        norm = (low + high) / 2 + mu
    p = exp_t(z - norm, t2)
    each = (log_t(y + 1e-10, t1) - log_t(p, t1)) * y - (y ** (2 - t1) - p ** (2 - t1)) / (2 - t1)
    return each.sum(-1)


@pytest.mark.parametrize(("t1", "t2"), [(0.8, 1.2), (0.2, 4.0), (0.7, 1.3), (0.3, 0.6), (0.9, 2.0), (0.5, 0.9)])
def test_published_bi_tempered_code(rng: np.random.Generator, t1: float, t2: float) -> None:
    z, y = 3 * rng.normal(size=(6, 10)), np.eye(10)[rng.integers(0, 10, size=6)]
    with jax.enable_x64(True):
        actual = jaxloss.bi_tempered_logistic_loss(jnp.asarray(z), jnp.asarray(y), t1=t1, t2=t2, reduction="none")
    np.testing.assert_allclose(actual, published_bi_tempered(z, y, t1, t2), rtol=1e-7)


def test_heavy_tails_converge_for_many_classes(rng: np.random.Generator) -> None:
    """An accurate normaliser whatever the temperature: the loss at uniform logits is known."""
    for classes in (2, 1000):
        for t2 in (0.3, 0.9, 1.0, 1.1, 2.0, 5.0):
            with jax.enable_x64(True):
                targets = jnp.full((1, classes), 1 / classes)
                wiggle = jnp.asarray(1e-9 * rng.normal(size=(1, classes)))
                assert jaxloss.bi_tempered_logistic_loss(wiggle, targets, t2=t2) < 1e-12


def test_outliers_have_a_bounded_loss() -> None:
    z, y = jnp.array([[1e30, 0.0]]), jnp.array([[0.0, 1.0]])
    value, gradient = jax.value_and_grad(lambda z: jaxloss.bi_tempered_logistic_loss(z, y))(z)
    np.testing.assert_allclose(value, 1 / 0.2 - 1 / 1.2 + 1 / 1.2, rtol=1e-5)
    assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize(("t1", "t2"), [(1.0, 1.0), (0.8, 1.2), (0.6, 0.7)])
def test_temperatures_are_differentiable(rng: np.random.Generator, t1: float, t2: float) -> None:
    z, y = 0.5 * rng.normal(size=(1, 4)), np.array([[0.7, 0.1, 0.1, 0.1]])
    with jax.enable_x64(True):
        fn = lambda t2: jaxloss.bi_tempered_logistic_loss(jnp.asarray(z), jnp.asarray(y), t1=t1, t2=t2)
        slope = jax.grad(fn)(jnp.float64(t2))
        expected = (fn(t2 + 1e-5) - fn(t2 - 1e-5)) / 2e-5
    np.testing.assert_allclose(slope, expected, rtol=1e-6)
