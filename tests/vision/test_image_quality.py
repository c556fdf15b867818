"""Traps of the losses of image quality and of feature maps, and parity with other packages."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

import jaxloss
from tests.cases.vision._images import gaussian
from tests.cases.vision.gradient_similarity import gmsd
from tests.cases.vision.multi_scale_similarity import ms_ssim_oracle
from tests.cases.vision.signal_to_noise import psnr_oracle
from tests.cases.vision.structural_similarity import ssim_oracle

SSIM = (jaxloss.ssim, jaxloss.ssim_loss)
SMALL = {"data_range": 1.0, "window_size": 3}
SHORT = {**SMALL, "scale_weights": (0.5, 0.5)}


def images(rng: np.random.Generator, *shape: int, noise: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    """An image in [0, 1] that is smooth, as photographs are, and a noisy copy."""
    smooth = scipy.ndimage.gaussian_filter(rng.uniform(size=shape), [0] * (len(shape) - 3) + [1.5, 1.5, 0])
    targets = (smooth - smooth.min()) / np.ptp(smooth)
    return np.clip(targets + noise * rng.normal(size=shape), 0, 1), targets


def at(fn, x, y, **hypers):
    """The loss as one compiled program."""
    return jax.jit(lambda x, y: fn(x, y, **hypers))(jnp.asarray(x), jnp.asarray(y))


def slope(fn, x, y, **hypers):
    return jax.jit(jax.value_and_grad(lambda x: fn(x, y, **hypers)))(jnp.asarray(x, jnp.float32))


# ---- structural similarity ------------------------------------------------------------------------------------


def test_default_constants_are_the_published_ones(rng: np.random.Generator) -> None:
    with jax.enable_x64(True):
        x, y = images(rng, 2, 12, 13, 3)
        for data_range in (1.0, 2.0):
            actual = at(jaxloss.ssim, x, y, data_range=data_range, reduction="none")
            np.testing.assert_allclose(actual, ssim_oracle(x, y, data_range), rtol=1e-12)
        x, y = images(rng, 1, 176, 177, 1)
        actual = at(jaxloss.ms_ssim, x, y, data_range=1.0, reduction="none")
        np.testing.assert_allclose(actual, ms_ssim_oracle(x, y, 1.0), rtol=1e-12)


def test_windows_are_complete_across_tiles(rng: np.random.Generator) -> None:
    """More windows than one matrix product holds, in either axis; and a window larger than a tile."""
    with jax.enable_x64(True):
        for shape, hypers in (((1, 80, 150, 1), {}), ((1, 90, 85, 1), {"window_size": 70, "sigma": 20.0})):
            x, y = images(rng, *shape)
            actual = at(jaxloss.ssim_loss, x, y, data_range=1.0, **hypers)
            np.testing.assert_allclose(actual, 1 - ssim_oracle(x, y, 1.0, **hypers).mean(), rtol=1e-11)


def test_uniform_and_even_windows(rng: np.random.Generator) -> None:
    x, y = images(rng, 1, 9, 10, 1)
    with jax.enable_x64(True):
        actual = at(jaxloss.ssim, x, y, data_range=1.0, window_size=7, sigma=float("inf"))
        assert gaussian(7, float("inf")) == pytest.approx(1 / 49)
        np.testing.assert_allclose(actual, ssim_oracle(x, y, 1.0, window_size=7, sigma=np.inf).mean(), rtol=1e-12)
        actual = at(jaxloss.ssim, x, y, data_range=1.0, window_size=4)
        np.testing.assert_allclose(actual, ssim_oracle(x, y, 1.0, window_size=4).mean(), rtol=1e-12)


def test_data_range_is_the_unit(rng: np.random.Generator) -> None:
    x, y = (jnp.asarray(i, jnp.float32) for i in images(rng, 2, 12, 12, 1))
    for fn in (*SSIM, jaxloss.psnr):
        np.testing.assert_allclose(at(fn, 255 * x, 255 * y, data_range=255), at(fn, x, y, data_range=1.0), rtol=1e-5)
        with pytest.raises(TypeError, match="data_range"):
            fn(x, y)
    bytes_ = jnp.round(255 * y).astype(jnp.uint8)
    assert at(jaxloss.ssim_loss, 255 * x, bytes_, data_range=255) > 0
    with pytest.raises(TypeError, match="predictions must be floating; found uint8"):
        jaxloss.ssim_loss(bytes_, 255 * y, data_range=255)


def test_small_images_are_refused() -> None:
    image = jnp.zeros((2, 10, 20, 3))
    with pytest.raises(ValueError, match="at least 11 by 11 pixels for window_size=11; found 10 by 20"):
        jaxloss.ssim_loss(image, image, data_range=1.0)
    with pytest.raises(ValueError, match="at least 176 by 176 pixels for window_size=11 and 5 scales"):
        jaxloss.ms_ssim_loss(jnp.zeros((175, 176, 1)), jnp.zeros((175, 176, 1)), data_range=1.0)
    with pytest.raises(ValueError, match="at least 6 by 6"):
        jaxloss.ms_ssim_loss(jnp.zeros((5, 6, 1)), jnp.zeros((5, 6, 1)), **SHORT)
    channels_first = jnp.zeros((2, 3, 32, 32))
    with pytest.raises(ValueError, match="height, width, channels"):
        jaxloss.ssim_loss(channels_first, channels_first, data_range=1.0)
    with pytest.raises(ValueError, match="window_size must be a whole number"):
        jaxloss.ssim_loss(image, image, data_range=1.0, window_size=3.0)


def test_constant_images_differ_in_luminance_only() -> None:
    a, b, c1 = 0.3, 0.7, 0.01**2
    x, y = jnp.full((12, 12, 1), a), jnp.full((12, 12, 1), b)
    expected = (a - b) ** 2 / (a**2 + b**2 + c1)
    value, gradient = slope(jaxloss.ssim_loss, x, y, data_range=1.0)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    assert np.all(np.isfinite(gradient))
    whole = (2 * (a - b) * (a**2 + b**2 + c1) - 2 * a * (a - b) ** 2) / (a**2 + b**2 + c1) ** 2
    np.testing.assert_allclose(jnp.sum(gradient), whole, rtol=1e-4)


def test_negative_contrast_counts_as_zero() -> None:
    """A negative base with a fractional exponent is NaN; published code takes 0. Finite gradients, in either case."""
    board = jnp.asarray(np.indices((8, 8)).sum(0)[..., None] % 2.0, jnp.float32)
    assert at(jaxloss.ssim, board, 1 - board, **SMALL) < -0.5
    value, gradient = slope(jaxloss.ms_ssim_loss, board, 1 - board, **SHORT)
    assert value == 1
    np.testing.assert_array_equal(gradient, np.zeros((8, 8, 1)))
    mixed = jnp.concatenate([board, board], axis=-1)
    other = jnp.concatenate([1 - board, board], axis=-1)
    value, gradient = slope(jaxloss.ms_ssim_loss, mixed, other, **SHORT)
    assert value == 0.5
    assert np.all(np.isfinite(gradient))
    ignored = at(jaxloss.ms_ssim_loss, board, 1 - board, **{**SHORT, "scale_weights": (0.0, 1.0)})
    assert ignored < 1, "a scale without weight is not looked at"


@pytest.mark.parametrize(("fn", "hypers"), [(jaxloss.ssim_loss, SMALL), (jaxloss.ms_ssim_loss, SHORT)])
def test_small_losses_keep_their_digits(rng: np.random.Generator, fn, hypers) -> None:
    """Nearly equal images, and images apart by a shift of brightness, where one less the index is only rounding."""
    y = images(rng, 16, 16, 1)[1].astype(np.float32)
    close = y + np.float32(1e-5) * rng.normal(size=y.shape).astype(np.float32)
    shifted = y + np.float32(0.125)
    for prediction, tolerance in ((close, 2e-4), (shifted, 1e-4)):
        narrow, narrow_slope = slope(fn, prediction, y, **hypers)
        with jax.enable_x64(True):
            exact = lambda p: fn(p, jnp.asarray(y, jnp.float64), **hypers)
            results = jax.jit(jax.value_and_grad(exact))(jnp.asarray(prediction, jnp.float64))
            wide, wide_slope = (np.asarray(result) for result in results)
        assert 0 < wide < 0.1
        np.testing.assert_allclose(narrow, wide, rtol=tolerance)
        np.testing.assert_allclose(narrow_slope, wide_slope, atol=1e-3 * np.max(np.abs(wide_slope)))


def test_equals_kornias_map(rng: np.random.Generator) -> None:
    torch, kornia = pytest.importorskip("torch"), pytest.importorskip("kornia.metrics")
    x, y = images(rng, 2, 13, 12, 2)
    first = lambda image: torch.tensor(image).permute(0, 3, 1, 2)
    for data_range, window_size in ((1.0, 11), (2.0, 5)):
        theirs = kornia.ssim(first(x), first(y), window_size, data_range, eps=0.0, padding="valid").mean((1, 2, 3))
        with jax.enable_x64(True):
            ours = at(jaxloss.ssim, x, y, data_range=data_range, window_size=window_size, reduction="none")
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_no_square_overflows() -> None:
    """Images at the top of the dtype have the index of images of a usual size."""
    x = jnp.asarray(np.indices((6, 6)).sum(0)[..., None] % 2.0, jnp.float32)
    y = jnp.asarray(np.indices((6, 6))[0][..., None] % 3.0, jnp.float32)
    for scale in (1e30, 1.7e38):
        for fn in SSIM:
            expected = at(fn, x, y, data_range=2.0, window_size=3, k1=1e-10, k2=1e-10)
            actual = at(fn, scale * x, scale * y, data_range=1.0, window_size=3)
            np.testing.assert_allclose(actual, expected, rtol=1e-5)
    top = jnp.full((3, 3, 1), 3e38)
    np.testing.assert_allclose(at(jaxloss.ssim_loss, top, -top, **SMALL), 2.0, rtol=1e-6)


# ---- gradient similarity --------------------------------------------------------------------------------------


def test_gmsd_is_about_damage_in_some_places(rng: np.random.Generator) -> None:
    """A lower contrast everywhere costs less than one in a corner, though it changes more pixels."""
    y = images(rng, 32, 32, 1)[1].astype(np.float32)
    everywhere, corner = 0.7 * y, y.copy()
    corner[:16, :16] *= 0.7
    paler, damaged = (at(jaxloss.gmsd_loss, x, y, data_range=1.0) for x in (everywhere, corner))
    assert paler < damaged
    np.testing.assert_allclose(at(jaxloss.gmsd_loss, y + 0.25, y, data_range=1.0), 0, atol=1e-4)


def test_gmsd_has_its_published_constant(rng: np.random.Generator) -> None:
    x, y = images(rng, 2, 13, 12, 2)
    with jax.enable_x64(True):
        np.testing.assert_allclose(at(jaxloss.gmsd_loss, x, y, data_range=1.0), gmsd(x, y, 1.0).mean(), rtol=1e-12)
        in_bytes = at(jaxloss.gmsd_loss, 255 * x, 255 * y, data_range=255.0, stability=170 / 255**2)
        np.testing.assert_allclose(in_bytes, gmsd(x, y, 1.0, 170 / 255**2).mean(), rtol=1e-12)
    with pytest.raises(ValueError, match="at least 6 by 6 pixels"):
        jaxloss.gmsd_loss(jnp.zeros((5, 6, 1)), jnp.zeros((5, 6, 1)), data_range=1.0)


# ---- signal-to-noise ratio and total variation -----------------------------------------------------------------


def test_psnr_of_equal_images_is_finite(rng: np.random.Generator) -> None:
    """Infinite in Kornia and dm-pix, with a NaN or infinite gradient; here the logarithm goes on as its tangent."""
    x, y = (jnp.asarray(i, jnp.float32) for i in images(rng, 4, 5, 2))
    value, gradient = slope(jaxloss.psnr_loss, y, y, data_range=1.0)
    np.testing.assert_allclose(value, -100 - 10 / np.log(10), rtol=1e-6)
    assert not np.any(gradient)
    level = jax.jit(lambda x: jaxloss.psnr_loss(x, y, data_range=1.0))
    values = [level(y + step) for step in (0.0, 3e-6, 0.9e-5, 1.1e-5, 1e-4)]
    assert np.all(np.diff(values) > 0)
    _, gradient = slope(jaxloss.psnr_loss, y + 5e-6, y, data_range=1.0)
    assert np.all(gradient > 0), "closer is still better below the floor"
    np.testing.assert_allclose(at(jaxloss.psnr, x, y, data_range=1.0), -level(x))


def test_psnr_at_and_far_beyond_its_range() -> None:
    zero = jnp.zeros((2, 2, 1))
    program = jax.jit(jax.value_and_grad(lambda x: jaxloss.psnr(x, zero, data_range=1.0)))
    for error in (0.5, 1.0, 2.0, 1e25, 3e38):
        value, gradient = program(zero + error)
        np.testing.assert_allclose(value, -20 * np.log10(np.float32(error)), rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(gradient, -20 / np.log(10) / error / 4, rtol=1e-5, atol=1e-37)
    opposite = jaxloss.psnr(zero + 3e38, zero - 3e38, data_range=1.0)
    np.testing.assert_allclose(opposite, -20 * np.log10(6e38), rtol=1e-6)


def test_psnr_equals_kornias(rng: np.random.Generator) -> None:
    torch, kornia = pytest.importorskip("torch"), pytest.importorskip("kornia.metrics")
    x, y = (i.astype(np.float32) for i in images(rng, 6, 5, 3))
    theirs = kornia.psnr(torch.tensor(x), torch.tensor(y), 2.0)
    np.testing.assert_allclose(jaxloss.psnr(x, y, data_range=2.0), theirs, rtol=1e-6)
    np.testing.assert_allclose(jaxloss.psnr(x, y, data_range=2.0), psnr_oracle(x, y, 2.0), rtol=1e-6)


def test_total_variation_equals_kornias(rng: np.random.Generator) -> None:
    torch, kornia = pytest.importorskip("torch"), pytest.importorskip("kornia.losses")
    x = rng.normal(size=(2, 5, 6, 3)).astype(np.float32)
    theirs = kornia.total_variation(torch.tensor(x).permute(0, 3, 1, 2), reduction="sum").sum(1)
    np.testing.assert_allclose(jaxloss.total_variation_loss(x, reduction="none"), theirs, rtol=1e-5)


def test_total_variations_of_edges() -> None:
    """An edge along an axis costs the same in both; a diagonal one less in the isotropic."""
    straight = jnp.asarray(np.arange(6)[:, None] < np.full(6, 3), jnp.float32)[..., None]
    diagonal = jnp.asarray(np.add.outer(np.arange(6), np.arange(6)) < 5, jnp.float32)[..., None]
    both = jax.jit(jaxloss.total_variation_loss), jax.jit(jaxloss.isotropic_total_variation_loss)
    assert [float(fn(straight)) for fn in both] == [6, 6]
    np.testing.assert_allclose([fn(diagonal) for fn in both], [10, 5 * np.sqrt(2)], rtol=1e-6)
    for fn in both:
        assert not np.any(jax.grad(fn)(jnp.full((4, 4, 1), 0.3)))
        assert fn(jnp.ones((1, 1, 3))) == 0


# ---- feature maps ----------------------------------------------------------------------------------------------

FEATURES = (jaxloss.content_loss, jaxloss.style_loss)


def layered(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {"a": rng.uniform(size=(3, 4, 4, 2)), "b": rng.uniform(size=(3, 2, 2, 5))}


def test_layers_add_up(rng: np.random.Generator) -> None:
    x, y = (jax.tree.map(jnp.float32, layered(rng)) for _ in range(2))
    heads = {"a": jnp.ones(2), "b": jnp.full(5, 0.5)}
    tail = {"where": np.array([True, False, True]), "weights": np.array([1.0, 1.0, 3.0])}
    for loss in FEATURES:
        fn = jax.jit(lambda x, y, loss=loss, **given: loss(x, y, **given, **tail))
        alone = {n: fn(x[n], y[n]) for n in x}
        np.testing.assert_allclose(fn(x, y), alone["a"] + alone["b"], rtol=1e-6)
        weighed = fn(x, y, layer_weights={"a": 2.0, "b": 0.0})
        np.testing.assert_allclose(weighed, 2 * alone["a"], rtol=1e-6)
        np.testing.assert_allclose(fn(x, y, layer_weights=jnp.float32(3.0)), 3 * fn(x, y), rtol=1e-6)
        as_list = fn(list(x.values()), list(y.values()), layer_weights=[2.0, 0.0])
        np.testing.assert_allclose(as_list, weighed, rtol=1e-6)
    lpips = jax.jit(lambda *x: jaxloss.lpips_loss(*x, **tail))
    np.testing.assert_allclose(lpips(x, y, heads), sum(lpips(x[n], y[n], heads[n]) for n in x), rtol=1e-6)


def test_layers_that_do_not_fit_are_refused(rng: np.random.Generator) -> None:
    x = layered(rng)
    for fn in (*FEATURES, lambda a, b: jaxloss.lpips_loss(a, b, {"a": np.ones(2), "b": np.ones(5)})):
        with pytest.raises(ValueError, match="shape and structure"):
            fn(x, [x["a"], x["b"]])
        with pytest.raises(ValueError, match=r"predictions\['b'\] and targets\['b'\]"):
            fn(x, {**x, "b": x["b"][:, :1]})
        with pytest.raises(ValueError, match=r"same batch axes.*predictions\['b'\]"):
            fn({**x, "b": x["b"][:1]}, {**x, "b": x["b"][:1]})
    for fn in FEATURES:
        with pytest.raises(ValueError, match="shape and structure"):
            fn([], [])
        with pytest.raises(ValueError, match="layer_weights must be one number, or have the structure"):
            fn(x, x, layer_weights=[1.0])
        with pytest.raises(ValueError, match="layer_weights"):
            fn(x, x, layer_weights={"a": 1.0, "b": -1.0})
    with pytest.raises(ValueError, match="heads must have the structure"):
        jaxloss.lpips_loss(x, x, [np.ones(2), np.ones(5)])
    with pytest.raises(ValueError, match=r"heads\['b'\]"):
        jaxloss.lpips_loss(x, x, {"a": np.ones(2), "b": np.ones(4)})


def test_negative_heads_never_train(rng: np.random.Generator) -> None:
    x, y, heads = rng.uniform(size=(2, 2, 3)), rng.uniform(size=(2, 2, 3)), np.array([1.0, -0.1, 1.0])
    value, gradient = jax.jit(jax.value_and_grad(jaxloss.lpips_loss))(jnp.float32(x), y, heads)
    assert np.isnan(value)
    assert np.all(np.isnan(gradient[..., 1]))
    with pytest.raises(ValueError, match="heads must be >= 0"):
        jaxloss.checked(jaxloss.lpips_loss)(jnp.float32(x), y, heads)


def test_features_nearly_equal_keep_their_digits(rng: np.random.Generator) -> None:
    y = rng.uniform(0.5, 1.5, size=(3, 3, 6)).astype(np.float32)
    x = y * (1 + np.float32(1e-5) * rng.normal(size=y.shape).astype(np.float32))
    for fn in (jaxloss.style_loss, lambda a, b: jaxloss.lpips_loss(a, b, np.ones(6))):
        narrow = at(fn, x, y)
        with jax.enable_x64(True):
            wide = float(at(fn, x.astype(np.float64), y.astype(np.float64)))
        assert 0 < wide < 1e-8
        np.testing.assert_allclose(narrow, wide, rtol=2e-5)


def test_lpips_of_zero_vectors_and_of_scaled_ones(rng: np.random.Generator) -> None:
    y = rng.uniform(size=(2, 2, 4)).astype(np.float32)
    lpips = jax.jit(lambda a, b: jaxloss.lpips_loss(a, b, np.ones(4)))
    np.testing.assert_allclose(lpips(y, np.zeros_like(y)), 1, rtol=1e-6)
    np.testing.assert_allclose(lpips(np.zeros_like(y), y), 1, rtol=1e-6)
    np.testing.assert_allclose(lpips(4 * y, y), 0, atol=1e-14)
    np.testing.assert_allclose(lpips(3e38 * y, 3e38 * y[::-1]), lpips(y, y[::-1]), rtol=1e-5)
    np.testing.assert_allclose(lpips(1e30 * y, 1e-30 * y[::-1]), lpips(y, y[::-1]), rtol=1e-5)
