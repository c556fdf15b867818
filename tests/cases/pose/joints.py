"""Cases of `jaxloss.pose.joints`."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

import jaxloss
from tests.cases import Case, Inputs, Shape


def _poses(coordinates: int):
    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        targets = rng.normal(size=(*batch, coordinates))
        return {"predictions": 2 * targets + 0.5 * rng.normal(size=targets.shape) + 3, "targets": targets}

    return draw


def _turn(pose, target):
    """The best rotation of centred joints ``[J, D]``; by a complex number in the plane."""
    if pose.shape[-1] == 3:
        return Rotation.align_vectors(target, pose)[0].as_matrix()
    turn = np.sum((target[:, 0] + 1j * target[:, 1]) * (pose[:, 0] - 1j * pose[:, 1]))
    cos, sin = np.real(turn / abs(turn)), np.imag(turn / abs(turn))
    return np.array([[cos, -sin], [sin, cos]])


def _aligned_error(predictions, targets):
    values = np.zeros(predictions.shape[:-2])
    for i in np.ndindex(values.shape):
        pose, target = (x[i] - x[i].mean(0) for x in (predictions, targets))
        turned = pose @ _turn(pose, target).T
        scale = np.sum(turned * target) / np.sum(pose**2)
        values[i] = np.mean(np.linalg.norm(scale * turned - target, axis=-1))
    return values


def _same_shape(rng: np.random.Generator, batch: Shape) -> Inputs:
    targets = rng.normal(size=(*batch, 3))
    return {"predictions": targets.copy(), "targets": targets}


def _bones(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"predictions": rng.normal(size=(*batch, 3)), "targets": rng.normal(size=(*batch, 3))}


def _as_long(rng: np.random.Generator, batch: Shape) -> Inputs:
    targets = rng.normal(size=(*batch, 3))
    return {"predictions": targets.copy(), "targets": targets}


LINE = np.linspace(-1, 1, 5)[:, None] * np.ones(3)
FLAT = np.array([[0.0, 0, 0], [1, 0, 0], [1, 2, 0], [3, 1, 0], [0, 1, 0]])

CASES = [
    Case(
        fn=jaxloss.procrustes_aligned_error,
        draw=_poses(3),
        oracle=_aligned_error,
        source="scipy.spatial.transform.Rotation.align_vectors, and least squares for the scale",
        pooled=True,
        exempt={
            "says_where_its_examples_are": "a pool is one pose",
            "close_predictions_keep_their_digits": "the rotation is rounded before it meets the pose",
            "moved_inputs_keep_the_digits_of_the_others": "small slopes are differences of what the alignment takes back",
        },
        ulps=24.0,  # the same
        tolerance=1e-9,  # of the rotation that the oracle finds
        cancels="what is left of a pose after its alignment",
        perfect=_same_shape,
        structures={"plane": _poses(2)},
        extremes={
            "nothing": {"predictions": np.zeros((2, 5, 3)), "targets": np.stack([FLAT, 0 * FLAT])},
            "line": {"predictions": np.stack([LINE, FLAT]), "targets": np.stack([FLAT, LINE])},
            "flat and mirrored": {
                "predictions": np.stack([FLAT, FLAT * [1, -1, 1]]),
                "targets": np.stack([FLAT, FLAT]),
            },
            "any size": {"predictions": np.stack([1e30 * FLAT, 1e-30 * FLAT]), "targets": np.stack([FLAT, FLAT])},
        },
        translates=(("predictions",), ("targets",)),
    ),
    Case(
        fn=jaxloss.bone_length_error,
        draw=_bones,
        oracle=lambda predictions, targets: np.abs(
            np.linalg.norm(predictions, axis=-1) - np.linalg.norm(targets, axis=-1)
        ),
        source="numpy.linalg.norm",
        perfect=_as_long,
        extremes={
            "nothing": {"predictions": np.zeros((2, 3)), "targets": np.array([[0.0, 0, 0], [1, 2, 3]])},
            "any size": {"predictions": 1e30 * FLAT[:2], "targets": 1e-30 * FLAT[:2]},
        },
    ),
]
