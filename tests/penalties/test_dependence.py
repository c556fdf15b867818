"""Dependence by kernels: what it tells apart, and that chunks change nothing."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

import jaxloss


def test_it_sees_dependence_without_correlation():
    x = np.random.default_rng(0).normal(size=(200, 1)).astype(np.float32)
    shuffled = np.random.default_rng(1).permutation(x)
    square = x**2 - 1
    assert abs(np.corrcoef(x[:, 0], square[:, 0])[0, 1]) < 0.25
    assert jaxloss.hsic_penalty(x, square) > 10 * jaxloss.hsic_penalty(shuffled, square)


def test_chunks_change_no_number():
    x, y = np.random.default_rng(2).normal(size=(2, 37, 3)).astype(np.float32)
    fn = lambda size: jax.value_and_grad(lambda x: jaxloss.hsic_penalty(x, y, chunk_size=size))(x)
    whole, parts = fn(None), fn(8)
    np.testing.assert_allclose(parts[0], whole[0], rtol=1e-5)
    np.testing.assert_allclose(parts[1], whole[1], rtol=1e-4, atol=1e-7)


def test_independence_of_the_nearest_and_of_far_points_is_exact():
    assert jaxloss.hsic_penalty(jnp.ones((5, 2)), jnp.arange(5.0)[:, None]) == 0


def test_descent_takes_a_nuisance_out_of_a_feature():
    """A mixture of signal and nuisance keeps the signal and loses the nuisance."""
    signal, nuisance = np.random.default_rng(3).normal(size=(2, 100, 1)).astype(np.float32)

    def feature(mix):
        return mix[0] * signal + mix[1] * nuisance

    @jax.jit
    def step(mix):
        fn = lambda mix: jaxloss.hsic_penalty(feature(mix), nuisance) + 0.1 * jnp.square(mix[0] - 1)
        return mix - 5.0 * jax.grad(fn)(mix)

    mix = jnp.array([1.0, 1.0])
    for _ in range(60):
        mix = step(mix)
    assert abs(mix[1]) < 0.2
    assert mix[0] > 0.5
