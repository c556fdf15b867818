"""Centred kernel alignment: what does not count, and that chunks change nothing."""

from __future__ import annotations

import jax
import numpy as np

import jaxloss


def embeddings(count=40, features=6, seed=0):
    return np.random.default_rng(seed).normal(size=(count, features)).astype(np.float32)


def test_turns_offsets_and_scales_do_not_count():
    x = embeddings()
    turn, _ = np.linalg.qr(embeddings(6, 6, 1))
    np.testing.assert_allclose(jaxloss.cka_loss(x, 3 * x @ turn - 5), 0, atol=1e-5)
    assert jaxloss.cka_loss(x, embeddings(seed=2)) > 0.5


def test_chunks_change_no_number():
    x, y = embeddings(), embeddings(features=3, seed=1)
    fn = lambda size: jax.value_and_grad(lambda x: jaxloss.cka_loss(x, y, chunk_size=size))(x)
    whole, parts = fn(None), fn(16)
    np.testing.assert_allclose(parts[0], whole[0], rtol=1e-5)
    np.testing.assert_allclose(parts[1], whole[1], rtol=1e-3, atol=1e-6)


def test_a_student_takes_the_geometry_of_a_larger_teacher():
    teacher, student = embeddings(features=8), embeddings(features=4, seed=1)
    step = jax.jit(jax.value_and_grad(lambda x: jaxloss.cka_loss(x, teacher)))
    first, _ = step(student)
    for _ in range(60):
        value, slope = step(student)
        student = student - 20.0 * slope
    assert value < 0.5 * first
