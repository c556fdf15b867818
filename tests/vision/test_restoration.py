"""Losses of image restoration against other packages, and what the laws cannot see."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

import jaxloss
from tests.cases.vision.mixed_similarity import mixed
from tests.cases.vision.pyramids import bands


def images(rng: np.random.Generator, *shape: int) -> tuple[np.ndarray, np.ndarray]:
    targets = scipy.ndimage.gaussian_filter(rng.uniform(size=shape), (0, 1, 1, 0))
    return targets + 0.1 * rng.normal(size=shape), targets


def blurred(image: np.ndarray) -> np.ndarray:
    return scipy.ndimage.gaussian_filter(image, (0, 1.5, 1.5, 0))


# ---- edges ----------------------------------------------------------------------------------------------------


def test_edges_equal_kornias_filters(rng: np.random.Generator) -> None:
    torch, kornia = pytest.importorskip("torch"), pytest.importorskip("kornia.filters")
    x, y = images(rng, 2, 6, 7, 3)
    gap = torch.tensor(x - y).permute(0, 3, 1, 2)
    sobel = kornia.spatial_gradient(gap)[..., 1:-1, 1:-1]
    expected = sum(np.hypot(sobel[:, :, k].numpy(), 0.25).mean() for k in (0, 1))
    with jax.enable_x64(True):
        np.testing.assert_allclose(jaxloss.sobel_edge_loss(x, y, epsilon=0.25), expected, rtol=1e-6)


def test_edge_losses_do_not_see_brightness(rng: np.random.Generator) -> None:
    x, y = images(rng, 2, 6, 7, 3)
    with jax.enable_x64(True):
        for fn in (jaxloss.laplacian_edge_loss, jaxloss.sobel_edge_loss, jaxloss.gradient_difference_loss):
            np.testing.assert_allclose(fn(x + 0.5, y), fn(x, y), rtol=1e-9)
        ramp = np.arange(6.0)[:, None, None] * np.ones((6, 7, 1))
        np.testing.assert_allclose(jaxloss.laplacian_edge_loss(y[..., :1] + ramp, y[..., :1]), 1e-3, rtol=1e-9)
        assert jaxloss.sobel_edge_loss(y[..., :1] + ramp, y[..., :1]) > 1


def test_blur_costs_more_than_the_squared_error_says(rng: np.random.Generator) -> None:
    """Of two images with one squared error, the one that is blurred has the larger gradient difference."""
    y = images(rng, 1, 32, 32, 1)[1]
    soft = blurred(y)
    darker = y - np.sqrt(np.mean((soft - y) ** 2))
    assert jaxloss.gradient_difference_loss(soft, y) > 0
    assert jaxloss.gradient_difference_loss(darker, y) < 1e-6
    square = jaxloss.gradient_difference_loss(soft, y, exponent=2.0)
    expected = sum(np.mean((np.abs(np.diff(soft, axis=a)) - np.abs(np.diff(y, axis=a))) ** 2) for a in (1, 2))
    np.testing.assert_allclose(square, expected, rtol=1e-5)


# ---- scales and frequencies -----------------------------------------------------------------------------------


def test_pyramid_weighs_bands_as_the_paper_does(rng: np.random.Generator) -> None:
    """The sum of absolute values times four to the power of the level, over the number of pixels."""
    x, y = images(rng, 1, 16, 32, 1)
    levels = bands((x - y)[0, ..., 0], 3)
    paper = sum(4**j * np.abs(band).sum() for j, band in enumerate(levels))
    with jax.enable_x64(True):
        np.testing.assert_allclose(jaxloss.laplacian_pyramid_loss(x, y), paper / (16 * 32), rtol=1e-12)
    with pytest.raises(ValueError, match="at least 8 by 8 pixels for levels=3"):
        jaxloss.laplacian_pyramid_loss(jnp.zeros((7, 9, 1)), jnp.zeros((7, 9, 1)))


def test_constant_images_are_all_in_the_coarse_rest() -> None:
    x, y = jnp.full((9, 12, 2), 0.75), jnp.full((9, 12, 2), 0.25)
    assert jaxloss.laplacian_pyramid_loss(x, y, levels=3) == pytest.approx(0.5)


def test_weights_of_frequencies_without_focus_are_those_of_pixels(rng: np.random.Generator) -> None:
    for shape in ((2, 6, 8, 2), (2, 5, 7, 1), (1, 1, 9, 1)):
        x, y = images(rng, *shape)
        with jax.enable_x64(True):
            flat = jaxloss.focal_frequency_loss(x, y, exponent=0.0)
            np.testing.assert_allclose(flat, np.mean((x - y) ** 2), rtol=1e-12)
            assert jaxloss.focal_frequency_loss(x, y) < flat


def test_focal_frequency_equals_the_code_of_the_paper(rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    x, y = images(rng, 2, 6, 7, 3)
    pair = [torch.tensor(i).permute(0, 3, 1, 2).requires_grad_() for i in (x, y)]
    gap = torch.view_as_real(torch.fft.fft2(pair[0], norm="ortho") - torch.fft.fft2(pair[1], norm="ortho"))
    square = (gap**2).sum(-1)
    weight = square.sqrt()
    weight = (weight / weight.amax((-2, -1), keepdim=True)).clamp(0, 1).detach()
    theirs = (weight * square).mean()
    theirs.backward()
    with jax.enable_x64(True):
        value, slope = jax.value_and_grad(jaxloss.focal_frequency_loss)(jnp.asarray(x), y)
    np.testing.assert_allclose(value, theirs.detach(), rtol=1e-12)
    np.testing.assert_allclose(slope, pair[0].grad.permute(0, 2, 3, 1), atol=1e-14)


def test_fourier_error_equals_torch(rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    x, y = images(rng, 2, 6, 7, 3)
    gap = torch.fft.fft2(torch.tensor(x - y).permute(0, 3, 1, 2))
    with jax.enable_x64(True):
        ours = jaxloss.fourier_absolute_error(x, y)
    np.testing.assert_allclose(float(ours) * np.sqrt(6 * 7), gap.abs().mean(), rtol=1e-12)


def test_frequencies_without_an_error_have_no_slope() -> None:
    """Images apart by brightness only: the modulus of a complex number has no derivative at the other frequencies."""
    x, y = jnp.full((4, 8, 1), 0.75), jnp.full((4, 8, 1), 0.25)
    value, slope = jax.value_and_grad(jaxloss.fourier_absolute_error)(x, y)
    np.testing.assert_allclose(value, 0.5 / np.sqrt(32), rtol=1e-6)
    np.testing.assert_allclose(slope, jnp.full((4, 8, 1), 1 / 32 / np.sqrt(32)), rtol=1e-5)


# ---- mixed ----------------------------------------------------------------------------------------------------


def test_default_scales_are_the_published_ones(rng: np.random.Generator) -> None:
    x, y = images(rng, 1, 34, 36, 1)
    with jax.enable_x64(True):
        actual = jaxloss.ms_ssim_l1_loss(x, y, data_range=1.0, reduction="none")
    np.testing.assert_allclose(actual, mixed(x, y, 1.0), rtol=1e-11)


@pytest.mark.parametrize("sigmas", [(0.5, 1.0), (0.5, 1.0, 2.0)])
def test_mixed_similarity_equals_kornia_inside_of_the_image(rng: np.random.Generator, sigmas) -> None:
    """Kornia multiplies by 200 and pads with zeros; the pixels whose windows are whole are ours."""
    torch, kornia = pytest.importorskip("torch"), pytest.importorskip("kornia.losses")
    x, y = images(rng, 2, 14, 13, 2)
    loss = kornia.MS_SSIMLoss(sigmas=sigmas, data_range=2.0, alpha=0.84, reduction="none").double()
    theirs = loss(*(torch.tensor(i).permute(0, 3, 1, 2) for i in (x, y)))
    border = int(2 * sigmas[-1])
    inside = theirs[:, border:-border, border:-border].mean((1, 2)) / 200
    with jax.enable_x64(True):
        ours = jaxloss.ms_ssim_l1_loss(
            x, y, data_range=2.0, sigmas=sigmas, window_size=2 * border + 1, reduction="none"
        )
    np.testing.assert_allclose(ours, inside, rtol=1e-5)


def test_ends_of_the_mixture(rng: np.random.Generator) -> None:
    x, y = images(rng, 2, 9, 9, 2)
    with jax.enable_x64(True):
        one = {"data_range": 1.0, "sigmas": (1.5,), "window_size": 5}
        structure = jaxloss.ms_ssim_l1_loss(x, y, **one, ssim_weight=1.0)
        expected = jaxloss.ssim_loss(x, y, data_range=1.0, window_size=5, sigma=1.5)
        np.testing.assert_allclose(structure, expected, rtol=1e-12)
        colour = jaxloss.ms_ssim_l1_loss(x, y, **{**one, "window_size": 1}, ssim_weight=0.0)
        np.testing.assert_allclose(colour, np.mean(np.abs(x - y)), rtol=1e-12)
