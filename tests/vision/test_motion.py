"""Losses of optical flow and registration against other packages, and what they are for."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

import jaxloss
from tests.cases.vision.local_correlation import lncc


def first(torch, array: np.ndarray):
    """Channels first, as other packages have them."""
    return torch.tensor(np.moveaxis(array, -1, 1))


# ---- flow -----------------------------------------------------------------------------------------------------


def test_endpoint_error_is_flat_at_a_perfect_fit() -> None:
    flow = jnp.array([[1.0, -2.0], [0.0, 0.0]])
    np.testing.assert_array_equal(jax.grad(lambda w: jaxloss.endpoint_error(w, flow))(flow), jnp.zeros((2, 2)))
    away = jax.grad(lambda w: jaxloss.endpoint_error(w, flow, reduction="sum"))(flow + jnp.array([[3.0, 4.0]]))
    np.testing.assert_allclose(away, jnp.broadcast_to(jnp.array([0.6, 0.8]), (2, 2)), rtol=1e-6)


def test_robust_error_is_a_power_of_the_absolute_one(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(2, 4, 5, 2))
    with jax.enable_x64(True):
        linear = jaxloss.robust_endpoint_error(x, y, exponent=1.0, epsilon=0.25, reduction="none")
        np.testing.assert_allclose(linear, np.abs(x - y).sum(-1) + 0.25, rtol=1e-12)
    slopes = [
        jax.grad(lambda r: jaxloss.robust_endpoint_error(r, jnp.zeros(1)))(jnp.array([r]))[0] for r in (1.0, 50.0)
    ]
    assert slopes[1] < 0.1 * slopes[0], "far vectors pull less"


def test_sequence_equals_rafts_code(rng: np.random.Generator) -> None:
    steps, target = rng.normal(size=(4, 2, 3, 5, 2)), rng.normal(size=(2, 3, 5, 2))
    theirs = sum(0.8 ** (3 - i) * np.abs(flow - target).mean() for i, flow in enumerate(steps))
    with jax.enable_x64(True):
        ours = jaxloss.flow_sequence_loss(np.moveaxis(steps, 0, -2), target)
        last = jaxloss.flow_sequence_loss(np.moveaxis(steps, 0, -2), target, decay=0.0)
    np.testing.assert_allclose(ours, 2 * theirs, rtol=1e-12)
    np.testing.assert_allclose(last, 2 * np.abs(steps[-1] - target).mean(), rtol=1e-12)


# ---- local correlation ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ndim", [1, 2, 3])
@pytest.mark.parametrize("size", [3, 5])
def test_local_correlation_equals_monai(rng: np.random.Generator, ndim: int, size: int) -> None:
    torch, monai = pytest.importorskip("torch"), pytest.importorskip("monai.losses")
    shape = (2, *(7, 6, 5)[:ndim], 2)
    x, y = rng.normal(size=(2, *shape))
    theirs = monai.LocalNormalizedCrossCorrelationLoss(ndim, size, smooth_dr=1e-30)(first(torch, x), first(torch, y))
    border = [(0, 0)] + [(size // 2, size // 2)] * ndim + [(0, 0)]
    with jax.enable_x64(True):
        ours = jaxloss.local_normalized_cross_correlation_loss(
            np.pad(x, border), np.pad(y, border), pixel_ndim=ndim, window_size=size, epsilon=1e-25
        )
    np.testing.assert_allclose(float(ours) - 1, theirs, rtol=1e-6)


def test_default_window_in_every_number_of_axes(rng: np.random.Generator) -> None:
    with jax.enable_x64(True):
        for ndim, shape in ((1, (2, 15, 2)), (2, (2, 10, 11, 2)), (3, (1, 9, 10, 9, 1))):
            x, y = rng.normal(size=(2, *shape))
            actual = jaxloss.local_normalized_cross_correlation_loss(x, y, pixel_ndim=ndim, reduction="none")
            np.testing.assert_allclose(actual, lncc(x, y, ndim), rtol=1e-12)
    with pytest.raises(ValueError, match="window_size=9 pixels along each side; found \\(9, 8\\)"):
        jaxloss.local_normalized_cross_correlation_loss(jnp.zeros((9, 8, 1)), jnp.zeros((9, 8, 1)), pixel_ndim=2)


def test_brightness_and_contrast_do_not_count(rng: np.random.Generator) -> None:
    y = jnp.asarray(rng.uniform(size=(12, 12, 1)), jnp.float32)
    other = jnp.asarray(rng.uniform(size=(12, 12, 1)), jnp.float32)
    loss = lambda x: jaxloss.local_normalized_cross_correlation_loss(x, y, pixel_ndim=2)
    for scale, shift in ((3.0, 1.0), (-2.0, 5.0), (1e4, 0.0)):
        assert loss(scale * y + shift) < 2e-3 * loss(other)
    flat = jnp.full_like(y, 0.5)
    assert loss(flat) > 0.999, "a flat image is no match"
    assert jaxloss.local_normalized_cross_correlation_loss(flat, flat, pixel_ndim=2) == 0


def test_registration_finds_a_shift() -> None:
    """A blob is moved by half a pixel at a time until it lies on one of other brightness and contrast."""
    axis = np.arange(20.0)
    blob = lambda centre: np.exp(-((axis[:, None] - centre) ** 2 + (axis - 10) ** 2) / 8)
    fixed = jnp.asarray(5 - 2 * blob(11.0), jnp.float32)[..., None]

    def loss(shift):
        along = jnp.exp(-jnp.square(jnp.asarray(axis, jnp.float32) - 9 - shift) / 8)
        moved = jnp.outer(along, jnp.asarray(blob(0.0)[0] / blob(0.0)[0].max(), jnp.float32))
        return jaxloss.local_normalized_cross_correlation_loss(moved[..., None], fixed, pixel_ndim=2, epsilon=1e-4)

    @jax.jit
    def descend(shift):
        return jax.lax.fori_loop(0, 60, lambda _, s: s - 2.0 * jnp.tanh(jax.grad(loss)(s)), shift)

    np.testing.assert_allclose(descend(jnp.float32(0.5)), 2.0, atol=0.05)


# ---- deformations ---------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence:UserWarning")
@pytest.mark.parametrize("sizes", [(7,), (5, 6), (4, 5, 3)])
@pytest.mark.parametrize("normalize", [False, True])
def test_penalties_equal_monai(rng: np.random.Generator, sizes: tuple[int, ...], normalize: bool) -> None:
    torch, monai = pytest.importorskip("torch"), pytest.importorskip("monai.losses")
    field = rng.normal(size=(2, *sizes, len(sizes)))
    ours_of = {"spacing": 1 / np.array(sizes)} if normalize else {}
    mine = field / np.array(sizes) if normalize else field
    for theirs, ours in (
        (monai.DiffusionLoss, jaxloss.displacement_gradient_penalty),
        (monai.BendingEnergyLoss, jaxloss.bending_energy_penalty),
    ):
        with jax.enable_x64(True):
            actual = ours(mine, **ours_of)
        np.testing.assert_allclose(actual, theirs(normalize=normalize)(first(torch, field)), rtol=1e-6)


def test_affine_deformations_bend_nothing(rng: np.random.Generator) -> None:
    points = np.stack(np.meshgrid(*(np.arange(6.0),) * 2, indexing="ij"), -1)
    matrix = rng.normal(size=(2, 2))
    with jax.enable_x64(True):
        field = points @ matrix.T + rng.normal(size=2)
        assert jaxloss.bending_energy_penalty(field) < 1e-25
        np.testing.assert_allclose(jaxloss.displacement_gradient_penalty(field), np.mean(np.sum(matrix**2, 1)))


def test_alternating_displacements_bend() -> None:
    """Central differences do not see them, second differences do."""
    field = jnp.asarray(np.indices((6, 6)).sum(0)[..., None] % 2.0 * np.ones(2), jnp.float32)
    assert jaxloss.displacement_gradient_penalty(field) == 0
    assert jaxloss.bending_energy_penalty(field) > 1


def test_components_come_last() -> None:
    with pytest.raises(ValueError, match="Components are last"):
        jaxloss.bending_energy_penalty(jnp.zeros((4, 2, 16, 16)))
    with pytest.raises(ValueError, match="at least 3 points"):
        jaxloss.displacement_gradient_penalty(jnp.zeros((2, 5, 2)))
    smooth = scipy.ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(9, 9, 2)), (2, 2, 0))
    rough, calm = (jaxloss.displacement_gradient_penalty(jnp.asarray(u, jnp.float32)) for u in (3 * smooth, smooth))
    np.testing.assert_allclose(rough, 9 * calm, rtol=1e-5)


# ---- mutual information ---------------------------------------------------------------------------------------


def test_mutual_information_of_monai(rng: np.random.Generator) -> None:
    torch, losses = pytest.importorskip("torch"), pytest.importorskip("monai.losses")
    x = rng.uniform(size=(2, 9, 8))
    y = np.clip((1 - x) ** 2 + 0.05 * rng.normal(size=x.shape), 0, 1)
    theirs = losses.GlobalMutualInformationLoss(num_bins=11, sigma_ratio=0.6, smooth_nr=1e-12, smooth_dr=1e-12)
    expected = theirs(*(torch.tensor(image)[:, None] for image in (x, y))).item()
    with jax.enable_x64(True):
        loss = jaxloss.mutual_information_loss
        np.testing.assert_allclose(loss(x, y, pixel_ndim=2, num_bins=11, bandwidth=0.6), expected, rtol=1e-5)
        found = loss(255 * x, 255 * y, pixel_ndim=2, num_bins=11, bandwidth=0.6, data_range=255.0)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_mutual_information_is_that_of_the_histogram(rng: np.random.Generator) -> None:
    """Narrow windows at the centres of the bins."""
    metrics = pytest.importorskip("sklearn.metrics")
    x = rng.integers(0, 4, 60)
    y = np.where(rng.uniform(size=60) < 0.7, 3 - x, rng.integers(0, 4, 60))
    found = jaxloss.mutual_information_loss(x / 3, y / 3, pixel_ndim=1, num_bins=4, bandwidth=0.05)
    np.testing.assert_allclose(found, -metrics.mutual_info_score(x, y), rtol=1e-5)


def test_mutual_information_finds_a_shift_between_two_contrasts() -> None:
    """One image is dark where the other is bright: the squared error of the true shift is large."""
    at = lambda shift: jnp.exp(-0.5 * jnp.square((jnp.arange(60.0) - 30 - shift) / 5))
    target = 1 - jnp.square(at(0.0))
    shifts = jnp.linspace(-6.0, 6.0, 13)
    each = lambda loss: jax.jit(jax.vmap(jax.value_and_grad(lambda shift: loss(at(shift)))))(shifts)
    found, slopes = each(lambda image: jaxloss.mutual_information_loss(image, target, pixel_ndim=1))
    assert shifts[jnp.argmin(found)] == 0
    assert np.all((slopes * shifts > 0) | (shifts == 0)), "downhill to no shift from everywhere"
    errors, _ = each(lambda image: jaxloss.squared_error(image, target))
    assert shifts[jnp.argmax(errors)] == 0
