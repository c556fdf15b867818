"""Cases of `jaxloss.pose.cameras`."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

import jaxloss
from tests.cases import Case, Inputs, Shape

HELPERS = {"project_points": "a projection, not a loss"}

INTRINSICS = np.array([[30.0, 0.5, 16.0], [0.0, 25.0, 12.0], [0.0, 0.0, 1.0]])


def _seen(rng: np.random.Generator, batch: Shape) -> Inputs:
    """A camera that looks at the origin from a distance of ten or so."""
    return {
        "points": rng.normal(size=(*batch, 3)),
        "observations": 16 + 10 * rng.normal(size=(*batch, 2)),
        "rotation": Rotation.from_rotvec(0.3 * rng.normal(size=3)).as_matrix(),
        "translation": np.array([0.1, -0.2, 10.0]),
        "intrinsics": INTRINSICS,
    }


def _pixels(points, rotation, translation, intrinsics):
    """By a matrix of three rows and four columns, of homogeneous points."""
    camera = intrinsics @ np.concatenate([rotation, translation[:, None]], axis=1)
    homogeneous = np.concatenate([points, np.ones((*points.shape[:-1], 1))], axis=-1) @ camera.T
    return homogeneous[..., :2] / homogeneous[..., 2:]


def _distance(points, observations, rotation, translation, intrinsics):
    return np.linalg.norm(_pixels(points, rotation, translation, intrinsics) - observations, axis=-1)


def _as_observed(rng: np.random.Generator, batch: Shape) -> Inputs:
    """Small whole numbers: both sides are exact."""
    points = np.concatenate([rng.integers(-3, 4, (*batch, 2)), np.full((*batch, 1), 2)], axis=-1).astype(float)
    intrinsics = np.array([[8.0, 0.0, 16.0], [0.0, 8.0, 12.0], [0.0, 0.0, 1.0]])
    camera = {"rotation": np.eye(3), "translation": np.array([0.0, 0.0, 2.0]), "intrinsics": intrinsics}
    return {"points": points, "observations": _pixels(points, **camera), **camera}


FAR = {"rotation": np.eye(3), "translation": np.zeros(3), "intrinsics": INTRINSICS}

CASES = [
    Case(
        fn=jaxloss.reprojection_error,
        draw=_seen,
        oracle=_distance,
        source="the projection by homogeneous coordinates, in NumPy",
        shared=("rotation", "translation", "intrinsics"),
        perfect=_as_observed,
        ulps=8.0,  # a pixel is rounded before it meets its observation
        extremes={
            "near and far": {
                "points": np.array([[0.0, 0, 1e-3], [1, 1, 1e6], [1e8, 0, 1], [0, 0, 1]]),
                "observations": np.array([[16.0, 12], [0, 0], [0, 0], [1e10, -1e10]]),
                **FAR,
            },
        },
    ),
]
