"""Sparse and decorrelated representations: peers, identities, training."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


def test_decov_is_the_covariance_term_of_vicreg(rng):
    h = rng.normal(size=(16, 5))
    weights = {"invariance_weight": 0.0, "variance_weight": 0.0, "covariance_weight": 1.0}
    with jax.enable_x64(True):
        of_vicreg = jaxloss.vicreg_loss(h, h, **weights) * (15 / 16) ** 2 * 5 / 4
        np.testing.assert_allclose(jaxloss.decov_penalty(h), of_vicreg, rtol=1e-12)


def test_decov_sees_no_variances_and_no_means(rng):
    h = np.kron([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], [[1.0]]).astype(np.float32)
    assert jaxloss.decov_penalty(h * np.array([3.0, 0.5], np.float32) + 7) == 0
    assert jaxloss.decov_penalty(rng.normal(size=(8, 1)).astype(np.float32)) == 0
    weights = np.array([2.0, 0.0, 1.0, 3.0], np.float32)
    tilted = h + np.array([[0.5, 0.0]] * 2 + [[0.0, 1.0]] * 2, np.float32)
    covariance = np.cov(tilted, rowvar=False, aweights=weights, bias=True)[0, 1]
    np.testing.assert_allclose(jaxloss.decov_penalty(tilted, weights=weights), covariance**2, rtol=1e-5)


def test_flops_equals_the_code_of_sentence_transformers(rng):
    torch = pytest.importorskip("torch")
    embeddings = np.log1p(np.maximum(rng.normal(size=(8, 6)), 0))
    theirs = torch.sum(torch.mean(torch.abs(torch.tensor(embeddings)), dim=0) ** 2)
    with jax.enable_x64(True):
        np.testing.assert_allclose(jaxloss.flops_penalty(embeddings), theirs, rtol=1e-12)


def test_flops_spreads_the_entries_that_are_used():
    """Of two batches with as many entries in use, the one whose lists are equally long costs less."""
    even, uneven = np.eye(4, dtype=np.float32), np.zeros((4, 4), np.float32)
    uneven[:, 0] = 1
    assert jaxloss.activity_l1_penalty(even) == jaxloss.activity_l1_penalty(uneven)
    assert jaxloss.flops_penalty(even) == 0.25
    assert jaxloss.flops_penalty(uneven) == 1


def test_sets_without_examples_are_absent():
    nothing = jnp.zeros((3, 0, 2))
    for fn in (jaxloss.decov_penalty, jaxloss.flops_penalty):
        assert fn(nothing, reduction="none").tolist() == [0, 0, 0]


def test_hoyer_depends_on_directions_alone(rng):
    h = rng.normal(size=(6, 9)).astype(np.float32)
    base = jaxloss.hoyer_penalty(h, reduction="none")
    for scale in (1e-30, -3.0, 1e30):
        np.testing.assert_allclose(jaxloss.hoyer_penalty(scale * h, reduction="none"), base, rtol=1e-5)
    ratio = np.abs(h).sum(-1) / np.linalg.norm(h, axis=-1)
    np.testing.assert_allclose(1 + 2 * base, ratio, rtol=1e-5)
    slope = jax.grad(lambda x: jaxloss.hoyer_penalty(x, reduction="sum"))(jnp.asarray(h))
    np.testing.assert_allclose(jnp.sum(slope * h, axis=-1), 0, atol=1e-6)


def test_hoyer_keeps_the_digits_of_nearly_one_hot_vectors():
    nearly = np.array([1.0, 1e-6, -2e-6, 3e-6], np.float32)
    others = nearly[1:].astype(np.float64)
    exact = (1 + np.abs(others).sum()) / np.sqrt(1 + (others**2).sum()) - 1
    np.testing.assert_allclose(jaxloss.hoyer_penalty(nearly), exact, rtol=1e-6)
    value, slope = jax.value_and_grad(jaxloss.hoyer_penalty)(jnp.zeros(4))
    assert value == 0
    assert not np.any(slope)
    with pytest.raises(ValueError, match="two entries"):
        jaxloss.hoyer_penalty(jnp.ones((3, 1)))


def test_hoyer_drives_small_entries_to_zero():
    target = jnp.array([1.0, 0.1, -0.08, 0.05])
    loss = lambda h: jaxloss.squared_error(h, target) + jaxloss.hoyer_penalty(h)
    step = jax.jit(lambda h, rate: h - rate * jax.grad(loss)(h))
    h = target
    for i in range(300):
        h = step(h, 0.1 / (1 + i))
    assert np.all(np.abs(h[1:]) < 1e-2)
    assert h[0] > 0.9
