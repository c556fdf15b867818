"""Traps of the losses for imbalanced classes, and the class weights."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

LABELS = jnp.array([0, 1, 2, 1])
COUNTS = jnp.array([1000.0, 100.0, 10.0])


@pytest.fixture
def logits(rng: np.random.Generator) -> jax.Array:
    return jnp.asarray(rng.normal(size=(4, 3)), jnp.float32)


def test_tau_zero_is_cross_entropy(logits: jax.Array) -> None:
    expected = jaxloss.softmax_cross_entropy_with_integer_labels(logits, LABELS, reduction="none")
    for zero in (0.0, jnp.float32(0)):
        actual = jaxloss.logit_adjusted_cross_entropy(logits, LABELS, COUNTS, tau=zero, reduction="none")
        np.testing.assert_array_equal(actual, expected)
    margin = jaxloss.ldam_loss(logits, LABELS, COUNTS, max_margin=0.0, scale=1.0, reduction="none")
    np.testing.assert_array_equal(margin, expected)


def test_balanced_softmax_is_an_adjustment_by_counts(logits: jax.Array) -> None:
    expected = jaxloss.logit_adjusted_cross_entropy(logits, LABELS, COUNTS / 1110)
    np.testing.assert_allclose(jaxloss.balanced_softmax_loss(logits, LABELS, COUNTS), expected, rtol=1e-6)
    integers = jaxloss.balanced_softmax_loss(logits, LABELS, jnp.array([1000, 100, 10]))
    np.testing.assert_allclose(integers, expected, rtol=1e-6)


def test_a_class_without_examples_is_absent(logits: jax.Array) -> None:
    counts = jnp.array([30.0, 20.0, 0.0])
    labels = jnp.array([0, 1, 0, 1])
    for tau in (0.0, 1.0):
        fn = lambda z, n, t=tau: jaxloss.logit_adjusted_cross_entropy(z, labels, n, tau=t)
        value, (slope, prior_slope) = jax.value_and_grad(fn, argnums=(0, 1))(logits, counts)
        expected = jaxloss.logit_adjusted_cross_entropy(logits[:, :2], labels, counts[:2], tau=tau)
        np.testing.assert_allclose(value, expected, rtol=1e-6)
        assert not np.any(slope[:, 2])
        assert np.all(np.isfinite(prior_slope))
    assert np.isposinf(jaxloss.balanced_softmax_loss(logits[:1], jnp.array([2]), counts))


@pytest.mark.parametrize(
    "loss", [jaxloss.logit_adjusted_cross_entropy, jaxloss.balanced_softmax_loss, jaxloss.ldam_loss]
)
def test_class_vectors_are_checked(logits: jax.Array, loss) -> None:
    for wrong in (COUNTS[:2], COUNTS[None], jnp.float32(1), COUNTS[:1]):
        with pytest.raises(ValueError, match="class_"):
            loss(logits, LABELS, wrong)
    assert np.isnan(loss(logits, LABELS, -COUNTS))
    with pytest.raises(ValueError, match="class_"):
        jaxloss.checked(loss)(logits, LABELS, -COUNTS)


def test_the_rarest_class_has_the_largest_margin() -> None:
    z, labels = jnp.zeros((3, 3)), jnp.arange(3)
    each = jaxloss.ldam_loss(z, labels, jnp.array([1600, 100, 0]), scale=1.0, reduction="none")
    margin = lambda d: np.log1p(2 * np.exp(d))
    np.testing.assert_allclose(each, [margin(0.25), margin(0.5), margin(0.5)], rtol=1e-6)


def test_class_balanced_weights_follow_the_published_code() -> None:
    counts = np.array([5000, 500, 50, 5])
    for beta in (0.9, 0.99, 0.999):
        effective = 1.0 - np.power(beta, counts)
        expected = (1.0 - beta) / effective
        expected = expected / expected.sum() * 4
        with jax.enable_x64(True):
            actual = jaxloss.class_balanced_weights(jnp.asarray(counts, jnp.float64), beta=beta)
        np.testing.assert_allclose(actual, expected, rtol=1e-10)
        traced = jax.jit(lambda b: jaxloss.class_balanced_weights(jnp.asarray(counts), beta=b))(beta)
        np.testing.assert_allclose(traced, expected, rtol=1e-4)


def test_class_balanced_weights_at_both_limits() -> None:
    counts = jnp.array([400, 100, 0, 10])
    np.testing.assert_allclose(jaxloss.class_balanced_weights(counts, beta=0.0), [4 / 3, 4 / 3, 0, 4 / 3], rtol=1e-6)
    inverse = np.array([1 / 400, 1 / 100, 0, 1 / 10])
    expected = 4 * inverse / inverse.sum()
    for beta in (1.0, 1 - 1e-12, jnp.float32(1)):
        np.testing.assert_allclose(jaxloss.class_balanced_weights(counts, beta=beta), expected, rtol=1e-6)
    accurate = jaxloss.class_balanced_weights(jnp.array([3, 7]), beta=1 - 1e-8)
    np.testing.assert_allclose(accurate, [1.4, 0.6], rtol=1e-6)
    np.testing.assert_array_equal(jaxloss.class_balanced_weights(jnp.zeros(2)), [0, 0])


def test_class_balanced_weights_are_checked() -> None:
    for beta in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="beta"):
            jaxloss.class_balanced_weights(COUNTS, beta=beta)
    for wrong in (COUNTS[None], jnp.zeros(0), jnp.float32(1)):
        with pytest.raises(ValueError, match="class_counts"):
            jaxloss.class_balanced_weights(wrong)
    with pytest.raises(TypeError, match="class_counts"):
        jaxloss.class_balanced_weights(jnp.ones(2, bool))
    assert np.isnan(jaxloss.class_balanced_weights(jnp.array([3.0, -1.0])))[1]
    weights = jaxloss.class_balanced_weights(COUNTS)
    jaxloss.softmax_cross_entropy_with_integer_labels(jnp.zeros((4, 3)), LABELS, class_weights=weights)


class TestOhem:
    def test_keeps_the_hardest_rounded_up(self) -> None:
        z = jnp.stack([jnp.arange(10.0), jnp.zeros(10)], axis=-1)
        labels = jnp.ones(10, int)
        each = np.asarray(jaxloss.softmax_cross_entropy_with_integer_labels(z, labels, reduction="none"))
        for fraction, kept in ((0.05, 1), (0.1, 1), (0.25, 3), (0.3, 3), (1.0, 10)):
            actual = jaxloss.ohem_cross_entropy(z, labels, keep_fraction=fraction)
            np.testing.assert_allclose(actual, each[-kept:].mean(), rtol=1e-6, err_msg=str(fraction))

    def test_counts_valid_entries_only(self) -> None:
        z = jnp.stack([jnp.arange(10.0), jnp.zeros(10)], axis=-1)
        where = jnp.arange(10) < 4
        value = jaxloss.ohem_cross_entropy(z, jnp.ones(10, int), keep_fraction=0.5, where=where)
        np.testing.assert_allclose(value, np.log1p(np.exp([2.0, 3.0])).mean(), rtol=1e-6)

    def test_pools_do_not_meet(self, rng: np.random.Generator) -> None:
        z = jnp.asarray(rng.normal(size=(2, 3, 8, 4)), jnp.float32)
        labels = jnp.asarray(rng.integers(0, 4, size=(2, 3, 8)))
        together = jaxloss.ohem_cross_entropy(z, labels, reduction="none")
        assert together.shape == (2, 3)
        alone = [[jaxloss.ohem_cross_entropy(z[i, j], labels[i, j]) for j in range(3)] for i in range(2)]
        np.testing.assert_allclose(together, alone, rtol=1e-6)

    def test_only_the_kept_have_gradients(self) -> None:
        z = jnp.stack([jnp.arange(8.0), jnp.zeros(8)], axis=-1)
        gradient = jax.grad(lambda z: jaxloss.ohem_cross_entropy(z, jnp.ones(8, int)))(z)
        np.testing.assert_array_equal(np.any(np.asarray(gradient) != 0, -1), np.arange(8) >= 6)

    def test_weights_scale_the_kept(self) -> None:
        z = jnp.stack([jnp.arange(4.0), jnp.zeros(4)], axis=-1)
        weights = jnp.array([5.0, 5.0, 1.0, 3.0])
        value = jaxloss.ohem_cross_entropy(z, jnp.ones(4, int), keep_fraction=0.5, weights=weights)
        np.testing.assert_allclose(value, np.average(np.log1p(np.exp([2.0, 3.0])), weights=[1, 3]), rtol=1e-6)

    def test_nan_and_wrong_labels_are_never_hidden(self) -> None:
        z = jnp.zeros((2, 4, 3))
        labels = jnp.zeros((2, 4), int)
        wrong = jaxloss.ohem_cross_entropy(z, labels.at[1, 2].set(3), reduction="none")
        np.testing.assert_array_equal(np.isnan(wrong), [False, True])
        spoiled = jaxloss.ohem_cross_entropy(z.at[0, 3, 1].set(jnp.nan), labels, reduction="none")
        np.testing.assert_array_equal(np.isnan(spoiled), [True, False])
        with pytest.raises(ValueError, match="labels"):
            jaxloss.checked(jaxloss.ohem_cross_entropy)(z, labels - 1)

    def test_needs_an_axis_to_pool(self) -> None:
        with pytest.raises(ValueError, match="entries"):
            jaxloss.ohem_cross_entropy(jnp.zeros(3), jnp.int32(0))
