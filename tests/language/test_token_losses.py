"""Losses of single tokens: unlikelihood of repetitions, and fine-tuning weighted by the model's own probabilities."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

import jaxloss

pytestmark = pytest.mark.full


class TestUnlikelihood:
    def test_it_is_that_of_fairseq(self, rng) -> None:
        """Which clamps one minus the probability at 1e-5, from where on its gradient is 0."""
        torch = pytest.importorskip("torch")
        logits, candidates = 2 * rng.normal(size=(5, 7)), rng.uniform(size=(5, 7)) < 0.4
        inside = torch.clamp(1 - torch.log_softmax(torch.tensor(logits), -1).exp(), min=1e-5)
        theirs = torch.sum(-torch.log(inside) * torch.tensor(candidates), -1)
        with jax.enable_x64(True):
            ours = jaxloss.unlikelihood_loss(logits, candidates, reduction="none")
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)

    def test_a_certain_repetition_is_as_bad_as_it_is_certain(self) -> None:
        """float32 holds no probability of 1 - 1e-13, nor the exponential of -200."""
        logits = jnp.array([[30.0, 0.0, 0.0], [200.0, 0.0, 0.0], [0.0, 30.0, 30.0]])
        candidates = jnp.array([[True, False, False]] * 3)
        fn = lambda z: jaxloss.unlikelihood_loss(z, candidates, reduction="none")
        small = -np.log1p(-scipy.special.softmax([0.0, 30.0, 30.0])[0])
        np.testing.assert_allclose(fn(logits), [30 - np.log(2), 200 - np.log(2), small], rtol=1e-6)
        slope = jax.grad(lambda z: jnp.sum(fn(z)))(logits)
        np.testing.assert_allclose(slope[:2], [[1, -0.5, -0.5]] * 2, rtol=1e-5)

    def test_of_two_classes_it_is_the_cross_entropy_of_the_other(self, rng) -> None:
        logits, labels = 3 * rng.normal(size=(6, 2)), rng.integers(0, 2, size=6)
        with jax.enable_x64(True):
            ours = jaxloss.unlikelihood_loss(logits, np.eye(2)[labels])
            np.testing.assert_allclose(
                ours, jaxloss.softmax_cross_entropy_with_integer_labels(logits, 1 - labels), rtol=1e-12
            )

    def test_absent_and_only_classes(self) -> None:
        logits = jnp.array([[-jnp.inf, 0.0, 1.0]])
        value, slope = jax.value_and_grad(jaxloss.unlikelihood_loss)(logits, jnp.array([[1.0, 0.0, 0.0]]))
        assert value == 0
        assert not np.any(slope)
        assert jaxloss.unlikelihood_loss(jnp.zeros((1, 1)), jnp.zeros((1, 1))) == 0
        assert jaxloss.unlikelihood_loss(jnp.zeros((1, 1)), jnp.ones((1, 1))) == np.inf

    def test_candidates_are_what_occurred_before(self, rng) -> None:
        labels, where = rng.integers(0, 5, size=(3, 9)), rng.uniform(size=(3, 9)) < 0.7
        found = jaxloss.tokens.previous_tokens(labels, vocabulary_size=5, where=where)
        assert found.shape == (3, 9, 5)
        assert found.dtype == bool
        for i, t in np.ndindex(3, 9):
            seen = {labels[i, s] for s in range(t) if where[i, s]} - {labels[i, t]}
            assert set(np.flatnonzero(found[i, t])) == seen
        with pytest.raises(ValueError, match="vocabulary_size"):
            jaxloss.tokens.previous_tokens(labels, vocabulary_size=0)
        with pytest.raises(TypeError, match="labels"):
            jaxloss.tokens.previous_tokens(labels.astype(float), vocabulary_size=5)

    def test_it_trains_a_repetition_away(self) -> None:
        labels = jnp.array([0, 1, 0, 1, 0, 1])
        candidates = jaxloss.tokens.previous_tokens(labels, vocabulary_size=3)
        step = jax.jit(lambda z: z - jax.grad(lambda x: jaxloss.unlikelihood_loss(x, candidates, reduction="sum"))(z))
        logits = jnp.zeros((6, 3)).at[:, 1].set(8.0)
        for _ in range(30):
            logits = step(logits)
        probs = jax.nn.softmax(logits)
        assert np.all(probs[2::2, 1] < 0.1)


class TestDynamicFineTuning:
    def test_it_is_that_of_trl(self, rng) -> None:
        torch = pytest.importorskip("torch")
        logits, labels = 2 * rng.normal(size=(8, 5)), rng.integers(0, 5, size=8)
        z = torch.tensor(logits, requires_grad=True)
        log_probs = torch.log_softmax(z, -1)[torch.arange(8), torch.tensor(labels)]
        theirs = (-log_probs.exp().detach() * log_probs).mean()
        theirs.backward()
        with jax.enable_x64(True):
            value, slope = jax.value_and_grad(jaxloss.dynamic_fine_tuning_loss)(logits, labels)
        np.testing.assert_allclose(value, theirs.item(), rtol=1e-12)
        np.testing.assert_allclose(slope, z.grad, rtol=1e-10, atol=1e-15)

    def test_its_gradient_is_that_of_minus_the_probability(self, rng) -> None:
        logits, labels = 2 * rng.normal(size=(8, 5)), rng.integers(0, 5, size=8)
        with jax.enable_x64(True):
            slope = jax.grad(jaxloss.dynamic_fine_tuning_loss)(logits, labels)
            chance = lambda z: -jnp.sum(jax.nn.softmax(z)[np.arange(8), labels]) / 8
            np.testing.assert_allclose(slope, jax.grad(chance)(logits), rtol=1e-9, atol=1e-15)

    def test_from_log_probabilities_it_is_a_policy_gradient(self, rng) -> None:
        logits, labels = 2 * rng.normal(size=(8, 5)), rng.integers(0, 5, size=8)
        with jax.enable_x64(True):
            log_probs = jaxloss.tokens.selective_log_softmax(logits, labels)
            ours = jaxloss.reinforce_loss(log_probs, jnp.exp(log_probs))
            np.testing.assert_allclose(ours, jaxloss.dynamic_fine_tuning_loss(logits, labels), rtol=1e-12)
