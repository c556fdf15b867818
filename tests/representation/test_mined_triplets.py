"""What the laws do not see of mined triplets: many positives, ties, and memory that grows with a chunk."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

MINED = [jaxloss.batch_all_triplet_loss, jaxloss.batch_hard_triplet_loss, jaxloss.batch_semi_hard_triplet_loss]
NAME = {"ids": lambda fn: fn.__name__}


def triplet_by_triplet(x, labels, semi_hard, margin=1.0):
    distances = np.sqrt(np.square(x[:, None].astype(np.float64) - x[None]).sum(-1))
    terms = []
    for i, row in enumerate(distances):
        others = np.arange(len(x)) != i
        far = row[labels != labels[i]]
        for d in row[(labels == labels[i]) & others]:
            chosen = [min(far[far > d], default=far.max())] if semi_hard else far
            terms += [max(0.0, margin + d - n) for n in chosen]
    return np.mean(terms) if semi_hard else np.mean([t for t in terms if t > 0])


@pytest.mark.parametrize("classes", [2, 13])
@pytest.mark.parametrize("fn", [MINED[0], MINED[2]], **NAME)
def test_few_and_many_positives_are_the_sum_over_triplets(fn, classes, rng):
    """Up to 16 positives are taken one by one; 20 go through sorting."""
    x = rng.normal(size=(42, 3)).astype(np.float32)
    labels = np.arange(42) % classes
    expected = triplet_by_triplet(x, labels, fn is MINED[2])
    for chunk in (None, 5):
        value = jax.jit(lambda x, c=chunk: fn(x, labels, chunk_size=c))(x)
        np.testing.assert_allclose(value, expected, rtol=2e-6)


@pytest.mark.parametrize("copies", [2, 20])
def test_a_negative_at_exactly_the_margin_is_not_active(copies):
    """Copies of one point are at distance 0; the negative lies the margin further, so nothing costs anything."""
    x = jnp.concatenate([jnp.full((copies, 2), 0.3), jnp.array([[0.3, 1.3]])])
    labels = jnp.array([0] * copies + [1])
    value, slope = jax.value_and_grad(lambda x: jaxloss.batch_all_triplet_loss(x, labels, margin=0.5))(x)
    assert value == 0
    assert not np.any(slope)


@pytest.mark.parametrize("fn", MINED, **NAME)
def test_memory_grows_with_the_chunk(fn):
    def temporaries(size):
        inputs = jax.ShapeDtypeStruct((size, 8), jnp.float32), jax.ShapeDtypeStruct((size,), jnp.int32)
        program = jax.jit(jax.value_and_grad(lambda x, y: fn(x, y, chunk_size=16)))
        return program.lower(*inputs).compile().memory_analysis().temp_size_in_bytes

    small, large = temporaries(256), temporaries(512)
    assert large < 2.2 * small
    assert large < 512 * 512 * 4
