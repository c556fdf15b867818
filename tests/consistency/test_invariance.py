"""Invariant risk minimisation: peers, other risks, and a predictor that is spurious."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


def _environments(rng):
    return 2 * rng.normal(size=(3, 16, 5)), rng.integers(0, 5, size=(3, 16))


def test_penalty_equals_the_code_of_the_authors(rng):
    torch = pytest.importorskip("torch")
    logits, labels = _environments(rng)
    expected = []
    for z, y in zip(logits, labels, strict=True):
        scale = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
        risk = torch.nn.functional.cross_entropy(torch.tensor(z) * scale, torch.tensor(y))
        expected.append((torch.autograd.grad(risk, [scale], create_graph=True)[0] ** 2).item())
    with jax.enable_x64(True):
        np.testing.assert_allclose(jaxloss.irm_penalty(logits, labels, reduction="none"), expected, rtol=1e-12)


def test_domainbed_multiplies_the_slopes_of_two_halves(rng):
    torch = pytest.importorskip("torch")
    logits, labels = _environments(rng)
    z, y = torch.tensor(logits[0]), torch.tensor(labels[0])
    scale = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    risks = (torch.nn.functional.cross_entropy(z[i::2] * scale, y[i::2]) for i in (0, 1))
    one, other = (torch.autograd.grad(risk, [scale], create_graph=True)[0] for risk in risks)
    halves = [np.stack([x[0, ::2], x[0, 1::2]]) for x in (logits, labels)]
    with jax.enable_x64(True):
        ours = 2 * jaxloss.irm_penalty(logits[0], labels[0]) - jaxloss.irm_penalty(*halves)
    np.testing.assert_allclose(ours, (one * other).item(), rtol=1e-12)


def test_any_risk_by_its_gradient_in_a_scale(rng):
    logits, labels = _environments(rng)
    with jax.enable_x64(True):
        risk = lambda w: jaxloss.softmax_cross_entropy_with_integer_labels(w * logits[0], labels[0])
        slope = jnp.square(jax.grad(risk)(1.0))
        np.testing.assert_allclose(jaxloss.irm_penalty(logits[0], labels[0]), slope, rtol=1e-12)


def test_environments_of_different_sizes_are_padded(rng):
    logits, labels = (np.array(x) for x in _environments(rng))
    keep = np.arange(16) < np.array([16, 5, 9])[:, None]
    logits[~keep], labels[~keep] = np.nan, -1
    with jax.enable_x64(True):
        padded = jaxloss.irm_penalty(logits, labels, where=keep, reduction="none")
        alone = [jaxloss.irm_penalty(z[k], y[k]) for z, y, k in zip(logits, labels, keep, strict=True)]
    np.testing.assert_allclose(padded, alone, rtol=1e-12)


def test_a_spurious_feature_is_given_up():
    """The cause predicts alike everywhere, its effect better in one environment than in the other."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, size=(2, 4000))
    signs = 2 * labels - 1
    flip = lambda rate: np.where(rng.uniform(size=labels.shape) < rate, -1, 1)
    features = np.stack([signs * flip(0.25), signs * flip(np.array([[0.1], [0.2]]))], -1).astype(np.float32)

    def loss(kernel, factor):
        scores = features @ kernel
        logits = jnp.stack([-scores, scores], axis=-1)
        risk = jaxloss.softmax_cross_entropy_with_integer_labels(logits, labels)
        return (risk + factor * jaxloss.irm_penalty(logits, labels)) / (1 + factor)

    kernels = {}
    for factor in (0.0, 1e3):
        kernel = jnp.array([0.5, 0.5])
        step = jax.jit(lambda kernel, factor=factor: kernel - 0.3 * jax.grad(loss)(kernel, factor))
        for _ in range(500):
            kernel = step(kernel)
        kernels[factor] = np.abs(kernel)
    assert kernels[0.0][1] > kernels[0.0][0]
    assert kernels[1e3][1] < 0.6 * kernels[1e3][0]
