"""What the laws do not see of SwAV, masked autoencoders and patches of DINO: codes, compositions, devices."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


def _sinkhorn(torch, scores, strength, rounds):
    """The listing of the paper."""
    q = torch.exp(scores / strength).t()
    q /= torch.sum(q)
    for _ in range(rounds):
        q /= torch.sum(q, dim=1, keepdim=True)
        q /= q.shape[0]
        q /= torch.sum(q, dim=0, keepdim=True)
        q /= q.shape[1]
    return (q * q.shape[1]).t()


def test_swav_equals_the_code_of_its_authors(rng):
    """Two views with codes and two small ones: value and gradient."""
    torch = pytest.importorskip("torch")
    scores = rng.uniform(-1, 1, size=(6, 4, 5))
    given = torch.tensor(scores, requires_grad=True)
    theirs = 0
    for t in range(2):
        q = _sinkhorn(torch, given[:, t].detach(), 0.05, 3)
        others = [s for s in range(4) if s != t]
        terms = [-torch.mean(torch.sum(q * torch.log_softmax(given[:, s] / 0.1, dim=1), dim=1)) for s in others]
        theirs = theirs + sum(terms) / len(terms) / 2
    theirs.backward()
    with jax.enable_x64(True):
        value, slope = jax.value_and_grad(jaxloss.swav_loss)(jnp.asarray(scores))
    np.testing.assert_allclose(value, float(theirs.detach()), rtol=1e-11)
    np.testing.assert_allclose(slope, given.grad.numpy(), rtol=1e-9, atol=1e-13)


def test_many_rounds_make_clusters_of_equal_size(rng):
    """The loss of one-hot views counts the images of a cluster: its mean code is 1/K, whatever the scores prefer."""
    scores = rng.uniform(-1, 1, size=(8, 4)) + np.array([3.0, 0.0, 0.0, 0.0])

    def code(k):
        probe = jnp.zeros((8, 4)).at[:, k].set(-1.0)
        views = jnp.stack([jnp.asarray(scores), probe], axis=-2)
        loss = lambda views: jaxloss.swav_loss(
            views, num_code_views=1, temperature=1.0, code_temperature=1.0, sinkhorn_iterations=200, reduction="none"
        )
        return jax.jit(loss)(views)

    with jax.enable_x64(True):
        # -log p is log(3 + e^-1), plus 1 of the cluster k.
        sizes = np.array([jnp.mean(code(k) - jnp.log(3 + jnp.exp(-1.0))) for k in range(4)])
    np.testing.assert_allclose(sizes, 0.25, rtol=1e-6)


def test_scores_that_overflow_an_exponential():
    """exp(1000 / 0.05) is no float64 either; the codes of separate images are one-hot."""
    views = jnp.repeat(1000 * jnp.eye(4)[:, None], 2, axis=1)
    value, slope = jax.value_and_grad(jaxloss.swav_loss)(views)
    assert value == 0
    assert not np.any(slope)


def test_only_other_views_predict_a_code(rng):
    with pytest.raises(ValueError, match="at least two views"):
        jaxloss.swav_loss(rng.normal(size=(4, 1, 3)))
    with pytest.raises(ValueError, match="num_code_views=3"):
        jaxloss.swav_loss(rng.normal(size=(4, 2, 3)), num_code_views=3)


class TestMaskedAutoencoder:
    def test_equals_the_code_of_its_authors(self, rng):
        torch = pytest.importorskip("torch")
        pred, target = rng.normal(size=(2, 3, 16, 12))
        mask = rng.uniform(size=(3, 16)) < 0.75
        x, y, m = torch.tensor(pred, requires_grad=True), torch.tensor(target), torch.tensor(mask).double()
        y = (y - y.mean(dim=-1, keepdim=True)) / (y.var(dim=-1, keepdim=True) + 1.0e-6) ** 0.5
        loss = ((x - y) ** 2).mean(dim=-1)
        theirs = (loss * m).sum() / m.sum()
        theirs.backward()
        with jax.enable_x64(True):
            ours = lambda x: jaxloss.masked_autoencoder_loss(x, target, where=mask)
            value, slope = jax.value_and_grad(ours)(jnp.asarray(pred))
        np.testing.assert_allclose(value, float(theirs.detach()), rtol=1e-12)
        np.testing.assert_allclose(slope, x.grad.numpy(), rtol=1e-10, atol=1e-14)

    def test_brightness_and_contrast_do_not_matter(self, rng):
        pred, target = rng.normal(size=(2, 5, 12)).astype(np.float32)
        one, other = (jaxloss.masked_autoencoder_loss(pred, y, epsilon=1e-12) for y in (target, 30 * target + 7))
        np.testing.assert_allclose(one, other, rtol=1e-5)

    def test_pixels_of_uint8(self, rng):
        pixels = rng.integers(0, 256, size=(4, 12)).astype(np.uint8)
        pred = rng.normal(size=(4, 12)).astype(np.float32)
        expected = jaxloss.masked_autoencoder_loss(pred, pixels.astype(np.float32))
        np.testing.assert_allclose(jaxloss.masked_autoencoder_loss(pred, pixels), expected)

    def test_one_pixel_has_no_variance(self):
        with pytest.raises(ValueError, match="two pixels"):
            jaxloss.masked_autoencoder_loss(jnp.zeros((3, 1)), jnp.zeros((3, 1)))


def test_masked_patches_of_ibot_are_dino(rng):
    """Student and teacher see the same view: as a second view of the student, next to the one that has no partner."""
    torch = pytest.importorskip("torch")
    student, teacher = rng.normal(size=(2, 3, 8, 5))
    center, mask = rng.normal(size=5), rng.uniform(size=(3, 8)) < 0.5
    mask[:, 0] = True
    s, t, m = torch.tensor(student, requires_grad=True), torch.tensor(teacher), torch.tensor(mask).double()
    q = torch.softmax((t - torch.tensor(center)) / 0.04, dim=-1)
    loss = -torch.sum(q * torch.log_softmax(s / 0.1, dim=-1), dim=-1)
    # The mean over the masked patches of an image, then over images.
    theirs = (torch.sum(loss * m, dim=-1) / m.sum(dim=-1)).mean()
    theirs.backward()
    with jax.enable_x64(True):
        state = jaxloss.DinoState(jnp.asarray(center))

        def ours(x):
            views = jnp.stack([x, x], axis=-2)
            share = 1 / jnp.sum(mask, axis=-1, keepdims=True)
            return jaxloss.dino_loss(views, jnp.asarray(teacher)[..., None, :], state, where=mask, weights=share)

        (value, new), slope = jax.value_and_grad(ours, has_aux=True)(jnp.asarray(student))
    np.testing.assert_allclose(value, float(theirs.detach()), rtol=1e-11)
    np.testing.assert_allclose(slope, s.grad.numpy(), rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(new.center, 0.9 * center + 0.1 * teacher[mask].mean(0), rtol=1e-10)
