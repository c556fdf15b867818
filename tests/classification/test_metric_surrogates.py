"""What the laws do not see of `jaxloss.classification.metric_surrogates` and `jaxloss.classification.positive_unlabeled`."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

import jaxloss


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_hard_predictions_have_the_f_score(rng, beta):
    import sklearn.metrics

    guesses, truths = rng.integers(0, 2, (2, 40))
    expected = 1 - sklearn.metrics.fbeta_score(truths, guesses, beta=beta)
    actual = jaxloss.soft_f1_loss(guesses.astype(np.float32), truths, beta=beta)
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_macro_and_micro_averages(rng):
    """Labels on the leading axis give the macro average, one flat pool the micro average."""
    import sklearn.metrics

    guesses, truths = rng.integers(0, 2, (2, 3, 40))
    for average, shape in (("macro", (3, 40)), ("micro", (120,))):
        expected = 1 - sklearn.metrics.f1_score(truths.T, guesses.T, average=average)
        actual = jaxloss.soft_f1_loss(guesses.reshape(shape).astype(np.float32), truths.reshape(shape))
        np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_perfect_and_empty_pools_have_no_loss():
    for targets in ([1.0, 0.0, 1.0], [0.0, 0.0, 0.0]):
        value, slope = jax.value_and_grad(jaxloss.soft_f1_loss)(jnp.array(targets), jnp.array(targets))
        assert float(value) == 0
        assert np.all(np.isfinite(slope))
    np.testing.assert_array_equal(slope, 0)


def test_scores_are_not_probabilities():
    """Raw scores would train, with losses below zero: they give NaN, and an error under `checked`."""
    for probs, targets in (([0.5, 1.5], [1.0, 0.0]), ([0.5, 0.5], [2.0, 0.0]), ([-0.1, 0.5], [1.0, 0.0])):
        value, slope = jax.value_and_grad(jaxloss.soft_f1_loss)(jnp.array(probs), jnp.array(targets))
        assert np.isnan(value)
        assert np.all(np.isnan(slope))
        with pytest.raises(ValueError, match=r"probabilities in \[0, 1\]"):
            jaxloss.checked(jaxloss.soft_f1_loss)(jnp.array(probs), jnp.array(targets))


def test_pairwise_loss_bounds_the_area(rng):
    import sklearn.metrics

    scores, targets = rng.normal(size=60).astype(np.float32), rng.integers(0, 2, 60)
    error = 1 - sklearn.metrics.roc_auc_score(targets, scores)
    assert float(jaxloss.pairwise_auc_loss(scores, targets)) >= error


def test_pairwise_loss_of_binary_scores_is_the_area(rng):
    """Scores of 0 and 1 at margin 1: a reversed pair costs 4 and a tie 1; at margin 0 they cost 1 and 0."""
    import sklearn.metrics

    scores, targets = rng.integers(0, 2, (2, 60))
    at = lambda margin: float(jaxloss.pairwise_auc_loss(scores.astype(np.float32), targets, margin=margin))
    reversed_pairs = at(1e-7)
    ties = at(1.0) - 4 * reversed_pairs
    error = 1 - sklearn.metrics.roc_auc_score(targets, scores)
    np.testing.assert_allclose(reversed_pairs + ties / 2, error, rtol=1e-5)


def test_pools_without_a_pair_are_absent():
    scores = jnp.array([[0.0, 1.0, 2.0], [0.0, 0.0, 5.0]])
    targets = jnp.array([[1, 1, 1], [1, 0, 0]])
    alone = jaxloss.pairwise_auc_loss(scores[1], targets[1])
    value, slope = jax.value_and_grad(jaxloss.pairwise_auc_loss)(scores, targets)
    np.testing.assert_array_equal(value, alone)
    np.testing.assert_array_equal(slope[0], 0)


def test_targets_that_are_no_classes_never_train():
    scores = jnp.array([[0.0, 1.0], [0.0, 1.0]])
    for wrong in (-1.0, 0.5):
        targets = jnp.array([[wrong, 1.0], [0.0, 1.0]])
        values = jaxloss.pairwise_auc_loss(scores, targets, reduction="none")
        np.testing.assert_array_equal(np.isnan(values), [True, False])
        with pytest.raises(ValueError, match="targets must be 0 or 1"):
            jaxloss.checked(jaxloss.pairwise_auc_loss)(scores, targets)


OVERFIT = np.array([3.0, 2.0, 4.0, -5.0, -4.0, -6.0, 0.5], np.float32), np.array([1, 1, 1, 0, 0, 0, 0], bool)


def algorithm(logits, positives, prior, beta, gamma):
    """Value and gradient of the paper's Algorithm 1, with the derivative of the sigmoid written out."""
    logits = logits.astype(float)
    accepted = scipy.special.expit(logits)
    bend = accepted * (1 - accepted)
    mine, theirs = positives / positives.sum(), ~positives / (~positives).sum()
    positive, negative = prior * mine @ (1 - accepted), theirs @ accepted - prior * mine @ accepted
    up, down = -prior * mine * bend, (theirs - prior * mine) * bend
    if negative >= -beta:
        return positive + negative, up + down
    return positive - beta, -gamma * down


@pytest.mark.parametrize(
    ("prior", "beta", "gamma"), [(0.5, 0.0, 1.0), (0.7, 0.1, 0.3), (0.05, 0.0, 1.0), (0.4, 0.4, 0.0)]
)
def test_nonnegative_risk_follows_the_algorithm(prior, beta, gamma):
    """The gradient too: it ascends where the negative part has fallen below -beta, in the pool and not per entry."""
    fn = lambda z: jaxloss.nonnegative_pu_loss(z, OVERFIT[1], prior=prior, beta=beta, gamma=gamma)
    value, slope = jax.value_and_grad(fn)(OVERFIT[0])
    expected, slopes = algorithm(*OVERFIT, prior, beta, gamma)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    np.testing.assert_allclose(slope, slopes, atol=1e-7)


def test_the_clamp_is_on_the_pool():
    """Clamping entry by entry would leave the total of two pools unchanged when they are one."""
    logits, positives = jnp.array([[9.0, -9.0], [-9.0, 9.0]]), jnp.array([[True, False], [True, False]])
    apart = jaxloss.nonnegative_pu_loss(logits, positives, prior=0.5)
    together = jaxloss.nonnegative_pu_loss(logits.ravel(), positives.ravel(), prior=0.5)
    unbiased = jaxloss.unbiased_pu_loss(logits, positives, prior=0.5)
    np.testing.assert_allclose(together, unbiased, rtol=1e-5)
    assert float(apart) > float(together) + 0.2


def test_unbiased_risk_is_the_supervised_one(rng):
    """If the unlabelled entries are the mixture itself, the estimate is the risk with all labels known."""
    positives, negatives = rng.normal(1, 1, 3000), rng.normal(-1, 1, 7000)
    logits = np.concatenate([positives, positives, negatives]).astype(np.float32)
    flags = np.arange(logits.size) < positives.size
    supervised = 0.3 * scipy.special.expit(-positives).mean() + 0.7 * scipy.special.expit(negatives).mean()
    np.testing.assert_allclose(jaxloss.unbiased_pu_loss(logits, flags, prior=0.3), supervised, rtol=1e-5)


def test_flags_are_boolean():
    for fn in (jaxloss.unbiased_pu_loss, jaxloss.nonnegative_pu_loss):
        with pytest.raises(TypeError, match="positives must be boolean"):
            fn(jnp.zeros(2), jnp.array([1, 0]), prior=0.5)


def test_memory_of_pairs_grows_with_the_chunk():
    def temporaries(entries):
        pool = jax.ShapeDtypeStruct((entries,), jnp.float32)
        program = jax.jit(jax.value_and_grad(lambda s, y: jaxloss.pairwise_auc_loss(s, y, chunk_size=16)))
        return program.lower(pool, pool).compile().memory_analysis().temp_size_in_bytes

    small, large = temporaries(512), temporaries(1024)
    assert large < 2.2 * small
    assert large < 1024 * 1024
