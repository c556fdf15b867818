"""Self-supervised methods that are compositions: MSN, and the two losses of wav2vec 2.0, against the authors' formulas."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


def test_msn_equals_the_authors_code(rng):
    """facebookresearch/msn with PyTorch: cross-entropy with sharpened targets, and the entropy of the mean."""
    torch = pytest.importorskip("torch")
    logits, teacher = rng.normal(size=(12, 6)) * 3, rng.normal(size=(12, 6)) * 3
    scores = torch.tensor(logits, requires_grad=True)
    probs = torch.softmax(scores, -1)
    sharp = torch.softmax(torch.tensor(teacher), -1) ** (1 / 0.25)
    sharp = sharp / sharp.sum(-1, keepdim=True)
    mean = probs.mean(0)
    expected = torch.mean(torch.sum(torch.log(probs ** (-sharp)), -1)) - torch.sum(torch.log(mean ** (-mean)))
    expected.backward()

    def msn(z):
        apart = jaxloss.softmax_cross_entropy(z, jax.nn.softmax(teacher / 0.25))
        return apart + jaxloss.information_maximization_loss(z) - jaxloss.entropy(z)

    with jax.enable_x64(True):
        value, slope = jax.jit(jax.value_and_grad(msn))(jnp.asarray(logits))
    np.testing.assert_allclose(value, expected.item(), rtol=1e-12)
    np.testing.assert_allclose(slope, scores.grad, rtol=1e-9, atol=1e-14)


def test_diversity_of_codes(rng):
    """wav2vec 2.0: minus the entropy of the mean distribution of each codebook, [groups, steps, codes]."""
    scores = rng.normal(size=(2, 10, 5))
    probs = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    mean = probs.mean(1)
    with jax.enable_x64(True):
        value = jaxloss.information_maximization_loss(scores) - jaxloss.entropy(scores)
    np.testing.assert_allclose(value, np.mean(np.sum(mean * np.log(mean), -1)), rtol=1e-12)
