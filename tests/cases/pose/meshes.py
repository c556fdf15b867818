"""Cases of the losses of meshes, on an octahedron and other small ones."""

from __future__ import annotations

import itertools

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.draws import Draw

HELPERS = {
    "mesh_edges": "the edges of faces, not a loss",
    "mesh_hinges": "the neighbouring faces of a mesh, not a loss",
}

OCTAHEDRON = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 4, 1], [5, 2, 1], [5, 3, 2], [5, 4, 3], [5, 1, 4]])
CORNERS = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0], [0, 0, -1]], float)
SQUARE = np.array([[0, 1, 2], [0, 2, 3]])


def _meshes(rows: str, faces: np.ndarray, **fixed: np.ndarray) -> Draw:
    indices = {"edges": jaxloss.mesh_edges, "hinges": jaxloss.mesh_hinges}[rows](faces)

    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        count = faces.max() + 1
        corners = CORNERS[:count] if count == len(CORNERS) else rng.normal(size=(count, 3))
        return {"vertices": corners + 0.3 * rng.normal(size=(*batch, count, 3)), rows: indices}

    return draw


def _each(one):
    def oracle(vertices, *rows, **options):
        batch = vertices.shape[:-2]
        (indices,) = rows or (options.pop("edges", None) if "edges" in options else options.pop("hinges"),)
        return np.reshape([one(vertices[i], indices, **options) for i in np.ndindex(batch)], batch)

    return oracle


def _edge_lengths(vertices, edges, target_length=0.0):
    return np.mean([(np.sqrt(np.sum((vertices[i] - vertices[j]) ** 2)) - target_length) ** 2 for i, j in edges])


def _laplacian(vertices, edges):
    """By the dense matrix of the uniform Laplacian."""
    matrix = np.zeros((len(vertices), len(vertices)))
    for i, j in edges:
        matrix[i, j] = matrix[j, i] = 1
    matrix /= matrix.sum(1, keepdims=True)
    return np.mean(np.linalg.norm((matrix - np.eye(len(vertices))) @ vertices, axis=1))


def _creases(vertices, hinges):
    """By unit normals, of faces in the order in which both sides of a flat surface agree."""
    found = []
    for a, b, c, d in hinges:
        normals = [np.cross(vertices[b] - vertices[a], vertices[c] - vertices[a])]
        normals += [np.cross(vertices[a] - vertices[b], vertices[d] - vertices[b])]
        one, other = (n / np.linalg.norm(n) for n in normals)
        found.append(1 - one @ other)
    return np.mean(found)


def _one_point(rng: np.random.Generator, batch: Shape) -> Inputs:
    vertices = np.broadcast_to(rng.normal(size=(*batch, 1, 3)), (*batch, 6, 3)).copy()
    return {"vertices": vertices, "edges": jaxloss.mesh_edges(OCTAHEDRON)}


def _flat(rng: np.random.Generator, batch: Shape) -> Inputs:
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)
    height = rng.integers(-3, 4, size=(*batch, 1, 1)) * np.array([0.0, 0.0, 1.0])
    return {"vertices": square + height, "hinges": jaxloss.mesh_hinges(SQUARE)}


def _edges(**meshes: np.ndarray) -> dict[str, Inputs]:
    return {n.replace("_", " "): {"vertices": x, "edges": jaxloss.mesh_edges(SQUARE)} for n, x in meshes.items()}


WIDE = np.array([[*itertools.repeat(0.0, 3)], [1, 0, 0], [1, 1, 0], [0, 1, 0.5]])

CASES = [
    Case(
        fn=jaxloss.mesh_edge_length_loss,
        draw=_meshes("edges", OCTAHEDRON),
        structures={"one triangle": _meshes("edges", SQUARE[:1])},
        oracle=_each(_edge_lengths),
        source="the formula, edge by edge",
        shared=("edges",),
        hypers={"target_length": 0.8},
        ends=({"target_length": 0.0},),
        bad_hypers=({"target_length": -1.0},),
        cancels="the length of an edge is near its target where the loss is small",
        extremes=_edges(one_point=np.zeros((1, 4, 3)), far=1e15 * WIDE[None], tiny=1e-15 * WIDE[None]),
        translates=(("vertices",),),
    ),
    Case(
        fn=jaxloss.mesh_laplacian_loss,
        draw=_meshes("edges", OCTAHEDRON),
        structures={"one triangle": _meshes("edges", SQUARE[:1])},
        oracle=_each(_laplacian),
        source="the dense matrix of the uniform Laplacian",
        shared=("edges",),
        perfect=_one_point,
        convex=True,
        ulps=8,  # a sum of differences of both signs
        extremes=_edges(one_point=np.zeros((1, 4, 3)), far=1e30 * WIDE[None], tiny=1e-30 * WIDE[None]),
        translates=(("vertices",),),
    ),
    Case(
        fn=jaxloss.mesh_normal_consistency_loss,
        draw=_meshes("hinges", OCTAHEDRON),
        structures={"two triangles": _meshes("hinges", SQUARE)},
        oracle=_each(_creases),
        source="cosines of unit normals, pair by pair",
        shared=("hinges",),
        perfect=_flat,
        ulps=16,  # a normal is a difference of products of differences
        extremes={
            name: {"vertices": x[None], "hinges": jaxloss.mesh_hinges(SQUARE)}
            for name, x in {
                "no area": np.zeros((4, 3)),
                "far": 1e30 * WIDE,
                "tiny": 1e-30 * WIDE,
                "folded": WIDE,
            }.items()
        },
        translates=(("vertices",),),
    ),
]
