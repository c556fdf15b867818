"""Triangle meshes whose vertices are free and whose faces are fixed: edges, smoothness and creases."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.rows.directions import half_squared_chord
from jaxloss._floor.reduction import blank, plain_mean, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = [
    "mesh_edge_length_loss",
    "mesh_edges",
    "mesh_hinges",
    "mesh_laplacian_loss",
    "mesh_normal_consistency_loss",
]


def _faces(faces: ArrayLike) -> np.ndarray:
    array = np.asarray(faces)
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"faces must be integers, the vertices of triangles; found {array.dtype}.")
    if array.ndim != 2 or array.shape[1] != 3:
        raise ValueError(f"faces must have shape [F, 3], three vertices per triangle; found {array.shape}.")
    return array


def mesh_edges(faces: ArrayLike) -> np.ndarray:
    """The edges of a triangle mesh, each once: what `jaxloss.mesh_edge_length_loss` takes.

    Call it once, before training: faces are concrete numbers, and the number of edges sets the shapes of the program.

    Args:
        faces: Vertices of every triangle, shape ``[F, 3]``, integer, not traced.

    Returns:
        Shape ``[E, 2]``, int32, in increasing order.

    Raises:
        TypeError: If ``faces`` are not integers.
        ValueError: If the shape is not ``[F, 3]``.

    Example:
        >>> jaxloss.mesh_edges([[0, 1, 2], [2, 1, 3]]).tolist()
        [[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]]
    """
    corners = _faces(faces)
    pairs = np.sort(np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]]), axis=1)
    return np.unique(pairs, axis=0).astype(np.int32)


def mesh_hinges(faces: ArrayLike) -> np.ndarray:
    """The pairs of triangles of a mesh that share an edge: what `jaxloss.mesh_normal_consistency_loss` takes.

    Args:
        faces: See `jaxloss.mesh_edges`. Of more than two triangles at an edge every pair counts.

    Returns:
        Shape ``[H, 4]``, int32: the two vertices of the edge, and the third vertex of each triangle.

    Raises:
        TypeError: If ``faces`` are not integers.
        ValueError: If the shape is not ``[F, 3]``.

    Example:
        >>> jaxloss.mesh_hinges([[0, 1, 2], [2, 1, 3]]).tolist()
        [[1, 2, 0, 3]]
    """
    thirds: dict[tuple[int, int], list[int]] = {}
    for face in _faces(faces).tolist():
        for place in range(3):
            a, b, c = (face[(place + step) % 3] for step in range(3))
            thirds.setdefault((min(a, b), max(a, b)), []).append(c)
    found = [
        [a, b, one, other]
        for (a, b), around in sorted(thirds.items())
        for i, one in enumerate(around)
        for other in around[i + 1 :]
    ]
    return np.array(found, np.int32).reshape(-1, 4)


def _mesh(where: ArrayLike | None, vertices: ArrayLike, size: int, **indices: ArrayLike) -> tuple[Array, Array, Array]:
    """Vertices ``[..., V, 3]``, hidden where masked, ``size`` vertices per row of the indices, and if they exist."""
    ((name, rows),) = indices.items()
    (vertices,) = checks.floating(vertices=vertices)
    (rows,) = checks.integer(**{name: rows})
    checks.with_axes("vertices coordinates", vertices=vertices)
    checks.with_axes(f"{name} vertices", allow_empty=False, **{name: rows})
    checks.has_shape((*vertices.shape[:-1], 3), "three coordinates per vertex", vertices=vertices)
    checks.has_shape((rows.shape[0], size), f"{size} vertices in each row, for all meshes", **{name: rows})
    (vertices,) = blank(where, vertices, event_ndim=2)
    count = vertices.shape[-2]
    return vertices, jnp.clip(rows, 0, count - 1), jnp.all((rows >= 0) & (rows < count))


def _if_they_exist(values: Array, known: Array, name: str) -> Array:
    return value_checks.within_domain(values, jnp.broadcast_to(known, values.shape), f"{name} must be vertices")


def _at(vertices: Array, place: Array) -> Array:
    """The vertices ``[..., N, 3]`` at places ``[N]``."""
    return jnp.take(vertices, place, axis=-2, mode="clip")


def mesh_edge_length_loss(
    vertices: ArrayLike,
    edges: ArrayLike,
    *,
    target_length: Scalar = 0.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Edge length loss of a mesh: mean squared difference of the length of an edge from a target.

    .. math:: \ell = \frac1E \sum_{(i, j)} \left( \lVert v_i - v_j \rVert_2 - r \right)^2

    Beside a distance to the surface, such as `jaxloss.chamfer_distance` of samples, it keeps single vertices from
    flying away.

    Args:
        vertices: Vertices :math:`v`, shape ``[..., V, 3]``, floating.
        edges: Pairs of vertices, shape ``[E, 2]``, integer in ``[0, V)``, NaN otherwise; the same for all meshes:
            `jaxloss.mesh_edges`.
        target_length: :math:`r` >= 0.
        where, weights: One per mesh, shape ``[...]``; see `jaxloss.reduce`.
        reduction: Over the meshes; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of the vertices.

    Raises:
        TypeError: If ``vertices`` are not floating or ``edges`` not integer.
        ValueError: If the shapes do not match, an axis is empty, or ``target_length`` is negative.

    Example:
        >>> triangle = jnp.array([[0.0, 0.0, 0.0], [3.0, 0.0, 0.0], [0.0, 4.0, 0.0]])
        >>> jaxloss.mesh_edge_length_loss(triangle, jaxloss.mesh_edges([[0, 1, 2]]), target_length=4.0)
        Array(0.6666667, dtype=float32)

    Reference:
        Wang et al. (2018), Pixel2Mesh: Generating 3D Mesh Models from Single RGB Images.
        https://arxiv.org/abs/1804.01654
    """
    vertices, rows, known = _mesh(where, vertices, 2, edges=edges)
    target = checks.scalar("target_length", target_length, vertices.dtype, at_least=0)
    lengths = numerics.norm(numerics.difference(_at(vertices, rows[:, 0]), _at(vertices, rows[:, 1])))
    values = _if_they_exist(plain_mean(jnp.square(lengths - target), -1), known, "edges")
    return reduce(values, where=where, weights=weights, reduction=reduction)


def mesh_laplacian_loss(
    vertices: ArrayLike,
    edges: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Laplacian smoothing of a mesh: mean distance of a vertex from the centre of its neighbours.

    .. math:: \ell = \frac1V \sum_i \left\lVert \frac{1}{|N(i)|} \sum_{j \in N(i)} v_j - v_i \right\rVert_2

    The uniform Laplacian; PyTorch3D has others that depend on angles. A vertex without neighbours is at its place.

    Args:
        vertices, edges, where, weights, reduction: See `jaxloss.mesh_edge_length_loss`; each edge once.

    Returns:
        A scalar >= 0, in units of the vertices; 0, with zero gradient, if every vertex is the centre of its neighbours.

    Raises:
        TypeError: If ``vertices`` are not floating or ``edges`` not integer.
        ValueError: If the shapes do not match or an axis is empty.

    Example:
        >>> line = jnp.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
        >>> jaxloss.mesh_laplacian_loss(line, jnp.array([[0, 1], [1, 2]]))
        Array(0.6666667, dtype=float32)

    Reference:
        Desbrun et al. (1999), Implicit Fairing of Irregular Meshes using Diffusion and Curvature Flow.
        https://doi.org/10.1145/311535.311576
    """
    vertices, rows, known = _mesh(where, vertices, 2, edges=edges)
    first, second = rows[:, 0], rows[:, 1]
    # Of differences, so that nothing is lost far from the origin.
    pulls = numerics.difference(_at(vertices, second), _at(vertices, first))
    total = jnp.zeros_like(vertices).at[..., first, :].add(pulls).at[..., second, :].add(-pulls)
    degree = jnp.zeros(vertices.shape[-2], vertices.dtype).at[first].add(1).at[second].add(1)
    steps = total / jnp.expand_dims(jnp.maximum(degree, 1)[:, None], tuple(range(vertices.ndim - 2)))
    values = _if_they_exist(plain_mean(numerics.norm(steps), -1), known, "edges")
    return reduce(values, where=where, weights=weights, reduction=reduction)


def mesh_normal_consistency_loss(
    vertices: ArrayLike,
    hinges: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Normal consistency of a mesh: one minus the cosine between the normals of neighbouring triangles.

    .. math:: \ell = \frac1H \sum_{h} \left( 1 - \cos(n_h, n'_h) \right), \qquad
              n = (b - a) \times (c - a), \quad n' = (d - a) \times (b - a)

    for triangles with a common edge from a to b and third vertices c and d. The order of the vertices in the faces does
    not matter.

    Args:
        vertices: Shape ``[..., V, 3]``, floating.
        hinges: Vertices a, b, c, d of pairs of triangles, shape ``[H, 4]``, integer in ``[0, V)``, NaN otherwise; the
            same for all meshes: `jaxloss.mesh_hinges`.
        where, weights, reduction: See `jaxloss.mesh_edge_length_loss`.

    Returns:
        A scalar in [0, 2]; 0, with zero gradient, for a flat mesh. A triangle without area has no normal: its hinges
        count 1, without gradient.

    Raises:
        TypeError: If ``vertices`` are not floating or ``hinges`` not integer.
        ValueError: If the shapes do not match or an axis is empty.

    Example:
        >>> folded = jnp.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
        >>> jaxloss.mesh_normal_consistency_loss(folded, jaxloss.mesh_hinges([[0, 1, 2], [1, 0, 3]]))
        Array(1., dtype=float32)

    Reference:
        Ravi et al. (2020), Accelerating 3D Deep Learning with PyTorch3D. https://arxiv.org/abs/2007.08501
    """
    vertices, rows, known = _mesh(where, vertices, 4, hinges=hinges)
    start = _at(vertices, rows[:, 0])
    along, one, other = (numerics.difference(_at(vertices, rows[:, place]), start) for place in (1, 2, 3))
    along, one, other = (x / numerics.binary_scale_of(x) for x in (along, one, other))
    values = plain_mean(half_squared_chord(jnp.cross(along, one), jnp.cross(other, along)), -1)
    return reduce(_if_they_exist(values, known, "hinges"), where=where, weights=weights, reduction=reduction)
