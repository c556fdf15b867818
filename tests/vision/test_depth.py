"""Losses of depth against other packages, the identities of their papers, and what the laws cannot see."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from tests.cases.vision.depth_gradients import matching
from tests.cases.vision.log_depth import silog
from tests.cases.vision.reprojection import photometric

B, H, W = 2, 5, 6


def maps(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Positive depths and predictions of them."""
    targets = rng.uniform(0.5, 20.0, (B, H, W))
    return targets * np.exp(0.3 * rng.normal(size=targets.shape)), targets


# ---- logarithmic errors ---------------------------------------------------------------------------------------


def test_silog_is_that_of_published_code(rng: np.random.Generator) -> None:
    """BTS and AdaBins: ten times the root over all pixels that have a depth, with a factor of 0.85."""
    x, y = maps(rng)
    y[:, 0, :2] = 0
    valid = y > 0
    g = np.log(x[valid]) - np.log(y[valid])
    with jax.enable_x64(True):
        actual = 10 * jaxloss.root_scale_invariant_log_error(x, y, pixel_ndim=3, where=valid)
    np.testing.assert_allclose(actual, 10 * np.sqrt((g**2).mean() - 0.85 * g.mean() ** 2), rtol=1e-12)


def test_limits_of_the_focus(rng: np.random.Generator) -> None:
    x, y = maps(rng)
    with jax.enable_x64(True):
        of = lambda focus, x: jaxloss.scale_invariant_log_error(x, y, pixel_ndim=2, variance_focus=focus)
        np.testing.assert_allclose(of(0.0, x), np.mean((np.log(x) - np.log(y)) ** 2), rtol=1e-12)
        np.testing.assert_allclose(of(1.0, 7.0 * x), of(1.0, x), rtol=1e-12)
        assert of(0.5, 7.0 * x) > of(0.5, x)


def test_pools_of_images_and_of_a_batch(rng: np.random.Generator) -> None:
    x, y = maps(rng)
    flat = [z.reshape(B, H * W) for z in (x, y)]
    with jax.enable_x64(True):
        each = jaxloss.scale_invariant_log_error(x, y, pixel_ndim=2, reduction="none")
        np.testing.assert_allclose(each, silog(*flat), rtol=1e-12)
        whole = jaxloss.scale_invariant_log_error(x, y, pixel_ndim=3)
        np.testing.assert_allclose(whole, silog(*(z.reshape(1, -1) for z in (x, y)))[0], rtol=1e-12)
    with pytest.raises(ValueError, match="seems to be a channel"):
        jaxloss.scale_invariant_log_error(x[..., None], y[..., None], pixel_ndim=2)


def test_a_root_has_no_infinite_slope(rng: np.random.Generator) -> None:
    """The bare root of published code has one at a perfect fit, and at a map that is wrong by a factor only."""
    y = jnp.asarray(maps(rng)[1], jnp.float32)
    for x, focus in ((y, 0.85), (y * (1 + 1e-6), 1.0), (2 * y, 1.0)):
        slope = jax.grad(lambda x: jaxloss.root_scale_invariant_log_error(x, y, pixel_ndim=2, variance_focus=focus))(x)
        assert np.all(np.isfinite(slope))
        assert np.max(np.abs(slope)) < 1
    np.testing.assert_array_equal(
        jax.grad(lambda x: jaxloss.root_scale_invariant_log_error(x, y, pixel_ndim=2))(y), jnp.zeros_like(y)
    )


# ---- alignment ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scale", "shift"), [(3.0, -2.0), (-0.25, 10.0), (1e-3, 1e3)])
def test_scale_and_shift_do_not_count(rng: np.random.Generator, scale: float, shift: float) -> None:
    x, y = maps(rng)
    with jax.enable_x64(True):
        loss = lambda x: jaxloss.scale_and_shift_invariant_loss(x, y, pixel_ndim=2, where=y > 2)
        np.testing.assert_allclose(loss(scale * x + shift), loss(x), rtol=1e-9)
        assert loss(scale * y + shift) < 1e-20
        slope = jax.grad(loss)(jnp.asarray(x))
        for constant in (slope, slope * x):
            np.testing.assert_allclose(jnp.sum(constant, (-2, -1)), 0, atol=1e-12)


def test_loss_is_half_the_unexplained_variance(rng: np.random.Generator) -> None:
    x, y = maps(rng)
    with jax.enable_x64(True):
        actual = jaxloss.scale_and_shift_invariant_loss(x, y, pixel_ndim=2, reduction="none")
    expected = [0.5 * b.var() * (1 - np.corrcoef(a.ravel(), b.ravel())[0, 1] ** 2) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


def test_alignment_is_weighted_least_squares(rng: np.random.Generator) -> None:
    x, y = maps(rng)
    weights, keep = rng.uniform(0.5, 2.0, y.shape), rng.uniform(size=y.shape) < 0.7
    with jax.enable_x64(True):
        args = {"pixel_ndim": 2, "where": keep, "weights": weights}
        aligned = np.asarray(jaxloss.align_scale_and_shift(np.where(keep, x, np.nan), y, **args))
        loss = jaxloss.scale_and_shift_invariant_loss(x, y, **args, reduction="none")
    for k in range(B):
        a, b, w = x[k][keep[k]], y[k][keep[k]], weights[k][keep[k]]
        columns, root = np.stack([a, np.ones_like(a)], -1), np.sqrt(w)
        fit = columns @ np.linalg.lstsq(columns * root[:, None], b * root, rcond=None)[0]
        np.testing.assert_allclose(aligned[k][keep[k]], fit, rtol=1e-10)
        np.testing.assert_allclose(loss[k], 0.5 * np.average((fit - b) ** 2, weights=w), rtol=1e-10)
    assert np.all(aligned[~keep] == 0)


def test_constant_maps_have_no_scale(rng: np.random.Generator) -> None:
    """MiDaS's code sets the shift to 0 as well; here the mean of the targets is left."""
    y = jnp.asarray(maps(rng)[1], jnp.float32)
    for constant in (0.0, 0.3, 1e6):
        x = jnp.full_like(y, constant)
        value, slope = jax.value_and_grad(lambda x: jaxloss.scale_and_shift_invariant_loss(x, y, pixel_ndim=2))(x)
        np.testing.assert_allclose(value, 0.5 * np.var(y, axis=(1, 2)).mean(), rtol=1e-5)
        np.testing.assert_array_equal(slope, jnp.zeros_like(y))
        np.testing.assert_allclose(
            jaxloss.align_scale_and_shift(x, y, pixel_ndim=2)[0], jnp.full((H, W), np.mean(y[0])), rtol=1e-5
        )


def test_the_whole_loss_of_midas(rng: np.random.Generator) -> None:
    """Data term and half of the gradients, of aligned maps: neither depends on scale and shift."""
    x, y = maps(rng)
    valid = rng.uniform(size=y.shape) < 0.8

    def loss(x):
        aligned = jaxloss.align_scale_and_shift(x, y, pixel_ndim=2, where=valid)
        smooth = jaxloss.depth_gradient_matching_loss(aligned, y, valid, scales=2)
        return jaxloss.scale_and_shift_invariant_loss(x, y, pixel_ndim=2, where=valid) + 0.5 * smooth

    with jax.enable_x64(True):
        np.testing.assert_allclose(loss(5 * x - 3), loss(x), rtol=1e-10)
        assert np.all(np.isfinite(jax.grad(loss)(jnp.asarray(x))))


# ---- gradients of maps ----------------------------------------------------------------------------------------


def test_pixels_that_are_not_valid_are_inert(rng: np.random.Generator) -> None:
    x, y = maps(rng)
    valid = rng.uniform(size=y.shape) < 0.6
    loss = lambda x, y: jaxloss.depth_gradient_matching_loss(x, y, valid, scales=3, reduction="none")
    with jax.enable_x64(True):
        actual = loss(*(np.where(valid, z, np.nan) for z in (x, y)))
        np.testing.assert_allclose(actual, matching(x, y, valid, scales=3), rtol=1e-12)
        slope = jax.grad(lambda x: jnp.sum(loss(x, jnp.where(valid, y, jnp.inf))))(jnp.where(valid, x, jnp.nan))
        slope = np.asarray(slope)
    assert np.all(np.isfinite(slope))
    assert np.all(slope[~valid] == 0)


def test_smoothness_equals_kornia(rng: np.random.Generator) -> None:
    torch, kornia = pytest.importorskip("torch"), pytest.importorskip("kornia.losses")
    depth, images = rng.normal(size=(B, H, W)), rng.uniform(size=(B, H, W, 3))
    theirs = kornia.inverse_depth_smoothness_loss(
        torch.tensor(depth)[:, None], torch.tensor(images).permute(0, 3, 1, 2)
    )
    with jax.enable_x64(True):
        np.testing.assert_allclose(jaxloss.edge_aware_smoothness_loss(depth, images), theirs, rtol=1e-12)


def test_smoothness_is_cheap_at_edges() -> None:
    step = jnp.broadcast_to(jnp.repeat(jnp.arange(2.0), 4), (4, 8))
    image = step[..., None]
    flat = jnp.zeros_like(image)
    at_edge, elsewhere = (jaxloss.edge_aware_smoothness_loss(step, i) for i in (image, flat))
    np.testing.assert_allclose(at_edge, np.exp(-1) * elsewhere, rtol=1e-6)


# ---- reprojection ---------------------------------------------------------------------------------------------


def test_the_best_frame_counts_at_every_pixel(rng: np.random.Generator) -> None:
    frames, target = rng.uniform(size=(B, 3, H, W, 2)), rng.uniform(size=(B, H, W, 2))
    with jax.enable_x64(True):
        actual = np.asarray(jaxloss.photometric_reprojection_loss(frames, target, data_range=1.0, reduction="none"))
        np.testing.assert_allclose(actual, photometric(frames, target, 1.0), rtol=1e-12)
        each = [jaxloss.photometric_reprojection_loss(frames[:, k : k + 1], target, data_range=1.0) for k in range(3)]
    assert np.mean(actual) < min(map(float, each))


def test_still_frames_mask_what_does_not_move(rng: np.random.Generator) -> None:
    """Monodepth2's automatic mask: where the frame that is not warped is nearer, the warped one has no gradient."""
    target = jnp.asarray(rng.uniform(size=(6, 6, 1)), jnp.float32)
    warped, still = target + 0.2, target.at[:, 3:].add(0.4)
    loss = lambda warped: jaxloss.photometric_reprojection_loss(
        jnp.stack([warped, still]), target, data_range=1.0, ssim_weight=0.0
    )
    slope = jax.grad(loss)(warped)
    assert np.all(slope[:, :3] == 0)
    assert np.all(slope[:, 3:] > 0)


def test_units_of_images_do_not_count(rng: np.random.Generator) -> None:
    frames, target = rng.uniform(size=(B, 2, H, W, 2)), rng.uniform(size=(B, H, W, 2))
    with jax.enable_x64(True):
        bytes_ = jaxloss.photometric_reprojection_loss(255 * frames, 255 * target, data_range=255.0)
        np.testing.assert_allclose(
            bytes_, jaxloss.photometric_reprojection_loss(frames, target, data_range=1.0), rtol=1e-12
        )
    with pytest.raises(ValueError, match="without the axis of the frames"):
        jaxloss.photometric_reprojection_loss(frames[:, 0], target, data_range=1.0)
