"""Cases of `jaxloss.margin.angular.sub_centers`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.margin._faces import SPHERE_EDGES, arcface_turn, faces


def _with_centres(centres):
    def draw(rng, batch):
        return {**faces(rng, batch), "kernel": rng.normal(size=(4, 5, centres))}

    return draw


def _nearest(embeddings, labels, kernel, margin=0.5, scale=64.0):
    """Example by example, class by class, with the smallest angle to a centre of each."""

    def one(x, y):
        unit = lambda v: v / np.linalg.norm(v)
        angles = [min(np.arccos(unit(x) @ unit(w)) for w in kernel[:, k].T) for k in range(kernel.shape[1])]
        own = arcface_turn(angles[y], margin)
        others = [np.cos(a) for k, a in enumerate(angles) if k != y]
        return np.log1p(np.sum(np.exp(scale * (np.array(others) - own))))

    flat = zip(embeddings.reshape(-1, embeddings.shape[-1]), labels.ravel(), strict=True)
    return np.reshape([one(x, y) for x, y in flat], labels.shape)


CASES = [
    Case(
        fn=jaxloss.sub_center_arcface_loss,
        draw=_with_centres(3),
        structures={"one centre": _with_centres(1)},
        oracle=_nearest,
        source="Deng et al. (2020), with arccos",
        hypers={"scale": 4.0, "margin": 0.75},
        ends=({"scale": 4.0, "margin": 0.0}, {"scale": 4.0, "margin": np.pi}),
        bad_hypers=({"scale": 0.0}, {"margin": -0.1}, {"margin": 28.6}),
        shared=("kernel",),
        labels="labels",
        classes=lambda inputs: inputs["kernel"].shape[1],
        ulps=16,
        extremes={
            name: {**inputs, "kernel": np.stack([inputs["kernel"], np.roll(inputs["kernel"], 1, 0)], -1)}
            for name, inputs in SPHERE_EDGES.items()
        }
        | {"equal centres": {"embeddings": np.eye(2), "labels": np.array([0, 1]), "kernel": np.ones((2, 3, 2))}},
    ),
]
