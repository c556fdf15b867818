"""What the laws do not see of CoSENT: parity with sentence-transformers' code, identities, learning."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


@pytest.fixture
def pairs(rng):
    """Seven pairs, two of which have one score."""
    return *rng.normal(size=(2, 7, 4)), np.array([0.1, 0.9, 0.3, 0.3, 0.7, 0.0, 0.5])


def test_equals_the_code_of_sentence_transformers(pairs):
    """Value and gradient of the default scale, 20."""
    torch = pytest.importorskip("torch")
    given = [torch.tensor(x, requires_grad=True) for x in pairs[:2]]
    labels = torch.tensor(pairs[2])
    scores = torch.nn.functional.cosine_similarity(*given) * 20
    scores = scores[:, None] - scores[None, :]
    lower = (labels[:, None] < labels[None, :]).double()
    scores = torch.cat([torch.zeros(1), (scores - (1 - lower) * 1e12).view(-1)])
    theirs = torch.logsumexp(scores, dim=0)
    theirs.backward()
    with jax.enable_x64(True):
        loss = lambda x, y: jaxloss.cosent_loss(x, y, pairs[2])
        value, slopes = jax.value_and_grad(loss, (0, 1))(*map(jnp.asarray, pairs[:2]))
    np.testing.assert_allclose(value, float(theirs.detach()), rtol=1e-10)
    for ours, x in zip(slopes, given, strict=True):
        np.testing.assert_allclose(ours, x.grad.numpy(), rtol=1e-7, atol=1e-11)


def test_only_the_order_of_the_scores_counts(pairs):
    x, y, scores = pairs
    one, other = (jaxloss.cosent_loss(x, y, s) for s in (scores, np.exp(9 * scores)))
    np.testing.assert_array_equal(one, other)


def test_a_weight_is_copies(pairs):
    x, y, scores = pairs
    counts = np.array([2, 1, 0, 3, 1, 1, 2])
    with jax.enable_x64(True):
        weighted = jaxloss.cosent_loss(x, y, scores, weights=counts, temperature=0.5)
        copied = jaxloss.cosent_loss(*(np.repeat(z, counts, axis=0) for z in pairs), temperature=0.5)
    np.testing.assert_allclose(weighted, copied, rtol=1e-12)


def test_equal_scores_are_absent_and_nan_shows(pairs):
    x, y, scores = (np.stack([z, z, z]) for z in pairs)
    scores[1], scores[2, 3] = 0.5, np.nan
    values = jaxloss.cosent_loss(x, y, scores, reduction=jaxloss.reductions.term)
    assert values.weights[1] == 0
    np.testing.assert_array_equal(np.isnan(values.values), [False, False, True])


def test_regression_of_the_scores_is_a_composition(pairs):
    torch = pytest.importorskip("torch")
    x, y, scores = pairs
    cosines = torch.nn.functional.cosine_similarity(torch.tensor(x), torch.tensor(y))
    theirs = torch.nn.functional.mse_loss(cosines, torch.tensor(scores))
    with jax.enable_x64(True):
        ours = jaxloss.squared_error(1 - jaxloss.cosine_distance(x, y, reduction="none"), scores)
    np.testing.assert_allclose(ours, float(theirs), rtol=1e-10)


def test_training_puts_cosines_in_order(pairs):
    x, y, scores = (jnp.asarray(z, jnp.float32) for z in pairs)
    step = jax.jit(lambda x: x - 0.05 * jax.grad(lambda x: jaxloss.cosent_loss(x, y, scores))(x))
    for _ in range(300):
        x = step(x)
    cosines = 1 - jaxloss.cosine_distance(x, y, reduction="none")
    below = scores[:, None] < scores[None, :]
    assert jnp.all(jnp.where(below, cosines[:, None] < cosines[None, :], True))


def test_memory_grows_with_the_chunk():
    def temporaries(size):
        x, y = jax.ShapeDtypeStruct((size, 4), jnp.float32), jax.ShapeDtypeStruct((size,), jnp.float32)
        program = jax.jit(jax.value_and_grad(lambda a, b, c: jaxloss.cosent_loss(a, b, c, chunk_size=16)))
        return program.lower(x, x, y).compile().memory_analysis().temp_size_in_bytes

    small, large = temporaries(256), temporaries(512)
    assert large < 2.2 * small
    assert large < 512 * 512 * 4
