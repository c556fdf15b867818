"""Cases of `jaxloss.margin.angular.multiplied_angles`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.margin._faces import SPHERE_EDGES, faces


def _sphereface(embeddings, labels, kernel, multiple=4, scale=1.0):
    """Example by example, with the angle and its sector."""

    def one(x, y):
        angles = [np.arccos(x @ w / np.linalg.norm(x) / np.linalg.norm(w)) for w in kernel.T]
        sector = np.floor(angles[y] / (np.pi / multiple))
        own = (-1) ** sector * np.cos(multiple * angles[y]) - 2 * sector
        others = [np.cos(a) for k, a in enumerate(angles) if k != y]
        return np.log1p(np.sum(np.exp(scale * np.linalg.norm(x) * (np.array(others) - own))))

    flat = zip(embeddings.reshape(-1, embeddings.shape[-1]), labels.ravel(), strict=True)
    return np.reshape([one(x, y) for x, y in flat], labels.shape)


CASES = [
    Case(
        fn=jaxloss.sphereface_loss,
        draw=faces,
        oracle=_sphereface,
        source="Liu et al. (2017), with arccos",
        hypers={"scale": 0.75, "multiple": 3},
        static=("multiple",),
        ends=({"scale": 2.0, "multiple": 1},),
        bad_hypers=({"scale": 0.0}, {"multiple": 0}, {"multiple": 1.5}),
        shared=("kernel",),
        labels="labels",
        classes=lambda inputs: inputs["kernel"].shape[-1],
        ulps=16,
        extremes={name: inputs for name, inputs in SPHERE_EDGES.items() if name != "large and small"}
        | {
            "large and small": {
                "embeddings": np.array([[1e36, 1e36], [1e-15, -2e-15]]),
                "labels": np.array([0, 1]),
                "kernel": np.array([[1e38, 1.0], [-1e38, 1.0]]),
            }
        },
    ),
]
