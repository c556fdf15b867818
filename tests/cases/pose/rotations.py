"""Cases of `jaxloss.pose.rotations`."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

import jaxloss
from tests.cases import Case, Inputs, Shape


def _turns(rng: np.random.Generator, batch: Shape) -> np.ndarray:
    turns = Rotation.random(int(np.prod(batch)), random_state=int(rng.integers(2**31)))
    return turns.as_matrix().reshape(*batch, 3, 3)


def _two(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"predictions": _turns(rng, batch), "targets": _turns(rng, batch)}


def _same(rng: np.random.Generator, batch: Shape) -> Inputs:
    targets = _turns(rng, batch)
    return {"predictions": targets.copy(), "targets": targets}


def _of_a_cube(rng: np.random.Generator, batch: Shape) -> Inputs:
    """Turns by a quarter and by a third, whose entries have no digits to round."""
    vectors = np.array([[0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5], [0, -0.5, 0], [1, 1, 1], [1, -1, 1]])
    vectors[:4] *= np.pi
    vectors[4:] *= 2 * np.pi / 3 / np.sqrt(3)
    turns = np.round(Rotation.from_rotvec(vectors).as_matrix())
    predictions = turns[rng.integers(len(turns), size=batch)]
    return {"predictions": predictions, "targets": np.broadcast_to(np.eye(3), predictions.shape).copy()}


def _magnitude(predictions, targets):
    flat = [Rotation.from_matrix(x.reshape(-1, 3, 3)) for x in (predictions, targets)]
    return (flat[1].inv() * flat[0]).magnitude().reshape(predictions.shape[:-2])


def _about_z(angles) -> np.ndarray:
    return Rotation.from_rotvec(np.asarray(angles)[:, None] * [0.0, 0.0, 1.0]).as_matrix()


def _quaternions(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"predictions": rng.normal(size=(*batch, 4)), "targets": rng.normal(size=(*batch, 4))}


def _opposite_signs(rng: np.random.Generator, batch: Shape) -> Inputs:
    targets = rng.normal(size=(*batch, 4))
    return {"predictions": -targets, "targets": targets}


def _half_angle(predictions, targets):
    one, two = (Rotation.from_quat(x.reshape(-1, 4)) for x in (predictions, targets))
    return (np.sin((two.inv() * one).magnitude() / 2) ** 2).reshape(predictions.shape[:-1])


EYE = np.eye(3)

CASES = [
    Case(
        fn=jaxloss.rotation_distance,
        draw=_two,
        oracle=_magnitude,
        source="scipy.spatial.transform.Rotation.magnitude",
        perfect=_same,
        half=_of_a_cube,
        extremes={
            "angles": {
                "predictions": _about_z([0.0, 1e-7, 1e-3, np.pi / 2, np.pi - 1e-3, np.pi]),
                "targets": np.broadcast_to(EYE, (6, 3, 3)).copy(),
            },
            "opposite": {
                "predictions": np.stack([np.diag([1.0, -1.0, -1.0]), np.diag([-1.0, -1.0, 1.0])]),
                "targets": np.stack([EYE, EYE]),
            },
        },
        mistakes={"orthonormal": lambda inputs: {**inputs, "predictions": 2 * inputs["predictions"]}},
    ),
    Case(
        fn=jaxloss.quaternion_distance,
        draw=_quaternions,
        oracle=_half_angle,
        source="scipy.spatial.transform.Rotation.magnitude",
        perfect=_opposite_signs,
        extremes={
            "zero": {"predictions": np.zeros((2, 4)), "targets": np.array([[0.0, 0, 0, 0], [0, 0, 0, 1]])},
            "perpendicular": {"predictions": np.array([[1.0, 0, 0, 0]]), "targets": np.array([[0.0, 1, 0, 0]])},
            "any length": {"predictions": 1e30 * np.ones((2, 4)), "targets": 1e-30 * np.ones((2, 4))},
        },
    ),
]
