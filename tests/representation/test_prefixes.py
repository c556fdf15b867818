"""`jaxloss.matryoshka_loss`: a loss of one size is the loss; what it is called with, and what it refuses."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


@pytest.fixture
def views(rng):
    return rng.normal(size=(2, 6, 8)).astype(np.float32)


def test_one_size_is_the_loss(views):
    x, y = views
    whole = jaxloss.matryoshka_loss(jaxloss.infonce_loss, x, y, sizes=[8])
    np.testing.assert_allclose(whole, jaxloss.infonce_loss(x, y), rtol=1e-7)
    half = jaxloss.matryoshka_loss(jaxloss.infonce_loss, x, y, sizes=[4])
    np.testing.assert_allclose(half, jaxloss.infonce_loss(x[:, :4], y[:, :4]), rtol=1e-7)


def test_is_the_weighted_sum_over_sizes(views):
    x, y = views
    loss = functools.partial(jaxloss.clip_loss, temperature=0.3)
    ours = lambda x: jaxloss.matryoshka_loss(loss, x, y, sizes=(2, 4, 8), size_weights=(1.0, 0.5, 0.25))
    expected = lambda x: loss(x[:, :2], y[:, :2]) + 0.5 * loss(x[:, :4], y[:, :4]) + 0.25 * loss(x, y)
    for mine, theirs in zip(jax.value_and_grad(ours)(x), jax.value_and_grad(expected)(x), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-7)


def test_the_loss_keeps_its_own_tail(views):
    """Labels, masks and reductions are those of the function that is given; terms add up entry by entry."""
    x, labels = views[0], np.arange(6) // 2
    keep = np.array([True, True, True, True, False, True])
    loss = lambda x: jaxloss.supcon_loss(x, labels, where=keep, reduction="none")
    ours = jaxloss.matryoshka_loss(loss, x, sizes=(4, 8))
    np.testing.assert_allclose(ours, loss(x[:, :4]) + loss(x), rtol=1e-6)


def test_weights_may_be_traced_and_rows_are_16_bits(views):
    x, y = views.astype(jnp.bfloat16)
    loss = lambda w: jaxloss.matryoshka_loss(jaxloss.infonce_loss, x, y, sizes=(2, 8), size_weights=[1.0, w])
    value, slope = jax.jit(jax.value_and_grad(loss))(0.5)
    np.testing.assert_allclose(slope, jaxloss.infonce_loss(x, y), rtol=1e-6)
    assert value.dtype == jnp.float32


def test_prefixes_learn_what_the_whole_learns(views):
    """Trained at all sizes, the first two numbers tell the pairs apart; trained at one, they need not."""
    x, y = views
    loss = lambda x: jaxloss.matryoshka_loss(jaxloss.infonce_loss, x, y, sizes=(2, 4, 8))
    step = jax.jit(lambda x: x - jax.grad(loss)(x))
    start = jaxloss.infonce_loss(x[:, :2], y[:, :2])
    for _ in range(100):
        x = step(x)
    assert jaxloss.infonce_loss(x[:, :2], y[:, :2]) < 0.3 * start


def test_refuses(views):
    x, y = views
    call = functools.partial(jaxloss.matryoshka_loss, jaxloss.infonce_loss, x, y)
    for sizes in ((), (0, 4), (9,), (2.5,)):
        with pytest.raises(ValueError, match="sizes"):
            call(sizes=sizes)
    with pytest.raises(ValueError, match="size_weights"):
        call(sizes=(2, 4), size_weights=(1.0,))
    with pytest.raises(ValueError, match="size_weights"):
        call(sizes=(2,), size_weights=(-1.0,))
    with pytest.raises(ValueError, match="sizes"):
        jaxloss.matryoshka_loss(jaxloss.infonce_loss, x, y[:, :4], sizes=(8,))
    with pytest.raises(TypeError, match=r"embeddings\[1\]"):
        jaxloss.matryoshka_loss(jaxloss.supcon_loss, x, np.arange(6), sizes=(4,))
    with pytest.raises(ValueError, match="sizes"):
        jaxloss.matryoshka_loss(jaxloss.infonce_loss, sizes=(2,))
