"""The divergence of views and information maximisation: peers, identities, and what they are for."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


def test_three_views_equal_the_code_of_augmix(rng):
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    views = 2 * rng.normal(size=(8, 3, 5))
    probs = [f.softmax(torch.tensor(views[:, v]), dim=1) for v in range(3)]
    log_mixture = torch.clamp(sum(probs) / 3, 1e-7, 1).log()
    theirs = sum(f.kl_div(log_mixture, p, reduction="batchmean") for p in probs) / 3
    with jax.enable_x64(True):
        np.testing.assert_allclose(jaxloss.jensen_shannon_divergence_of_views(views), theirs, rtol=1e-12)


def test_two_views_are_the_usual_divergence(rng):
    views = 2 * rng.normal(size=(8, 2, 5))
    with jax.enable_x64(True):
        log_probs = jax.nn.log_softmax(jnp.asarray(views))
        usual = jaxloss.jensen_shannon_divergence(log_probs[:, 0], log_probs[:, 1], reduction="none")
        ours = jaxloss.jensen_shannon_divergence_of_views(views, reduction="none")
        shares = jnp.broadcast_to(jnp.array([0.3, 0.7]), (8, 2))
        skewed = jaxloss.jensen_shannon_divergence_of_views(views, weights=shares, reduction="none")
        general = jaxloss.generalized_jensen_shannon_divergence(views[:, 1], views[:, 0], beta=0.3, reduction="none")
    np.testing.assert_allclose(ours, usual, rtol=1e-12)
    np.testing.assert_allclose(skewed, general, rtol=1e-12)


def test_close_views_keep_their_digits(rng):
    """Half the mean variance of the logits under the common prediction, to first order."""
    common, moves = 2 * rng.normal(size=(1, 5)), 1e-3 * rng.normal(size=(3, 5))
    views = (common + moves).astype(np.float32)
    with jax.enable_x64(True):
        exact = float(jaxloss.jensen_shannon_divergence_of_views(views.astype(np.float64)))
    assert exact < 1e-6
    np.testing.assert_allclose(jaxloss.jensen_shannon_divergence_of_views(views), exact, rtol=1e-3)


def test_equal_views_behind_a_mask_are_exactly_equal(rng):
    views = np.repeat(4 * rng.normal(size=(8, 1, 5)), 4, axis=1).astype(np.float32)
    views[:, 1] = np.nan
    loss = lambda x: jaxloss.jensen_shannon_divergence_of_views(x, where=jnp.array([[True, False, True, True]]))
    value, slope = jax.value_and_grad(loss)(jnp.asarray(views))
    assert value == 0
    assert not np.any(slope)


def test_information_is_that_of_scikit_learn(rng):
    """Of certain predictions, the mutual information of examples and classes: the entropy of the classes."""
    metrics = pytest.importorskip("sklearn.metrics")
    labels = rng.integers(0, 4, size=64)
    with jax.enable_x64(True):
        ours = jaxloss.information_maximization_loss(jnp.asarray(1e3 * np.eye(4)[labels]))
    np.testing.assert_allclose(ours, -metrics.mutual_info_score(labels, labels), rtol=1e-12)
    assert jaxloss.information_maximization_loss(jnp.zeros((64, 4))) == 0


def test_information_equals_the_code_of_shot(rng):
    torch = pytest.importorskip("torch")
    logits = 2 * rng.normal(size=(32, 5))
    probs = torch.softmax(torch.tensor(logits), -1)
    entropies = -(probs * torch.log(probs + 1e-5)).sum(1).mean()
    mean = probs.mean(0)
    theirs = entropies - torch.sum(-mean * torch.log(mean + 1e-5))
    with jax.enable_x64(True):
        ours = jaxloss.information_maximization_loss(logits)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)  # their logarithms are of p + 1e-5


def test_sets_without_examples_are_absent():
    nothing = jnp.zeros((3, 0, 2))
    for fn in (jaxloss.jensen_shannon_divergence_of_views, jaxloss.information_maximization_loss):
        assert fn(nothing, reduction="none").tolist() == [0, 0, 0]


def test_one_rare_example_keeps_its_share():
    """Of a million predictions one is another class: the mean is not lost in 1 - p."""
    logits = np.tile(np.array([[0.0, -80.0]], np.float32), (1_000_000, 1))
    logits[0] = [-80.0, 0.0]
    share = 1e-6
    exact = -(-share * np.log(share) - (1 - share) * np.log1p(-share))
    np.testing.assert_allclose(jaxloss.information_maximization_loss(logits), exact, rtol=1e-4)


def test_certain_and_diverse_predictions_are_found():
    """Entropy minimisation puts two clusters into one class, information maximisation tells them apart."""
    rng = np.random.default_rng(0)
    inputs = np.concatenate([rng.normal(2.0, 0.5, (50, 2)), rng.normal(-1.0, 0.5, (50, 2))]).astype(np.float32)
    inputs = np.concatenate([inputs, np.ones((100, 1), np.float32)], axis=1)

    def trained(loss):
        kernel = jnp.array([[0.1, 0.0], [0.0, 0.1], [1.0, -1.0]])
        step = jax.jit(lambda kernel: kernel - 0.5 * jax.grad(lambda k: loss(inputs @ k))(kernel))
        for _ in range(300):
            kernel = step(kernel)
        return np.argmax(inputs @ np.asarray(kernel), -1)

    assert len(set(trained(jaxloss.entropy))) == 1
    classes = trained(jaxloss.information_maximization_loss)
    assert len(set(classes[:50])) == len(set(classes[50:])) == 1
    assert classes[0] != classes[-1]
