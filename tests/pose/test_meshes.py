"""Losses of meshes: the formulas of PyTorch3D in PyTorch, topology, invariances, what they are for."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import jaxloss
from tests.cases.pose.meshes import CORNERS, OCTAHEDRON

EDGES, HINGES = jaxloss.mesh_edges(OCTAHEDRON), jaxloss.mesh_hinges(OCTAHEDRON)
LOSSES = [
    (jaxloss.mesh_edge_length_loss, EDGES),
    (jaxloss.mesh_laplacian_loss, EDGES),
    (jaxloss.mesh_normal_consistency_loss, HINGES),
]


def _meshes(rng, count=3):
    return CORNERS + 0.3 * rng.normal(size=(count, 6, 3))


def _edge_loss(torch, vertices):
    one, other = (vertices[:, EDGES[:, place]] for place in (0, 1))
    return (((one - other).norm(dim=-1, p=2) - 0.0) ** 2).mean()


def _laplacian(torch, vertices):
    """The matrix of PyTorch3D, which is sparse there: 1 / degree at the edges, -1 on the diagonal."""
    one, other = torch.tensor(np.concatenate([EDGES, EDGES[:, ::-1]]).T.copy()).long()
    adjacent = torch.zeros((6, 6), dtype=torch.float64).index_put_((one, other), torch.ones(24, dtype=torch.float64))
    matrix = adjacent / adjacent.sum(1, keepdim=True) - torch.eye(6)
    return (matrix @ vertices).norm(dim=-1).mean()


def _normals(torch, vertices):
    a, b, c, d = (vertices[:, HINGES[:, place]] for place in range(4))
    one = torch.cross(b - a, c - a, dim=-1)
    other = -torch.cross(b - a, d - a, dim=-1)
    return (1 - torch.cosine_similarity(one, other, dim=-1)).mean()


THEIRS = (_edge_loss, _laplacian, _normals)


@pytest.mark.parametrize(("loss", "rows", "theirs"), [(*x, f) for x, f in zip(LOSSES, THEIRS, strict=True)])
def test_formulas_of_pytorch3d(rng, loss, rows, theirs):
    torch = pytest.importorskip("torch")
    vertices = _meshes(rng)
    tensor = torch.tensor(vertices, requires_grad=True)
    expected = theirs(torch, tensor)
    expected.backward()
    with jax.enable_x64(True):
        value, slope = jax.jit(jax.value_and_grad(loss))(jnp.asarray(vertices), rows)
    np.testing.assert_allclose(value, expected.item(), rtol=1e-11)
    np.testing.assert_allclose(slope, tensor.grad, rtol=1e-9, atol=1e-14)


def test_topology_of_a_closed_surface():
    """Euler: V - E + F = 2; every edge has two faces, and an edge is found once however it is turned."""
    assert EDGES.shape == (12, 2)
    assert 6 - len(EDGES) + len(OCTAHEDRON) == 2
    assert HINGES.shape == (12, 4)
    np.testing.assert_array_equal(np.unique(HINGES[:, :2], axis=0), EDGES)
    flipped = OCTAHEDRON[:, ::-1]
    np.testing.assert_array_equal(jaxloss.mesh_edges(flipped), EDGES)
    assert jaxloss.mesh_hinges([[0, 1, 2]]).shape == (0, 4)
    assert len(jaxloss.mesh_hinges([[0, 1, 2], [0, 1, 3], [0, 1, 4]])) == 3


@pytest.mark.parametrize(("loss", "rows"), LOSSES)
def test_a_motion_changes_nothing(rng, loss, rows):
    vertices, turn = _meshes(rng), Rotation.random(rng=rng).as_matrix()
    with jax.enable_x64(True):
        moved = loss(vertices @ turn.T + rng.normal(size=3), rows)
        np.testing.assert_allclose(moved, loss(vertices, rows), rtol=1e-11)


@pytest.mark.parametrize(("loss", "rows"), LOSSES)
@pytest.mark.parametrize("wrong", [-1, 6])
def test_what_is_no_vertex_is_lost(rng, loss, rows, wrong):
    rows = rows.copy()
    rows[3, 1] = wrong
    value, slope = jax.value_and_grad(loss)(jnp.asarray(_meshes(rng), jnp.float32), rows)
    assert np.isnan(value)
    assert np.all(np.isnan(slope))
    with pytest.raises(ValueError, match="must be vertices"):
        jaxloss.checked(loss)(_meshes(rng), rows)


def test_a_vertex_without_neighbours_is_at_its_place():
    vertices = jnp.array([[0.0, 0, 0], [1, 0, 0], [5, 5, 5]])
    assert jaxloss.mesh_laplacian_loss(vertices, np.array([[0, 1]])) == pytest.approx(2 / 3)


def test_a_bumpy_sheet_is_smoothed(rng):
    """Noise on a flat grid goes down by each of the two, while the border would shrink under the edge length alone."""
    side = 6
    grid = np.stack(np.meshgrid(*[np.arange(side)] * 2, indexing="ij"), -1).reshape(-1, 2)
    place = np.arange(side * side).reshape(side, side)
    a, b, c, d = place[:-1, :-1], place[1:, :-1], place[1:, 1:], place[:-1, 1:]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    heights = jnp.asarray(0.3 * rng.normal(size=side * side), jnp.float32)
    points = lambda h: jnp.concatenate([jnp.asarray(grid, jnp.float32), h[:, None]], -1)
    for loss, rows, rate in (
        (jaxloss.mesh_laplacian_loss, jaxloss.mesh_edges(faces), 1.0),
        (jaxloss.mesh_normal_consistency_loss, jaxloss.mesh_hinges(faces), 1.0),
    ):
        fn = lambda h, loss=loss, rows=rows: loss(points(h), rows)
        after, _ = jax.lax.scan(lambda h, _, fn=fn, rate=rate: (h - rate * jax.grad(fn)(h), None), heights, length=200)
        assert fn(after) < 0.8 * fn(heights)
        assert np.std(after) < np.std(heights)


def test_faces_are_refused():
    with pytest.raises(TypeError, match="faces"):
        jaxloss.mesh_edges([[0.0, 1.0, 2.0]])
    with pytest.raises(ValueError, match="faces"):
        jaxloss.mesh_hinges([[0, 1, 2, 3]])
    with pytest.raises(ValueError, match="edges"):
        jaxloss.mesh_edge_length_loss(CORNERS, HINGES)
    with pytest.raises(ValueError, match="hinges"):
        jaxloss.mesh_normal_consistency_loss(CORNERS, np.zeros((0, 4), int))
    with pytest.raises(TypeError, match="edges"):
        jaxloss.mesh_laplacian_loss(CORNERS, EDGES.astype(float))
