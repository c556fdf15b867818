"""Matthews correlation against MONAI and scikit-learn, and compositions: unified focal losses, deep supervision."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

B, H, W, K = 2, 6, 7, 3


def masks(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return 2 * rng.normal(size=(B, H, W)), rng.integers(0, 2, (B, H, W)).astype(float)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.mark.parametrize("batch", [False, True], ids=["per image", "per batch"])
def test_matthews_correlation_of_monai(torch, rng: np.random.Generator, batch: bool) -> None:
    losses = pytest.importorskip("monai.losses")
    logits, targets = masks(rng)
    options = {"smooth_dr": 0.0, "batch": batch}
    share = {"pixel_ndim": 3 if batch else 2, "smoothing": 0.0}
    expected = losses.MCCLoss(sigmoid=True, **options)(*(torch.tensor(x)[:, None] for x in (logits, targets))).item()
    scores, labels = 2 * rng.normal(size=(B, H, W, K)), rng.integers(0, K, (B, H, W))
    theirs = losses.MCCLoss(softmax=True, to_onehot_y=True, **options)
    of_classes = theirs(torch.tensor(np.moveaxis(scores, -1, 1)), torch.tensor(labels)[:, None]).item()
    with jax.enable_x64(True):
        np.testing.assert_allclose(jaxloss.sigmoid_mcc_loss(logits, targets, **share), expected, rtol=1e-12)
        np.testing.assert_allclose(jaxloss.mcc_loss(sigmoid(logits), targets, **share), expected, rtol=1e-12)
        np.testing.assert_allclose(jaxloss.softmax_mcc_loss(scores, labels, **share), of_classes, rtol=1e-6)


def test_matthews_correlation_of_decisions(rng: np.random.Generator) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    bits, targets = rng.integers(0, 2, (2, 50))
    found = jaxloss.mcc_loss(bits.astype(np.float32), targets, pixel_ndim=1, smoothing=0.0)
    np.testing.assert_allclose(found, 1 - metrics.matthews_corrcoef(targets, bits), rtol=1e-6)
    opposite = jaxloss.mcc_loss(1.0 - targets, targets, pixel_ndim=1, smoothing=0.0)
    np.testing.assert_allclose(opposite, 2, rtol=1e-6)


@pytest.mark.parametrize("full", [0.0, 1.0], ids=["empty", "full"])
def test_masks_of_one_kind(full: float) -> None:
    """The margins vanish: 1 for any error without smoothing, a slope towards none with it."""
    targets, wrong = jnp.full(10, full), jnp.full(10, full).at[:2].set(0.5)
    loss = lambda p, s: jaxloss.mcc_loss(p, targets, pixel_ndim=1, smoothing=s)
    assert loss(targets, 0.0) == loss(targets, 1e-5) == 0
    assert loss(wrong, 0.0) == 1
    assert not np.any(jax.grad(loss)(targets, 0.0))
    slope = jax.grad(loss)(wrong, 0.01)
    assert np.all((slope * (1 - 2 * full))[:2] > 0)
    fewer = wrong.at[0].set(full)
    assert 0 < loss(fewer, 0.01) < loss(wrong, 0.01) < 1


def test_a_mask_and_its_complement_count_alike(rng: np.random.Generator) -> None:
    logits, targets = masks(rng)
    loss = jaxloss.sigmoid_mcc_loss
    np.testing.assert_allclose(loss(logits, targets, pixel_ndim=2), loss(-logits, 1 - targets, pixel_ndim=2), rtol=1e-5)


# ---- compositions -----------------------------------------------------------------------------------------------


def test_asymmetric_unified_focal_loss_of_monai(torch, rng: np.random.Generator) -> None:
    """It takes probabilities, whatever its documentation says."""
    losses = pytest.importorskip("monai.losses")
    logits, targets = masks(rng)
    loss = losses.AsymmetricUnifiedFocalLoss(weight=0.3, gamma=0.4, delta=0.7)
    expected = loss(torch.tensor(sigmoid(logits))[:, None], torch.tensor(targets)[:, None]).item()
    prices = {"pixel_ndim": 2, "alpha": 0.3, "beta": 0.7, "smoothing": 0.0}
    with jax.enable_x64(True):
        focal = jaxloss.asymmetric_multilabel_loss(
            logits[..., None], targets[..., None], gamma_positive=0.0, gamma_negative=0.4, clip=0.0,
            weights=np.where(targets == 1, 0.7, 0.3), reduction=jaxloss.reductions.mean_over(2 * logits.size),
        )  # fmt: skip
        inside = jaxloss.sigmoid_tversky_loss(logits, targets, gamma=0.6, **prices)
        outside = jaxloss.sigmoid_tversky_loss(-logits, 1 - targets, **prices)
        found = 0.3 * focal + 0.7 * (inside + outside) / 2
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("mode", ["exp", "two", "same"])
def test_deep_supervision_of_monai(torch, rng: np.random.Generator, mode: str) -> None:
    """A sum over the levels of a decoder, with the target at the size of each."""
    losses = pytest.importorskip("monai.losses")
    targets = rng.integers(0, 2, (B, 8, 12)).astype(float)
    levels = [2 * rng.normal(size=(B, 8 // 2**k, 12 // 2**k)) for k in range(3)]
    dice = losses.DiceLoss(sigmoid=True, smooth_nr=0, smooth_dr=0)
    theirs = losses.DeepSupervisionLoss(dice, weight_mode=mode)
    expected = theirs([torch.tensor(x)[:, None] for x in levels], torch.tensor(targets)[:, None]).item()
    weights = {"exp": [1, 0.5, 0.25], "two": [1, 0.5, 0.5], "same": [1, 1, 1]}[mode]
    found = sum(
        weight
        * jaxloss.sigmoid_dice_loss(x, jax.image.resize(targets, x.shape, "nearest"), pixel_ndim=2, smoothing=0.0)
        for weight, x in zip(weights, levels, strict=True)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_wasserstein_dice_of_monai(torch, rng: np.random.Generator) -> None:
    losses = pytest.importorskip("monai.losses")
    logits, labels = 2 * rng.normal(size=(B, H, W, K)), rng.integers(0, K, (B, H, W))
    matrix = np.array([[0.0, 2.0, 2.0], [2.0, 0.0, 0.6], [2.0, 0.6, 0.0]])
    theirs = losses.GeneralizedWassersteinDiceLoss(matrix, smooth_nr=0.0, smooth_dr=0.0)
    expected = theirs(torch.tensor(np.moveaxis(logits, -1, 1)), torch.tensor(labels)).item()
    with jax.enable_x64(True):
        found = jaxloss.softmax_wasserstein_dice_loss(
            logits, labels, pixel_ndim=2, distance_matrix=matrix / 2, smoothing=0.0
        )
    np.testing.assert_allclose(found, expected, rtol=1e-6)
