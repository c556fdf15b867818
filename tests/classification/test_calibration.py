"""What the laws do not see of `jaxloss.classification.calibration`."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

import jaxloss
from jaxloss.classification._dirichlet import divergence_from_uniform


@pytest.fixture
def scored(rng):
    logits = 2 * rng.normal(size=(200, 4))
    return jnp.asarray(logits, jnp.float32), jnp.asarray(rng.integers(0, 4, 200), jnp.int32)


def hard_calibration_error(logits, labels, num_bins):
    """Root of the mean over equal bins of the squared gap between accuracy and confidence."""
    probs = scipy.special.softmax(np.asarray(logits, float), -1)
    confidence, correct = probs.max(-1), probs.argmax(-1) == np.asarray(labels)
    bins = np.minimum((confidence * num_bins).astype(int), num_bins - 1)
    gaps = [(np.mean(bins == b), correct[bins == b], confidence[bins == b]) for b in np.unique(bins)]
    return np.sqrt(sum(share * (np.mean(right) - np.mean(sure)) ** 2 for share, right, sure in gaps))


@pytest.mark.parametrize("num_bins", [1, 4, 15])
def test_cold_bins_are_hard(scored, num_bins):
    actual = jaxloss.soft_ece(*scored, num_bins=num_bins, temperature=1e-7)
    np.testing.assert_allclose(actual, hard_calibration_error(*scored, num_bins), rtol=1e-5)


def test_cold_bins_have_finite_slopes(scored):
    slope = jax.grad(lambda z: jaxloss.soft_ece(z, scored[1], temperature=1e-6))(scored[0])
    assert np.all(np.isfinite(slope))
    assert np.any(np.asarray(slope))


def test_one_bad_label_spoils_its_pool_only():
    logits, labels = jnp.zeros((2, 3, 4)), jnp.array([[0, 4, 1], [0, 1, 2]])
    fn = lambda z, **kwargs: jaxloss.soft_ece(z, labels, reduction="none", **kwargs)
    np.testing.assert_array_equal(np.isnan(fn(logits)), [True, False])
    slope = jax.grad(lambda z: jnp.sum(fn(z)))(logits)
    assert np.all(np.isnan(slope[0]).any(-1))
    assert not np.any(np.isnan(slope[1]))
    assert not np.any(np.isnan(fn(logits, where=labels < 4)))
    with pytest.raises(ValueError, match="labels"):
        jaxloss.checked(fn)(logits)


def test_wide_margin_is_cross_entropy(scored):
    plain = jaxloss.softmax_cross_entropy_with_integer_labels(*scored)
    np.testing.assert_array_equal(jaxloss.margin_label_smoothing_loss(*scored, margin=1e3), plain)


def test_penalty_has_no_slope_within_the_margin():
    """At the margin itself the slope is that of the cross-entropy: the kink has slope 0."""
    logits, labels = jnp.array([3.0, 1.0]), jnp.array(0)
    slope = jax.grad(lambda z: jaxloss.margin_label_smoothing_loss(z, labels, margin=2.0, penalty_weight=5.0))(logits)
    expected = jax.grad(lambda z: jaxloss.softmax_cross_entropy_with_integer_labels(z, labels))(logits)
    np.testing.assert_array_equal(slope, expected)


def test_absent_class_is_not_penalised():
    wide = jaxloss.margin_label_smoothing_loss(jnp.array([[5.0, 0.0, -jnp.inf]]), jnp.array([0]), margin=1.0)
    narrow = jaxloss.margin_label_smoothing_loss(jnp.array([[5.0, 0.0]]), jnp.array([0]), margin=1.0)
    np.testing.assert_allclose(wide, narrow, rtol=1e-6)


def test_temperature_can_be_fitted(scored):
    """Newton's method in the reciprocal finds the temperature of the data, masked class or not."""
    logits = scored[0]
    labels = jax.random.categorical(jax.random.key(0), logits / 2.5, axis=-1)
    logits = jnp.concatenate([logits, jnp.full((200, 1), -jnp.inf)], -1)
    nll = lambda beta: jaxloss.temperature_scaling_nll(logits, labels, temperature=1 / beta)
    beta = jnp.float32(1.0)
    for _ in range(8):
        beta = beta - jax.grad(nll)(beta) / jax.grad(jax.grad(nll))(beta)
    assert abs(float(jax.grad(nll)(beta))) < 1e-5
    assert 1.8 < 1 / beta < 3.5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("classes", [2, 3, 12, 100])
@pytest.mark.parametrize("scale", [1e-6, 1e-2, 1.0, 30.0, 1e5, 1e12])
def test_divergence_keeps_its_accuracy(classes, scale, dtype):
    """Against 60 digits, however small or large the evidence; the log-gamma form has none left at either end."""
    mp = pytest.importorskip("mpmath")
    evidence = np.asarray(scale * np.random.default_rng(classes).gamma(0.8, size=classes), dtype)
    with mp.workdps(60):
        x = [mp.mpf(float(e)) for e in evidence]
        total = mp.fsum(x)
        value = mp.loggamma(classes + total) - mp.loggamma(classes) - total * mp.psi(0, classes + total)
        value += mp.fsum(e * mp.psi(0, 1 + e) - mp.loggamma(1 + e) for e in x)
        slopes = [float(e * mp.psi(1, 1 + e) - total * mp.psi(1, classes + total)) for e in x]
        value = float(value)
    with jax.enable_x64(True):
        actual, slope = jax.value_and_grad(divergence_from_uniform)(jnp.asarray(evidence))
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(actual, value, rtol=64 * eps)
    np.testing.assert_allclose(slope, slopes, rtol=0, atol=128 * eps * np.max(np.abs(slopes)))


def test_no_wrong_evidence_has_no_divergence():
    evidence, labels = jnp.array([[7.0, 0.0, 0.0]]), jnp.array([0])
    fn = lambda e, c: jaxloss.evidential_classification_loss(e, labels, kl_weight=c)
    np.testing.assert_array_equal(fn(evidence, 1.0), fn(evidence, 0.0))
    slopes = [jax.grad(fn)(evidence, c) for c in (0.0, 1.0)]
    np.testing.assert_array_equal(*slopes)


def test_certainty_keeps_its_relative_accuracy():
    """Two classes with evidence e for the right one: the loss is 2 (1 - p)^2 + 2 p (1 - p) / (e + 3)."""
    for evidence in (1e3, 1e6, 1e12):
        rest = 1 / (evidence + 2)
        expected = 2 * rest**2 + 2 * rest * (1 - rest) / (evidence + 3)
        actual = jaxloss.evidential_classification_loss(jnp.array([[evidence, 0.0]]), jnp.array([0]))
        np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_negative_evidence_never_trains():
    evidence, labels = jnp.array([[1.0, -0.1], [1.0, 0.0]]), jnp.array([0, 0])
    fn = lambda e: jaxloss.evidential_classification_loss(e, labels, reduction="none")
    np.testing.assert_array_equal(np.isnan(fn(evidence)), [True, False])
    with pytest.raises(ValueError, match="evidence"):
        jaxloss.checked(fn)(evidence)
