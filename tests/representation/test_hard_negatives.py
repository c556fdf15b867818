"""What the laws do not see of contrast with hard negatives: its authors' code, and the losses that it ends in."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


@pytest.fixture
def views(rng):
    return rng.normal(size=(2, 5, 4))


@pytest.mark.parametrize("prior", [0.0, 0.1, 0.6], ids=lambda p: f"prior {p}")
@pytest.mark.parametrize("beta", [0.0, 1.5], ids=lambda b: f"hardness {b}")
def test_equals_the_code_of_its_authors(views, beta, prior):
    """Value and gradient; with the large prior some of the sums are at their floor."""
    torch = pytest.importorskip("torch")
    given = [torch.tensor(x, requires_grad=True) for x in views]
    first, second = (torch.nn.functional.normalize(x, dim=-1) for x in given)
    out = torch.cat([first, second])
    negatives = torch.exp(out @ out.T / 0.5)
    mask = ~torch.eye(5, dtype=torch.bool).repeat(2, 2)
    negatives = negatives.masked_select(mask).view(10, -1)
    positives = torch.exp(torch.sum(first * second, dim=-1) / 0.5).repeat(2)
    weights = (beta * negatives.log()).exp()
    reweighted = (weights * negatives).sum(dim=-1) / weights.mean(dim=-1)
    rest = (-prior * 8 * positives + reweighted) / (1 - prior)
    rest = torch.clamp(rest, min=8 * np.exp(-1 / 0.5))
    theirs = -torch.log(positives / (positives + rest)).mean()
    theirs.backward()

    def loss(x, y):
        both, labels = jnp.concatenate([x, y]), np.tile(np.arange(5), 2)
        return jaxloss.hard_negative_contrastive_loss(both, labels, hardness=beta, class_prior=prior)

    with jax.enable_x64(True):
        value, slopes = jax.value_and_grad(loss, (0, 1))(*map(jnp.asarray, views))
    np.testing.assert_allclose(value, float(theirs.detach()), rtol=1e-10)
    for ours, x in zip(slopes, given, strict=True):
        np.testing.assert_allclose(ours, x.grad.numpy(), rtol=1e-8, atol=1e-12)


def test_without_corrections_it_is_ntxent(rng):
    """With three and more examples of a label too."""
    x, labels = rng.normal(size=(9, 4)), np.array([0, 0, 0, 1, 1, 2, 2, 2, 2])
    with jax.enable_x64(True):
        options = {"temperature": 0.2, "hardness": 0.0, "class_prior": 0.0}
        ours = jaxloss.hard_negative_contrastive_loss(x, labels, **options, reduction="none")
        np.testing.assert_allclose(ours, jaxloss.ntxent(x, labels, temperature=0.2, reduction="none"), rtol=1e-11)


def test_the_hardest_negative_is_all_in_the_limit(rng):
    x, labels = rng.normal(size=(6, 4)), np.repeat(np.arange(3), 2)
    unit = x / np.linalg.norm(x, axis=-1, keepdims=True)
    s = unit @ unit.T / 0.5
    far = labels[:, None] != labels
    peak = np.max(np.where(far, s, -np.inf), axis=-1) + np.log(4)
    own = s[np.arange(6), np.arange(6) ^ 1]
    with jax.enable_x64(True):
        ours = jaxloss.hard_negative_contrastive_loss(x, labels, hardness=1e4, class_prior=0.0, reduction="none")
    np.testing.assert_allclose(ours, np.logaddexp(0, peak - own), rtol=1e-3)


@pytest.mark.parametrize("prior", [0.0, 0.3])
def test_small_temperatures_do_not_overflow(rng, prior):
    """Exponents of +-1000, at which the authors' exponentials are infinite."""
    x, labels = jnp.asarray(rng.normal(size=(6, 4)), jnp.float32), np.repeat(np.arange(3), 2)
    loss = lambda x, t, p: jaxloss.hard_negative_contrastive_loss(x, labels, temperature=t, class_prior=p)
    value, slopes = jax.value_and_grad(loss, (0, 1, 2))(x, jnp.float32(1e-3), jnp.float32(prior))
    assert np.isfinite(value)
    assert all(np.all(np.isfinite(slope)) for slope in slopes)
