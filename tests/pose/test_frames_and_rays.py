"""Frame-aligned point errors and the distortion of rays: authors' code, invariances, what they are for."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import jaxloss


def _structure(rng, frames=4, points=6):
    """Points, rotations and origins."""
    rotations = Rotation.random(frames, rng=rng).as_matrix()
    return 6 * rng.normal(size=(points, 3)), rotations, 6 * rng.normal(size=(frames, 3))


def _fape(structure, truth, **options):
    return jaxloss.frame_aligned_point_error(
        jaxloss.points_in_frames(*structure), jaxloss.points_in_frames(*truth), **options
    )


def test_fape_equals_the_code_of_openfold(rng):
    """Value and gradient in points and frames, with masks of both, but for the epsilon under the root."""
    torch = pytest.importorskip("torch")
    structure, truth = _structure(rng), _structure(rng)
    frames_mask, points_mask = np.array([1, 0, 1, 1]), np.array([1, 1, 0, 1, 1, 0])
    tensors = [torch.tensor(x, requires_grad=True) for x in structure]

    def local(points, rotations, origins):
        return torch.einsum("fji,fpj->fpi", rotations, points[None] - origins[:, None])

    apart = local(*tensors) - local(*map(torch.tensor, truth))
    error = torch.clamp(torch.sqrt(torch.sum(apart**2, dim=-1) + 1e-20), min=0, max=10.0) / 10.0
    error = error * torch.tensor(frames_mask)[:, None] * torch.tensor(points_mask)
    expected = error.sum() / (frames_mask.sum() * points_mask.sum())
    expected.backward()
    pairs = frames_mask[:, None] * points_mask[None] > 0
    with jax.enable_x64(True):
        value, slopes = jax.jit(jax.value_and_grad(lambda s: _fape(s, truth, where=pairs)))(
            tuple(map(jnp.asarray, structure))
        )
    np.testing.assert_allclose(value, expected.item(), rtol=1e-12)
    for slope, tensor in zip(slopes, tensors, strict=True):
        np.testing.assert_allclose(slope, tensor.grad, rtol=1e-10, atol=1e-15)


def test_fape_knows_no_global_frame_and_tells_mirror_images(rng):
    points, rotations, origins = _structure(rng)
    turn, shift = Rotation.random(rng=rng).as_matrix(), rng.normal(size=3)
    moved = points @ turn.T + shift, turn @ rotations, origins @ turn.T + shift
    with jax.enable_x64(True):
        assert _fape(moved, (points, rotations, origins)) < 1e-13
        mirror = np.diag([-1.0, 1.0, 1.0])
        mirrored = points @ mirror, mirror @ rotations @ mirror, origins @ mirror
        assert _fape(mirrored, (points, rotations, origins)) > 0.1


def test_fape_without_a_clamp(rng):
    structure, truth = _structure(rng), _structure(rng)
    far = _fape(structure, truth, max_distance=jnp.inf, reduction="none")
    np.testing.assert_allclose(_fape(structure, truth, reduction="none"), np.minimum(far, 1), rtol=1e-6)
    assert np.max(far) > 1


def test_frames_are_refused(rng):
    points, rotations, origins = _structure(rng)
    with pytest.raises(ValueError, match="rotations"):
        jaxloss.points_in_frames(points, rotations[:, 0], origins)
    with pytest.raises(ValueError, match="translations"):
        jaxloss.points_in_frames(points[None], rotations, origins)
    with pytest.raises(ValueError, match="points"):
        jaxloss.points_in_frames(points[:, :2], rotations, origins)
    with pytest.raises(TypeError, match="points"):
        jaxloss.points_in_frames(points.astype(int), rotations, origins)


def _rays(rng, rays=5, intervals=32):
    edges = np.cumsum(rng.uniform(0.01, 0.05, size=(rays, intervals + 1)), axis=-1)
    return rng.dirichlet(np.ones(intervals), size=rays), edges


def test_distortion_equals_the_authors_code(rng):
    """google-research/multinerf, `lossfun_distortion`, quadratic in the intervals: value and both gradients."""

    def theirs(w, t):
        ut = (t[..., 1:] + t[..., :-1]) / 2
        dut = jnp.abs(ut[..., :, None] - ut[..., None, :])
        inter = jnp.sum(w * jnp.sum(w[..., None, :] * dut, axis=-1), axis=-1)
        return jnp.mean(inter + jnp.sum(w**2 * jnp.diff(t), axis=-1) / 3)

    w, t = _rays(rng)
    with jax.enable_x64(True):
        value, slopes = jax.jit(jax.value_and_grad(jaxloss.ray_distortion_loss, (0, 1)))(w, t)
        expected, pulls = jax.jit(jax.value_and_grad(theirs, (0, 1)))(w, t)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for ours, pull in zip(slopes, pulls, strict=True):
        np.testing.assert_allclose(ours, pull, rtol=1e-10, atol=1e-15)


def test_distortion_is_the_mean_distance_of_two_points_of_the_ray(rng):
    """By sampling: the integral in the paper, which the sums are equal to."""
    w, t = _rays(rng, rays=1, intervals=4)
    bins = rng.choice(4, size=(2, 400_000), p=w[0])
    draws = t[0, bins] + rng.uniform(size=bins.shape) * (t[0, bins + 1] - t[0, bins])
    np.testing.assert_allclose(jaxloss.ray_distortion_loss(w, t), np.mean(np.abs(draws[0] - draws[1])), rtol=5e-3)


def test_padded_intervals_do_not_count(rng):
    w, t = _rays(rng)
    longer = np.pad(w, ((0, 0), (0, 3))), np.pad(t, ((0, 0), (0, 3)), mode="edge")
    np.testing.assert_allclose(jaxloss.ray_distortion_loss(*longer), jaxloss.ray_distortion_loss(w, t), rtol=1e-6)


def test_distortion_gathers_the_mass_of_a_ray(rng):
    """Of a ray with two surfaces the smaller one goes away."""
    edges = jnp.linspace(0, 1, 17)
    logits = jnp.zeros(16).at[3].set(3.0).at[12].set(2.5)
    loss = lambda z: jaxloss.ray_distortion_loss(jax.nn.softmax(z), edges)
    after, _ = jax.lax.scan(lambda z, _: (z - 4 * jax.grad(loss)(z), None), logits, length=500)
    mass = jax.nn.softmax(after)
    assert mass[3] > 0.9
    assert mass[12] < 0.01
