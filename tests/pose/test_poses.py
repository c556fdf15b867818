"""Losses of poses against SciPy and kornia, their invariances, and short fits."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import jaxloss


def turns(count, seed=0):
    return Rotation.random(count, random_state=seed)


@pytest.mark.parametrize("angle", [1e-6, 1e-3, 1.0, 3.0, 3.14])
def test_small_and_large_angles_keep_their_digits(angle):
    axis = np.array([0.6, 0.0, 0.8])
    one = turns(1)[0]
    two = one * Rotation.from_rotvec(angle * axis)
    with jax.enable_x64(True):
        value = jaxloss.rotation_distance(one.as_matrix(), two.as_matrix())
    np.testing.assert_allclose(value, angle, rtol=1e-9)
    single = jaxloss.rotation_distance(one.as_matrix().astype(np.float32), two.as_matrix().astype(np.float32))
    np.testing.assert_allclose(single, angle, atol=1e-6)


def test_the_slope_of_an_angle_is_one_up_to_both_ends():
    about = lambda angle: jnp.array(
        [[jnp.cos(angle), -jnp.sin(angle), 0.0], [jnp.sin(angle), jnp.cos(angle), 0.0], [0.0, 0.0, 1.0]]
    )
    slope = jax.jit(jax.grad(lambda angle: jaxloss.rotation_distance(about(angle), jnp.eye(3))))
    for angle in (1e-4, 0.1, 1.0, 2.0, 3.0, 3.14):
        np.testing.assert_allclose(slope(angle), 1, rtol=2e-3)
        np.testing.assert_allclose(slope(-angle), -1, rtol=2e-3)
    assert slope(0.0) == 0


def test_only_rotation_matrices_have_a_distance():
    with pytest.raises(ValueError, match="3, 3"):
        jaxloss.rotation_distance(jnp.eye(2), jnp.eye(2))
    mirrored = jnp.diag(jnp.array([1.0, 1.0, -1.0]))
    with pytest.raises(Exception, match="orthonormal"):
        jaxloss.checked(jaxloss.rotation_distance)(mirrored, jnp.eye(3))
    masked = jnp.stack([jnp.eye(3), mirrored])
    keep = jnp.array([True, False])
    assert jaxloss.checked(jaxloss.rotation_distance)(masked, jnp.stack([jnp.eye(3)] * 2), where=keep) == 0


def test_distances_of_matrices_and_of_quaternions_agree():
    one, two = turns(20, seed=1), turns(20, seed=2)
    angle = jaxloss.rotation_distance(
        one.as_matrix().astype(np.float32), two.as_matrix().astype(np.float32), reduction="none"
    )
    sine = jaxloss.quaternion_distance(
        -3 * one.as_quat().astype(np.float32), two.as_quat().astype(np.float32), reduction="none"
    )
    np.testing.assert_allclose(2 * np.arcsin(np.sqrt(sine)), angle, rtol=1e-4)


def test_alignment_ignores_place_size_and_turn_and_not_a_mirror():
    rng = np.random.default_rng(0)
    target = rng.normal(size=(3, 17, 3)).astype(np.float32)
    moved = (0.3 * target @ turns(1)[0].as_matrix().T + [1.0, -2.0, 5.0]).astype(np.float32)
    assert jaxloss.procrustes_aligned_error(moved, target) < 1e-5
    assert jaxloss.procrustes_aligned_error(moved * np.array([-1, 1, 1], np.float32), target) > 0.3


def test_hidden_joints_take_no_part_in_the_alignment():
    rng = np.random.default_rng(1)
    target, prediction = rng.normal(size=(2, 2, 9, 3)).astype(np.float32)
    keep = np.arange(9) < 6
    hidden = np.where(keep[:, None], prediction, np.nan)
    value = jaxloss.procrustes_aligned_error(hidden, target, where=np.stack([keep, keep]))
    np.testing.assert_allclose(value, jaxloss.procrustes_aligned_error(prediction[:, :6], target[:, :6]), rtol=1e-5)


def test_the_gradient_leaves_place_size_and_turn_alone():
    """It is perpendicular to every move that the alignment takes back."""
    rng = np.random.default_rng(2)
    target, prediction = rng.normal(size=(2, 9, 3))
    with jax.enable_x64(True):
        gradient = np.asarray(jax.jit(jax.grad(jaxloss.procrustes_aligned_error))(prediction, target))
    np.testing.assert_allclose(np.sum(gradient, 0), 0, atol=1e-12)
    np.testing.assert_allclose(np.sum(gradient * (prediction - prediction.mean(0))), 0, atol=1e-12)
    spin = np.cross(prediction, gradient).sum(0)
    np.testing.assert_allclose(spin, 0, atol=1e-12)
    assert np.linalg.norm(gradient) > 0.01


def test_a_position_error_per_joint_is_the_endpoint_error():
    rng = np.random.default_rng(3)
    target, prediction = rng.normal(size=(2, 4, 9, 3)).astype(np.float32)
    expected = np.mean(np.sqrt(np.sum((prediction - target) ** 2, axis=-1)))
    np.testing.assert_allclose(jaxloss.endpoint_error(prediction, target), expected, rtol=1e-6)


def test_four_coordinates_are_refused():
    with pytest.raises(ValueError, match="two or three coordinates"):
        jaxloss.procrustes_aligned_error(jnp.zeros((5, 4)), jnp.zeros((5, 4)))


def test_nearly_equal_bones_keep_the_digits_of_their_difference():
    bone = np.array([[3.0, 4.0, 12.0]], np.float32)
    longer = bone.copy()
    longer[0, 2] = np.nextafter(longer[0, 2], np.float32(20))
    expected = np.linalg.norm(longer.astype(np.float64)) - 13
    np.testing.assert_allclose(jaxloss.bone_length_error(longer, bone), expected, rtol=1e-5)


def test_projections_are_those_of_kornia():
    pytest.importorskip("kornia")
    torch = pytest.importorskip("torch")
    from kornia.geometry.camera import project_points

    rng = np.random.default_rng(4)
    points = rng.normal(size=(6, 3)) + np.array([0, 0, 5])
    intrinsics = np.array([[30.0, 0.0, 16.0], [0.0, 25.0, 12.0], [0.0, 0.0, 1.0]])
    theirs = project_points(torch.tensor(points), torch.tensor(intrinsics))
    ours = jaxloss.project_points(points.astype(np.float32), jnp.eye(3), jnp.zeros(3), intrinsics.astype(np.float32))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_points_behind_the_camera_are_no_pixels_unless_masked():
    points = jnp.array([[0.0, 0.0, 2.0], [0.0, 0.0, -2.0]])
    camera = jnp.eye(3), jnp.zeros(3), jnp.eye(3)
    assert np.isnan(jaxloss.project_points(points, *camera)).tolist() == [[False, False], [True, True]]
    with pytest.raises(Exception, match="in front of the camera"):
        jaxloss.checked(jaxloss.reprojection_error)(points, jnp.zeros((2, 2)), *camera)
    fn = lambda x: jaxloss.reprojection_error(x, jnp.ones((2, 2)), *camera, where=jnp.array([True, False]))
    value, gradient = jax.value_and_grad(fn)(points)
    np.testing.assert_allclose(value, np.sqrt(2), rtol=1e-6)
    assert np.all(np.isfinite(gradient))


def test_a_camera_finds_its_place_from_what_it_sees():
    """Gradient descent on a robust loss of the projections, with one wrong correspondence."""
    rng = np.random.default_rng(5)
    points = jnp.asarray(rng.uniform(-1, 1, (20, 3)), jnp.float32)
    intrinsics = jnp.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    truth = jnp.array([0.3, -0.2, 4.0])
    seen = jaxloss.project_points(points, jnp.eye(3), truth, intrinsics).at[0].add(0.5)

    @jax.jit
    def step(place):
        fn = lambda t: jaxloss.pseudo_huber_loss(
            jaxloss.project_points(points, jnp.eye(3), t, intrinsics), seen, delta=0.01
        )
        return place - jnp.array([2.0, 2.0, 60.0]) * jax.grad(fn)(place)

    place = jnp.array([0.0, 0.0, 5.0])
    for _ in range(300):
        place = step(place)
    np.testing.assert_allclose(place, truth, atol=0.02)


def test_the_eikonal_loss_is_zero_for_distances_only():
    points = jnp.asarray(np.random.default_rng(6).normal(size=(8, 3)), jnp.float32)
    sphere = lambda radius, x: jnp.sqrt(jnp.sum(x**2)) - radius
    assert jaxloss.eikonal_loss(sphere, 1.0, points) < 1e-12
    flat = lambda level, x: level + 0 * jnp.sum(x)
    value, gradient = jax.value_and_grad(lambda level: jaxloss.eikonal_loss(flat, level, points))(2.0)
    assert (value, gradient) == (1, 0)
