"""Distances to boundaries against SciPy and MONAI, the losses built on them, and pixels that do not exist."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

import jaxloss
from tests.cases.vision.distance_weighted import hausdorff

B = 2
IMAGE, VOLUME = (9, 11), (5, 6, 7)
SIZES = pytest.mark.parametrize("pixels", [IMAGE, VOLUME, (6,)], ids=["image", "volume", "line"])


def masks(rng: np.random.Generator, *shape: int, share: float = 0.6) -> np.ndarray:
    return rng.uniform(size=shape) < share


def probabilities(rng: np.random.Generator, *shape: int) -> tuple[np.ndarray, np.ndarray]:
    """A blurred prediction and a blob."""
    smooth = scipy.ndimage.gaussian_filter(rng.uniform(size=shape), 1.0, axes=range(2, len(shape)))
    targets = smooth > np.median(smooth)
    return np.clip(smooth + 0.3 * rng.normal(size=shape), 0.0, 1.0), targets.astype(float)


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


# ---- distances ------------------------------------------------------------------------------------------------


@SIZES
@pytest.mark.parametrize("anisotropic", [False, True])
def test_distances_equal_those_of_scipy(rng: np.random.Generator, pixels: tuple[int, ...], anisotropic: bool) -> None:
    for share in (0.1, 0.6, 0.95):
        mask = masks(rng, 4, *pixels, share=share)
        mask[:, *(0 for _ in pixels)] = False
        spacing = rng.uniform(0.2, 3.0, len(pixels)) if anisotropic else 1.0
        with jax.enable_x64(True):
            found = jaxloss.distance_transform(mask, pixel_ndim=len(pixels), spacing=jnp.asarray(spacing))
        expected = [scipy.ndimage.distance_transform_edt(one, sampling=spacing) for one in mask]
        np.testing.assert_allclose(found, expected, rtol=1e-14 if anisotropic else 0)
        found = jaxloss.distance_transform(mask, pixel_ndim=len(pixels), spacing=jnp.asarray(spacing, jnp.float32))
        np.testing.assert_allclose(found, expected, rtol=3e-7)


def test_a_long_line_is_not_longer_than_it_is() -> None:
    """Lines in blocks, the last of which is not full."""
    mask = np.ones((1001, 3), bool)
    mask[0, 0] = False
    expected = np.hypot(*np.mgrid[:1001, :3]).astype(np.float32)
    np.testing.assert_array_equal(jaxloss.distance_transform(mask, pixel_ndim=2), expected)


def test_nothing_outside_is_infinitely_far() -> None:
    found = jaxloss.distance_transform(np.ones((2, 3), bool), pixel_ndim=2)
    assert np.all(np.isinf(found))
    for full in (False, True):
        assert not np.any(jaxloss.signed_distance_map(np.full((2, 3), full), pixel_ndim=2))


def test_a_missing_pixel_is_on_no_side(rng: np.random.Generator) -> None:
    mask, where = masks(rng, *IMAGE), masks(rng, *IMAGE, share=0.7)
    outside = np.argwhere(~mask & where)
    expected = [np.linalg.norm(outside - i, axis=-1).min() * where[i] * mask[i] for i in np.ndindex(*IMAGE)]
    found = jaxloss.distance_transform(mask, pixel_ndim=2, where=where)
    np.testing.assert_allclose(found, np.reshape(expected, IMAGE), rtol=3e-7)
    # Beyond the edge is nothing either: pixels masked along an edge, or cut off.
    where = np.arange(IMAGE[1]) < 8
    found = jaxloss.signed_distance_map(mask, pixel_ndim=2, where=where[None])[:, :8]
    np.testing.assert_array_equal(found, jaxloss.signed_distance_map(mask[:, :8], pixel_ndim=2))


def test_the_refusals_of_distances_say_what_to_do(rng: np.random.Generator) -> None:
    mask = masks(rng, *IMAGE)
    with pytest.raises(TypeError, match="masks == 1"):
        jaxloss.distance_transform(mask.astype(float), pixel_ndim=2)
    with pytest.raises(ValueError, match="one number per axis"):
        jaxloss.distance_transform(mask, pixel_ndim=2, spacing=jnp.ones(3))
    with pytest.raises(ValueError, match="spacing must be > 0"):
        jaxloss.signed_distance_map(mask, pixel_ndim=2, spacing=[1.0, 0.0])
    with pytest.raises(ValueError, match="channel"):
        jaxloss.distance_transform(mask[..., None], pixel_ndim=2)


def test_a_traced_spacing_is_one_program(rng: np.random.Generator) -> None:
    mask = masks(rng, *IMAGE)
    sweep = jax.vmap(lambda s: jaxloss.signed_distance_map(mask, pixel_ndim=2, spacing=s))
    found = sweep(jnp.array([[1.0, 1.0], [0.5, 2.0]]))
    np.testing.assert_array_equal(found[0], jaxloss.signed_distance_map(mask, pixel_ndim=2))
    np.testing.assert_array_equal(found[1], jaxloss.signed_distance_map(mask, pixel_ndim=2, spacing=[0.5, 2.0]))


@SIZES
def test_the_signed_map_of_monai(torch, rng: np.random.Generator, pixels: tuple[int, ...]) -> None:
    if len(pixels) < 2:
        pytest.skip("MONAI has images and volumes")
    losses = pytest.importorskip("monai.losses")
    targets = masks(rng, B, 3, *pixels)
    targets[0, 1], targets[1, 2] = False, True
    expected = losses.BoundaryLoss().compute_distance_map(torch.tensor(targets))
    found = jaxloss.signed_distance_map(targets, pixel_ndim=len(pixels))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


# ---- losses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pixels", [IMAGE, VOLUME], ids=["image", "volume"])
def test_losses_of_monai(torch, rng: np.random.Generator, pixels: tuple[int, ...]) -> None:
    losses = pytest.importorskip("monai.losses")
    probs, targets = probabilities(rng, B, 3, *pixels)
    targets[0, 1] = 0
    theirs = [torch.tensor(x) for x in (probs, targets)]
    with jax.enable_x64(True):
        distances = jaxloss.signed_distance_map(targets[:, 1:] > 0.5, pixel_ndim=len(pixels))
        expected = losses.BoundaryLoss(include_background=False)(*theirs).item()
        np.testing.assert_allclose(jaxloss.boundary_loss(probs[:, 1:], distances), expected, rtol=1e-6)
        found = jaxloss.hausdorff_distance_transform_loss(
            probs[:, 1:], targets[:, 1:], pixel_ndim=len(pixels), alpha=1.5
        )
        expected = losses.HausdorffDTLoss(alpha=1.5)(*theirs).item()
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        np.testing.assert_allclose(jnp.log1p(found), losses.LogHausdorffDTLoss(alpha=1.5)(*theirs).item(), rtol=1e-6)


@pytest.mark.parametrize("pixels", [IMAGE, VOLUME], ids=["image", "volume"])
def test_losses_of_kornia(torch, rng: np.random.Generator, pixels: tuple[int, ...]) -> None:
    losses = pytest.importorskip("kornia.losses")
    labels = (np.indices(pixels).sum(0) // 5 % 3)[None].repeat(B, 0)
    targets = np.moveaxis(np.eye(3)[labels], -1, 1)
    probs = 0.05 + 0.9 * np.roll(targets, 4, -1) + 0.04 * rng.uniform(-1, 1, targets.shape)
    loss = (losses.HausdorffERLoss if len(pixels) == 2 else losses.HausdorffERLoss3D)(alpha=1.5, k=4)
    theirs = torch.tensor(probs, requires_grad=True)
    expected = loss(theirs, torch.tensor(labels)[:, None])
    expected.backward()
    ours = lambda x: jaxloss.hausdorff_erosion_loss(x, targets, pixel_ndim=len(pixels), num_erosions=4, alpha=1.5)
    with jax.enable_x64(True):
        found, slope = jax.jit(jax.value_and_grad(ours))(jnp.asarray(probs))
    assert float(found) > 0.05
    np.testing.assert_allclose(found, expected.item(), rtol=1e-6)  # its kernel is float32
    np.testing.assert_allclose(slope, theirs.grad, rtol=1e-5, atol=1e-6)


def test_anisotropic_volumes(rng: np.random.Generator) -> None:
    probs, targets = probabilities(rng, B, 2, *VOLUME)
    spacing = np.array([0.5, 1.0, 3.0])
    with jax.enable_x64(True):
        loss = jaxloss.hausdorff_distance_transform_loss
        found = loss(probs, targets, pixel_ndim=3, spacing=spacing, reduction="none")
    np.testing.assert_allclose(found, hausdorff(probs, targets, 3, spacing=spacing), rtol=1e-12)


@pytest.mark.parametrize("name", ["hausdorff_distance_transform_loss", "hausdorff_erosion_loss"])
def test_pixels_masked_along_an_edge_are_cut_off(rng: np.random.Generator, name: str) -> None:
    loss = getattr(jaxloss, name)
    probs, targets = np.ones((B, 8, 9)), masks(rng, B, 8, 9, share=0.05).astype(float)
    probs[:, :2] = 0.4
    weights = rng.uniform(0.5, 2.0, probs.shape)
    where = np.zeros((1, 8, 9), bool)
    where[:, 1:, :7] = True

    def whole(probs, tail):
        return loss(probs, targets, pixel_ndim=2, **tail)

    expected, slope = jax.value_and_grad(
        lambda p: loss(p, targets[:, 1:, :7], pixel_ndim=2, weights=weights[:, 1:, :7])
    )(jnp.asarray(probs[:, 1:, :7]))
    assert expected > 0
    for tail in ({"where": where, "weights": weights}, {"weights": weights * where}):
        found, whole_slope = jax.value_and_grad(whole)(jnp.asarray(probs), tail)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        np.testing.assert_allclose(whole_slope[:, 1:, :7], slope, rtol=1e-5, atol=1e-9)
        assert not np.any(np.where(where, 0, whole_slope))


def test_a_pixel_that_is_missing_inside_is_on_no_side(rng: np.random.Generator) -> None:
    """A target of one pixel that does not exist has no boundary, and the distances of others go past it."""
    targets = np.zeros(IMAGE)
    targets[4, 5] = 1
    where = targets == 0
    probs = np.full(IMAGE, 0.2)
    loss = lambda tail: jaxloss.hausdorff_distance_transform_loss(probs, targets, pixel_ndim=2, **tail)
    assert loss({"where": where}) == 0
    distances = np.linalg.norm(np.argwhere(np.ones(IMAGE)) - [4, 5], axis=-1)
    others = distances.ravel()[np.arange(targets.size) != 4 * IMAGE[1] + 5]
    expected = (0.04 * np.sum(others**2) + 0.64) / targets.size
    np.testing.assert_allclose(loss({}), expected, rtol=1e-6)


@pytest.mark.parametrize("empty", [0.0, 1.0])
def test_masks_without_a_boundary(empty: float) -> None:
    """Nothing to measure from: no cost, except where the prediction has a boundary of its own."""
    targets = jnp.full(IMAGE, empty)
    loss = lambda p: jaxloss.hausdorff_distance_transform_loss(p, targets, pixel_ndim=2)
    soft = jnp.full(IMAGE, 0.4 + 0.2 * empty)
    assert loss(soft) == 0
    assert not np.any(jax.grad(loss)(soft))
    blob = soft.at[2:4, 2:4].set(0.8 - 0.6 * empty)
    assert loss(blob) > 0
    assert np.all(np.isfinite(jax.grad(loss)(blob)))


def test_an_error_far_from_the_target_costs_more() -> None:
    """What overlap cannot see; the boundary loss is least where the prediction is the target."""
    target = np.zeros((16, 16))
    target[3:7, 3:7] = 1
    near, far = target.copy(), target.copy()
    near[7, 7], far[14, 14] = 1, 1
    distances = jaxloss.signed_distance_map(target > 0.5, pixel_ndim=2)
    scores = [jaxloss.boundary_loss(x, distances) for x in (target, near, far)]
    assert scores[0] < scores[1] < scores[2] < 0.1
    assert scores[0] < 0
    scores = [jaxloss.hausdorff_distance_transform_loss(x, target, pixel_ndim=2) for x in (target, near, far)]
    assert 0 == scores[0] < 40 * scores[1] < scores[2]


def test_training_removes_a_false_alarm_far_away() -> None:
    """Dice alone weights two wrong regions of one size alike; the Hausdorff loss removes the far one first."""
    target = np.zeros((16, 16))
    target[2:6, 2:6] = 1
    start = 4 * target - 2
    start[2:6, 6] = start[12:16, 14] = 2.0

    def loss(logits):
        probs = jax.nn.sigmoid(logits)
        return jaxloss.dice_loss(probs, target, pixel_ndim=2) + jaxloss.hausdorff_distance_transform_loss(
            probs, target, pixel_ndim=2
        )

    step = jax.jit(lambda z: z - 10.0 * jax.grad(loss)(z))
    logits = jnp.asarray(start, jnp.float32)
    for _ in range(10):
        logits = step(logits)
    assert np.all(logits[12:16, 14] < 0)
    assert np.all(logits[2:6, 6] > 0)
