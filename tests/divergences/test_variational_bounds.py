"""Lower bounds on mutual information: the best critic, their order, the gradient of MINE, other bounds as compositions."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

CORRELATION = 0.8
TRUTH = -0.5 * np.log1p(-(CORRELATION**2))


def log_ratio(x, y):
    """Of the joint density of a correlated normal pair and the product of its marginals."""
    r = CORRELATION
    return TRUTH - (r**2 * (x**2 + y**2) - 2 * r * x * y) / (2 * (1 - r**2))


@pytest.fixture
def scores(rng: np.random.Generator):
    """Of the best critic, for joint and for independent samples."""
    x, noise, other = rng.normal(size=(3, 400_000))
    y = CORRELATION * x + np.sqrt(1 - CORRELATION**2) * noise
    return log_ratio(x, y), log_ratio(x, other)


def test_the_best_critic_finds_the_mutual_information(scores) -> None:
    joint, marginal = scores
    with jax.enable_x64(True):
        dv = jaxloss.donsker_varadhan_loss(joint, marginal)
        nwj = jaxloss.nwj_loss(joint + 1, marginal + 1)
    np.testing.assert_allclose([-dv, -nwj], TRUTH, rtol=0.02)


def test_donsker_varadhan_is_the_tighter_bound(rng: np.random.Generator) -> None:
    joint, marginal = rng.normal(size=(2, 50, 30))
    with jax.enable_x64(True):
        dv = np.asarray(jaxloss.donsker_varadhan_loss(joint, marginal, reduction="none"))
        each = lambda u, v: np.asarray(jaxloss.nwj_loss(u, v, reduction="none")).mean(-1)
        shift = 1 - np.log(np.exp(marginal).mean(-1, keepdims=True))
        nwj, best = each(joint, marginal), each(joint + shift, marginal + shift)
    assert np.all(dv <= nwj + 1e-12)
    np.testing.assert_allclose(best, dv, rtol=1e-10)


def test_the_gradient_of_mine_is_that_of_a_shifted_nwj(rng: np.random.Generator) -> None:
    """Of ``-(mean(t) - mean(exp(t')) / ma)`` with a running mean ``ma`` that is held constant."""
    torch = pytest.importorskip("torch")
    joint, marginal = rng.normal(size=(2, 30))
    u, v = (torch.tensor(x, requires_grad=True) for x in (joint, marginal))
    (-(torch.mean(u) - torch.mean(torch.exp(v)) / 1.7)).backward()
    with jax.enable_x64(True):
        loss = lambda u, v: jaxloss.nwj_loss(u, v + 1 - jnp.log(1.7))
        slopes = jax.grad(loss, (0, 1))(jnp.asarray(joint), jnp.asarray(marginal))
    for ours, theirs in zip(slopes, (u, v), strict=True):
        np.testing.assert_allclose(ours, theirs.grad.numpy(), rtol=1e-10)


def test_club_is_an_upper_bound(scores, rng: np.random.Generator) -> None:
    """With the true conditional density, of joint samples less shuffled ones."""
    joint, marginal = scores
    with jax.enable_x64(True):
        club = -float(jaxloss.gan_wasserstein_discriminator_loss(joint, marginal))
    assert club > TRUTH


def test_a_critic_learns_the_mutual_information(rng: np.random.Generator) -> None:
    """A quadratic critic, by gradient descent on Donsker-Varadhan."""
    x, noise, other = rng.normal(size=(3, 2000)).astype(np.float32)
    y = np.float32(CORRELATION) * x + np.float32(np.sqrt(1 - CORRELATION**2)) * noise
    features = lambda x, y: jnp.stack([x * y, x**2, y**2], axis=-1)
    joint, marginal = features(x, y), features(x, other)

    def loss(w):
        return jaxloss.donsker_varadhan_loss(joint @ w, marginal @ w)

    w = jax.jit(lambda w: jax.lax.fori_loop(0, 800, lambda _, w: w - 0.05 * jax.grad(loss)(w), w))(jnp.zeros(3))
    np.testing.assert_allclose(-loss(w), TRUTH, atol=0.08)
