"""Margins that adapt or multiply: parity with pytorch-metric-learning and the authors' code, moments, several centres."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


@pytest.fixture
def batch(rng: np.random.Generator):
    return 2 * rng.normal(size=(12, 6)), rng.integers(0, 5, size=12), rng.normal(size=(6, 5))


def parity(criterion, ours, embeddings, labels) -> None:
    """Values and gradients of embeddings against a loss of pytorch-metric-learning."""
    torch = pytest.importorskip("torch")
    x = torch.tensor(embeddings, requires_grad=True)
    expected = criterion(x, torch.tensor(labels))
    expected.backward()
    with jax.enable_x64(True):
        value, slope = jax.value_and_grad(ours)(jnp.asarray(embeddings))
    np.testing.assert_allclose(value, float(expected.detach()), rtol=1e-9)
    np.testing.assert_allclose(slope, x.grad.numpy(), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("scale", [4.0, 64.0])
def test_sub_centers_are_those_of_pytorch_metric_learning(batch, rng: np.random.Generator, scale: float) -> None:
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    torch = pytest.importorskip("torch")
    embeddings, labels, _ = batch
    kernel = rng.normal(size=(6, 5, 3))
    criterion = losses.SubCenterArcFaceLoss(num_classes=5, embedding_size=6, sub_centers=3, margin=20.0, scale=scale)
    criterion.W.data = torch.tensor(kernel.reshape(6, 15))
    ours = lambda x: jaxloss.sub_center_arcface_loss(x, labels, kernel, margin=np.radians(20.0), scale=scale)
    parity(criterion, ours, embeddings, labels)


@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")
@pytest.mark.parametrize("multiple", [1, 2, 4, 5])
def test_sphereface_is_that_of_pytorch_metric_learning(batch, multiple: int) -> None:
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    torch = pytest.importorskip("torch")
    embeddings, labels, kernel = batch
    criterion = losses.SphereFaceLoss(num_classes=5, embedding_size=6, margin=multiple, scale=1.5)
    criterion.W.data = torch.tensor(kernel)
    ours = lambda x: jaxloss.sphereface_loss(x, labels, kernel, multiple=multiple, scale=1.5)
    parity(criterion, ours, embeddings, labels)


def adaface_of_the_authors(embeddings, labels, kernel, mean, std, m=0.4, h=0.333, s=64.0, t_alpha=0.01):
    """``head.py`` of the authors in NumPy; it moves the moments first."""
    norms = np.clip(np.linalg.norm(embeddings, axis=1, keepdims=True), 0.001, 100)
    cosine = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True) @ (kernel / np.linalg.norm(kernel, axis=0))
    mean = norms.mean() * t_alpha + (1 - t_alpha) * mean
    std = norms.std(ddof=1) * t_alpha + (1 - t_alpha) * std
    scaler = np.clip((norms - mean) / (std + 1e-3) * h, -1, 1)
    one_hot = np.eye(kernel.shape[1])[labels]
    theta = np.clip(np.arccos(cosine) - one_hot * m * scaler, 1e-3, np.pi - 1e-3)
    logits = s * (np.cos(theta) - one_hot * (m + m * scaler))
    peak = logits.max(1)
    losses = peak + np.log(np.exp(logits - peak[:, None]).sum(1)) - np.sum(one_hot * logits, 1)
    return losses.mean(), mean, std


def test_adaface_is_that_of_its_authors_with_the_moments_that_they_moved(batch) -> None:
    embeddings, labels, kernel = batch
    with jax.enable_x64(True):
        state = jaxloss.AdafaceState(jnp.asarray(4.0), jnp.asarray(1.5))
        _, moved = jaxloss.adaface_loss(embeddings, labels, kernel, state)
        value, _ = jaxloss.adaface_loss(embeddings, labels, kernel, moved)
    expected, mean, std = adaface_of_the_authors(embeddings, labels, kernel, 4.0, 1.5)
    np.testing.assert_allclose([moved.mean, moved.std], [mean, std], rtol=1e-12)
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_curricularface_is_that_of_its_authors_with_the_progress_that_they_moved(batch) -> None:
    """``metrics.py`` of the authors in NumPy."""
    embeddings, labels, kernel = batch
    with jax.enable_x64(True):
        state = jaxloss.CurricularfaceState(jnp.asarray(0.3))
        _, moved = jaxloss.curricularface_loss(embeddings, labels, kernel, state)
        value, _ = jaxloss.curricularface_loss(embeddings, labels, kernel, moved)
    cosine = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True) @ (kernel / np.linalg.norm(kernel, axis=0))
    rows = np.arange(len(labels))
    target = cosine[rows, labels][:, None]
    shifted = target * np.cos(0.5) - np.sqrt(1 - target**2) * np.sin(0.5)
    t = target.mean() * 0.01 + 0.99 * 0.3
    logits = np.where(cosine > shifted, cosine * (t + cosine), cosine)
    final = np.where(target > np.cos(np.pi - 0.5), shifted, target - np.sin(np.pi - 0.5) * 0.5)
    logits[rows, labels] = final[:, 0]
    logits *= 64
    expected = np.mean(np.log(np.exp(logits - logits[rows, labels][:, None]).sum(1)))
    np.testing.assert_allclose(moved.progress, t, rtol=1e-12)
    np.testing.assert_allclose(value, expected, rtol=1e-9)


def test_adaface_runs_from_arcface_to_cosface(batch) -> None:
    """A quality of -1 widens the angle by the margin, 0 takes it off the cosine."""
    embeddings, labels, kernel = batch
    with jax.enable_x64(True):
        adaface = lambda mean: jaxloss.adaface_loss(
            embeddings, labels, kernel, jaxloss.AdafaceState(jnp.asarray(mean), jnp.asarray(1e-9)), scale=8.0
        )[0]
        poor = adaface(1e4)
        plain = jaxloss.adaface_loss(embeddings, labels, kernel, jaxloss.init_adaface_loss(), concentration=0.0)[0]
        angles = np.arccos(
            np.sum(embeddings * kernel.T[labels], 1)
            / np.linalg.norm(embeddings, axis=1)
            / np.linalg.norm(kernel.T[labels], axis=1)
        )
        assert np.all(angles < np.pi - 0.4), "beyond, ArcFace goes on in another way"
        np.testing.assert_allclose(poor, jaxloss.arcface_loss(embeddings, labels, kernel, margin=0.4, scale=8.0))
        np.testing.assert_allclose(plain, jaxloss.cosface_loss(embeddings, labels, kernel, margin=0.4))


def test_states_follow_what_is_kept(batch) -> None:
    """Masked examples, one example alone, and a rate of 1."""
    embeddings, labels, kernel = batch
    keep = np.arange(12) % 3 > 0
    spoiled = np.where(keep[:, None], embeddings, np.nan)
    with jax.enable_x64(True):
        start = jaxloss.init_adaface_loss(jnp.float64)
        _, state = jaxloss.adaface_loss(spoiled, labels, kernel, start, rate=1.0, where=keep)
        norms = np.linalg.norm(embeddings[keep], axis=1)
        np.testing.assert_allclose([state.mean, state.std], [norms.mean(), norms.std(ddof=1)], rtol=1e-12)
        _, state = jaxloss.adaface_loss(embeddings, labels, kernel, start, where=np.arange(12) == 4)
        assert state == start
        start = jaxloss.CurricularfaceState(jnp.asarray(0.5))
        _, progress = jaxloss.curricularface_loss(spoiled, labels, kernel, start, rate=1.0, where=keep)
        units = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
        own = np.sum(units * (kernel / np.linalg.norm(kernel, axis=0)).T[labels], 1)
        np.testing.assert_allclose(progress.progress, own[keep].mean(), rtol=1e-12)
        _, progress = jaxloss.curricularface_loss(embeddings, labels, kernel, start, where=False)
        assert progress == start


def test_one_centre_for_each_class_is_arcface(batch) -> None:
    embeddings, labels, kernel = batch
    with jax.enable_x64(True):
        several = jaxloss.sub_center_arcface_loss(embeddings, labels, kernel[..., None], reduction="none")
        repeated = jaxloss.sub_center_arcface_loss(
            embeddings, labels, np.repeat(kernel[..., None], 2, -1), reduction="none"
        )
        one = jaxloss.arcface_loss(embeddings, labels, kernel, reduction="none")
    np.testing.assert_allclose(several, one, rtol=1e-12)
    np.testing.assert_allclose(repeated, one, rtol=1e-12)


def test_only_the_nearest_centre_learns(batch, rng: np.random.Generator) -> None:
    embeddings, labels, _ = batch
    kernel = rng.normal(size=(6, 5, 3))
    slope = jax.grad(lambda w: jaxloss.sub_center_arcface_loss(embeddings[0], labels[0], w, scale=4.0))(
        jnp.asarray(kernel)
    )
    units = kernel / np.linalg.norm(kernel, axis=0)
    nearest = np.argmax(np.einsum("d,dkj->kj", embeddings[0], units), -1)
    moved = np.any(np.asarray(slope) != 0, axis=0)
    np.testing.assert_array_equal(moved, nearest[:, None] == np.arange(3))


def test_sphereface_decreases_smoothly_up_to_the_opposite() -> None:
    """The logit of the true class, against one rival at right angles to the plane of both."""
    angle = np.linspace(0.0, np.pi, 1201)
    embeddings = np.stack([np.cos(angle), np.sin(angle), 0 * angle], -1)
    kernel = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    for multiple in (1, 2, 3, 4):
        with jax.enable_x64(True):
            values = jaxloss.sphereface_loss(
                embeddings, np.zeros(len(angle), int), kernel, multiple=multiple, reduction="none"
            )
        own = -np.log(np.expm1(np.asarray(values)))
        assert np.all(np.diff(own) < 0)
        np.testing.assert_allclose([own[0], own[-1]], [1, 1 - 2 * multiple], atol=1e-9)
        assert np.max(np.abs(np.diff(own, 2))) < 1.1 * (multiple * np.pi / 1200) ** 2, "no kink"
