"""Chunks of rows: the same numbers and derivatives as in one piece, for less memory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss._floor.chunks import by_rows, chunk_rows


def _log_sums(x, y, chunk):
    """Log-sum-exp of the products of every row with all rows but that of its own place."""

    def block(rows, first):
        products = jnp.einsum("bnd,bmd->bnm", rows, y)
        row, column = (jax.lax.broadcasted_iota(jnp.int32, products.shape, axis) for axis in (1, 2))
        return jax.nn.logsumexp(jnp.where(row + first == column, -jnp.inf, products), axis=-1)

    return by_rows(block, chunk, x, axis=1)


@pytest.mark.parametrize("chunk", [1, 2, 3, 6, 7, 8])
def test_chunks_equal_one_piece(chunk):
    x, y = np.random.default_rng(0).normal(size=(2, 2, 7, 3))
    with jax.enable_x64(True):
        x, y = jnp.asarray(x), jnp.asarray(y)
        weight = jnp.arange(14.0).reshape(2, 7)
        whole = lambda x, y: jnp.sum(weight * _log_sums(x, y, 7))
        parts = lambda x, y: jnp.sum(weight * _log_sums(x, y, chunk))
        np.testing.assert_allclose(_log_sums(x, y, chunk), _log_sums(x, y, 7), rtol=1e-14)
        for derivative in (jax.grad, jax.jacfwd, jax.hessian):
            for actual, expected in zip(
                jax.tree.leaves(derivative(parts, (0, 1))(x, y)),
                jax.tree.leaves(derivative(whole, (0, 1))(x, y)),
                strict=True,
            ):
                np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-12)


def test_memory_grows_with_the_chunk():
    x = jax.ShapeDtypeStruct((1, 1024, 8), jnp.float32)
    loss = lambda chunk: lambda x, y: jnp.mean(_log_sums(x, y, chunk))
    temporaries = [
        jax.jit(jax.grad(loss(chunk), (0, 1))).lower(x, x).compile().memory_analysis().temp_size_in_bytes
        for chunk in (1024, 32)
    ]
    assert temporaries[1] < temporaries[0] / 8


def test_default_chunk():
    assert chunk_rows(None, 512, 512) == 512
    assert chunk_rows(None, 4096, 4096) == 1024
    assert chunk_rows(None, 65536, 65536) == 128
    assert chunk_rows(3, 4096, 4096) == 3
    with pytest.raises(ValueError, match="chunk_size"):
        chunk_rows(0, 4, 4)
