"""What the laws do not see of alignment, uniformity and KoLeo: their authors' code, collapse, and learning."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


@pytest.fixture
def views(rng):
    return rng.normal(size=(2, 9, 5))


def test_alignment_and_uniformity_equal_the_code_of_their_authors(views):
    """The listing of the paper, on unit vectors; t is the inverse of the temperature."""
    torch = pytest.importorskip("torch")
    given = [torch.tensor(x, requires_grad=True) for x in views]
    x, y = (torch.nn.functional.normalize(z, dim=-1) for z in given)
    align = (x - y).norm(p=2, dim=1).pow(1.5).mean()
    uniform = torch.pdist(x, p=2).pow(2).mul(-3).exp().mean().log()
    (align + uniform).backward()
    with jax.enable_x64(True):
        x, y = map(jnp.asarray, views)
        first = lambda x, y: jaxloss.alignment_loss(x, y, exponent=1.5)
        second = lambda x: jaxloss.uniformity_loss(x, temperature=1 / 3)
        np.testing.assert_allclose(first(x, y), float(align.detach()), rtol=1e-12)
        np.testing.assert_allclose(second(x), float(uniform.detach()), rtol=1e-10)
        slopes = jax.grad(lambda x, y: first(x, y) + second(x), (0, 1))(x, y)
    for ours, z in zip(slopes, given, strict=True):
        np.testing.assert_allclose(ours, z.grad.numpy(), rtol=1e-8, atol=1e-12)


def test_alignment_of_degree_two_is_twice_the_cosine_distance(views):
    with jax.enable_x64(True):
        np.testing.assert_allclose(jaxloss.alignment_loss(*views), 2 * jaxloss.cosine_distance(*views), rtol=1e-14)


def test_uniformity_with_weights_counts_copies(views):
    """Pairs of copies of one example are none: only pairs of different examples are in the mean."""
    x, weights = views[0], np.array([1, 2, 0, 1, 3, 1, 1, 2, 1])
    unit = x / np.linalg.norm(x, axis=-1, keepdims=True)
    mass = np.where(np.eye(9, dtype=bool), 0, weights[:, None] * weights)
    potential = np.exp(-2 * np.sum((unit[:, None] - unit) ** 2, -1))
    with jax.enable_x64(True):
        ours = jaxloss.uniformity_loss(x, weights=weights)
    np.testing.assert_allclose(ours, np.log(np.sum(mass * potential) / np.sum(mass)), rtol=1e-12)
    usual = jaxloss.uniformity_loss(x, weights=weights)
    for factor in (2.0**120, 2.0**-120):
        scaled = jaxloss.uniformity_loss(x, weights=np.float32(factor) * weights.astype(np.float32))
        np.testing.assert_array_equal(scaled, usual)


def test_koleo_equals_the_code_of_dinov2(views):
    """Nearest by inner product, then the distance, which DINOv2 adds epsilon to before and after the root."""
    torch = pytest.importorskip("torch")
    given = torch.tensor(views[0], requires_grad=True)
    x = torch.nn.functional.normalize(given, dim=-1)
    products = (x @ x.T).detach()
    products.view(-1)[:: len(x) + 1].fill_(-1)
    nearest = torch.max(products, dim=1)[1]
    theirs = -torch.log(torch.nn.PairwiseDistance(2, eps=1e-8)(x, x[nearest]) + 1e-8).mean()
    theirs.backward()
    with jax.enable_x64(True):
        value, slope = jax.value_and_grad(jaxloss.koleo_loss)(jnp.asarray(views[0]))
    np.testing.assert_allclose(value, float(theirs.detach()), rtol=1e-6)
    np.testing.assert_allclose(slope, given.grad.numpy(), rtol=1e-5, atol=1e-7)


def test_koleo_of_duplicates_is_finite():
    """-log(1e-8) where the DINOv2 code has -log of 1e-8 times a root of the features."""
    x = jnp.repeat(jnp.eye(3), 2, axis=0)
    value, slope = jax.value_and_grad(jaxloss.koleo_loss)(x)
    np.testing.assert_allclose(value, -np.log(1e-8), rtol=1e-6)
    assert not np.any(slope)


def test_koleo_of_close_neighbours_keeps_its_digits():
    x = jnp.array([[1.0, 0.0], [1.0, 1e-5], [-1.0, 0.0], [-1.0, -3e-4]])
    values = jaxloss.koleo_loss(x, epsilon=1e-12, reduction="none")
    np.testing.assert_allclose(jnp.exp(-values), np.array([1e-5, 1e-5, 3e-4, 3e-4]), rtol=2e-5)


@pytest.mark.parametrize("fn", [jaxloss.uniformity_loss, jaxloss.koleo_loss], ids=lambda fn: fn.__name__)
def test_training_spreads_a_cluster(fn, rng):
    """Four points that start together end at right angles, or further apart, on the circle."""
    x = jnp.asarray([1.0, 0.0] + 0.1 * rng.normal(size=(4, 2)), jnp.float32)
    step = jax.jit(lambda x: x - 0.05 * jax.grad(fn)(x))
    for _ in range(400):
        x = step(x)
    unit = x / np.linalg.norm(x, axis=-1, keepdims=True)
    cosines = np.asarray(unit @ unit.T) - 2 * np.eye(4)
    assert np.max(cosines) < 0.3


@pytest.mark.parametrize("fn", [jaxloss.uniformity_loss, jaxloss.koleo_loss], ids=lambda fn: fn.__name__)
def test_memory_grows_with_the_chunk(fn):
    def temporaries(size):
        program = jax.jit(jax.value_and_grad(lambda x: fn(x, chunk_size=16)))
        return (
            program.lower(jax.ShapeDtypeStruct((size, 8), jnp.float32)).compile().memory_analysis().temp_size_in_bytes
        )

    small, large = temporaries(256), temporaries(512)
    assert large < 2.2 * small
    assert large < 512 * 512 * 4
