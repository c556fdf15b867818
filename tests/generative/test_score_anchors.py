"""The LeCam penalty: the authors' code, the limit of a settled state, spread scores, masks, what it is for."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


def test_scores_of_patches_equal_the_authors_code(rng):
    """google/lecam-gan, with PyTorch: one number per patch, the averages over all of them moved first."""
    torch = pytest.importorskip("torch")
    relu = torch.nn.functional.relu
    real, fake = 2 * rng.normal(size=(2, 3, 4, 4)) + np.array([0.5, -0.5])[:, None, None, None]
    real_tensor, fake_tensor = (torch.tensor(x, requires_grad=True) for x in (real, fake))
    real_mean = 0.99 * 0.4 + 0.01 * real_tensor.detach().mean()
    fake_mean = 0.99 * -0.2 + 0.01 * fake_tensor.detach().mean()
    expected = torch.mean(relu(real_tensor - fake_mean).pow(2)) + torch.mean(relu(real_mean - fake_tensor).pow(2))
    expected.backward()
    with jax.enable_x64(True):
        state = jaxloss.LecamState(jnp.asarray(0.4), jnp.asarray(-0.2))
        fn = lambda r, f: jaxloss.lecam_penalty(r, f, state)
        (value, new), slopes = jax.jit(jax.value_and_grad(fn, (0, 1), has_aux=True))(real, fake)
    np.testing.assert_allclose(value, expected.item(), rtol=1e-12)
    np.testing.assert_allclose(new, [real_mean, fake_mean], rtol=1e-12)
    for slope, tensor in zip(slopes, (real_tensor, fake_tensor), strict=True):
        np.testing.assert_allclose(slope, tensor.grad, rtol=1e-12)


def test_scores_that_are_told_apart_have_the_squares_of_the_paper(rng):
    real, fake = 3 + rng.uniform(size=(2, 8)) * np.array([1.0, -1.0])[:, None] - np.array([0.0, 6.0])[:, None]
    state = jaxloss.init_lecam_penalty(2.0, -2.0)
    value, new = jaxloss.lecam_penalty(real, fake, state)
    one = lambda scores, mean: jaxloss.squared_error(scores, np.full(8, mean))
    np.testing.assert_allclose(value, one(real, new.fake_mean) + one(fake, new.real_mean), rtol=1e-6)


def test_the_averages_settle_where_the_scores_are(rng):
    real, fake = rng.normal(size=(2, 200, 16)).astype(np.float32) + np.array([1.0, -1.0], np.float32)[:, None, None]

    def step(state, scores):
        penalty, state = jaxloss.lecam_penalty(*scores, state)
        return state, penalty

    state, _ = jax.lax.scan(step, jaxloss.init_lecam_penalty(), (real, fake))
    decayed = 1 - 0.99**200
    np.testing.assert_allclose(state, [decayed, -decayed], atol=0.1)


def test_an_empty_batch_leaves_the_averages_alone():
    state = jaxloss.LecamState(jnp.float32(2.0), jnp.float32(-1.0))
    nan = np.full(3, np.nan, np.float32)
    for scores, where in ((nan, np.zeros(3, bool)), (nan[:0], None)):
        value, new = jaxloss.lecam_penalty(scores, scores, state, where=where)
        assert value == 0
        assert new == state


def test_it_keeps_a_discriminator_from_running_away():
    """Without it the scores of two separable points grow without bound; with it their gap has a fixpoint."""

    def gap(factor):
        def loss(w, state):
            real, fake = w[None], -w[None]
            penalty, state = jaxloss.lecam_penalty(real, fake, state, rate=0.1)
            return jaxloss.gan_wasserstein_discriminator_loss(real, fake) + factor * penalty, state

        def step(carry, _):
            w, state = carry
            slope, state = jax.grad(loss, has_aux=True)(w, state)
            return (w - 0.05 * slope, state), None

        (w, _), _ = jax.lax.scan(step, (jnp.float32(0.0), jaxloss.init_lecam_penalty()), length=400)
        return float(w)

    assert gap(0.0) > 30
    # The slope -2 + 4 factor (w + w) vanishes at a gap w of 1 / (4 factor).
    np.testing.assert_allclose(gap(0.5), 0.5, rtol=1e-3)


def test_scores_of_all_devices(rng):
    """Penalty, gradient and averages, with a device that has no example."""
    state = jaxloss.init_lecam_penalty(0.5, -0.5)
    real, fake = jnp.asarray(rng.normal(size=(2, 8)), jnp.float32)
    tail = jnp.array([1, 0, 0, 0, 1, 1, 1, 1], bool), jnp.asarray(rng.uniform(0.5, 2, 8), jnp.float32)

    def run(real, fake, where, weights, **spread):
        return jaxloss.lecam_penalty(real, fake, state, rate=0.25, where=where, weights=weights, **spread)

    mesh = jax.sharding.Mesh(np.array(jax.devices("cpu")[:4]), ("data",))
    examples, every = jax.sharding.PartitionSpec("data"), jax.sharding.PartitionSpec()
    spread = jax.shard_map(
        functools.partial(run, axis_name="data"), mesh=mesh, in_specs=(examples,) * 4, out_specs=every
    )
    actual, expected = (jax.jit(fn)(real, fake, *tail) for fn in (spread, run))
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-5), actual, expected)
