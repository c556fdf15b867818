"""What the laws do not see of GE2E: the equations on speakers by utterances, and speakers of one utterance."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

LOSSES = [jaxloss.ge2e_softmax_loss, jaxloss.ge2e_contrast_loss]
NAME = {"ids": lambda fn: fn.__name__}


@pytest.mark.parametrize("fn", LOSSES, **NAME)
def test_equals_the_equations_in_torch(fn, rng):
    """Four speakers of three utterances each: value, and gradients of embeddings, factor and bias."""
    torch = pytest.importorskip("torch")
    speakers, utterances = 4, 3
    x = rng.normal(size=(speakers, utterances, 5))
    given = torch.tensor(x, requires_grad=True)
    w, b = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (4.0, -1.5))
    e = torch.nn.functional.normalize(given, dim=-1)
    inclusive = e.mean(1)
    exclusive = (e.sum(1, keepdim=True) - e) / (utterances - 1)
    cosines = torch.nn.functional.cosine_similarity(e[:, :, None], inclusive[None, None], dim=-1)
    same = torch.nn.functional.cosine_similarity(e, exclusive, dim=-1)
    own = torch.eye(speakers, dtype=torch.bool)[:, None].expand(-1, utterances, -1)
    scores = w * torch.where(own, same[..., None], cosines) + b
    if fn is LOSSES[0]:
        theirs = (torch.logsumexp(scores, -1) - scores[own].view(speakers, utterances)).mean()
    else:
        rival = torch.sigmoid(scores.masked_fill(own, -torch.inf)).amax(-1)
        theirs = (1 - torch.sigmoid(scores[own].view(speakers, utterances)) + rival).mean()
    theirs.backward()

    def loss(x, w, b):
        more = {} if fn is LOSSES[0] else {"bias": b}
        return fn(x.reshape(-1, 5), np.repeat(np.arange(speakers), utterances), temperature=1 / w, **more)

    with jax.enable_x64(True):
        args = jnp.asarray(x), jnp.float64(4.0), jnp.float64(-1.5)
        value, slopes = jax.value_and_grad(loss, (0, 1, 2))(*args)
    np.testing.assert_allclose(value, float(theirs.detach()), rtol=1e-9)
    for ours, z in zip(slopes, (given, w, b), strict=True):
        np.testing.assert_allclose(ours, 0 if z.grad is None else z.grad.numpy(), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("fn", LOSSES, **NAME)
def test_a_speaker_of_one_utterance_is_a_rival_only(fn, rng):
    x, labels = rng.normal(size=(5, 3)).astype(np.float32), np.array([0, 0, 1, 1, 2])
    term = fn(x, labels, reduction=jaxloss.reductions.term)
    np.testing.assert_array_equal(term.weights, [1, 1, 1, 1, 0])
    assert np.any(jax.grad(lambda x: fn(x, labels))(jnp.asarray(x))[4])
    without = fn(x, labels, where=labels != 2, reduction="none")
    assert np.all(term.values[:4] >= without[:4])


@pytest.mark.parametrize("fn", LOSSES, **NAME)
def test_training_separates_speakers(fn, rng):
    x, labels = jnp.asarray(rng.normal(size=(12, 8)), jnp.float32), np.arange(12) % 3
    step = jax.jit(lambda x: x - 2.0 * jax.grad(lambda x: fn(x, labels, temperature=0.3))(x))
    for _ in range(300):
        x = step(x)
    unit = np.asarray(x / jnp.linalg.norm(x, axis=-1, keepdims=True))
    centroids = np.stack([unit[labels == k].mean(0) for k in range(3)])
    assert np.all(np.argmax(unit @ centroids.T, -1) == labels)


@pytest.mark.parametrize("fn", LOSSES, **NAME)
def test_memory_grows_with_the_chunk(fn):
    def temporaries(size):
        inputs = jax.ShapeDtypeStruct((size, 8), jnp.float32), jax.ShapeDtypeStruct((size,), jnp.int32)
        program = jax.jit(jax.value_and_grad(lambda x, y: fn(x, y, chunk_size=16)))
        return program.lower(*inputs).compile().memory_analysis().temp_size_in_bytes

    small, large = temporaries(256), temporaries(512)
    assert large < 2.2 * small
    assert large < 512 * 512 * 4
