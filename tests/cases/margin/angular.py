"""Cases of `jaxloss.margin.angular`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case, Inputs, Shape


def _faces(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {
        "embeddings": rng.normal(size=(*batch, 4)),
        "labels": rng.integers(0, 5, size=batch).astype(np.int32),
        "kernel": rng.normal(size=(4, 5)),
    }


def _angular(turn):
    """Cross-entropy of cosines in which ``turn`` maps the angle to the true class to its cosine."""

    def oracle(embeddings, labels, kernel, scale, **hypers):
        units = embeddings / np.linalg.norm(embeddings, axis=-1, keepdims=True)
        angles = np.arccos(units @ (kernel / np.linalg.norm(kernel, axis=0)))
        own = np.arange(kernel.shape[-1]) == labels[..., None]
        logits = scale * np.where(own, turn(angles, **hypers), np.cos(angles))
        return -np.sum(np.where(own, scipy.special.log_softmax(logits, axis=-1), 0), axis=-1)

    return oracle


def _arcface(angles, margin):
    return np.where(angles <= np.pi - margin, np.cos(angles + margin), np.cos(angles) - margin * np.sin(margin))


SPHERE_EDGES = {
    "zero embeddings": {
        "embeddings": np.zeros((2, 3)),
        "labels": np.array([0, 1]),
        "kernel": np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]),
    },
    "zero centres": {"embeddings": np.ones((2, 3)), "labels": np.array([0, 1]), "kernel": np.zeros((3, 2))},
    "on and opposite the centre": {
        "embeddings": np.array([[2.0, 0.0], [-3.0, 0.0], [1e-3, -1e-3], [-2.0, 2.0]]),
        "labels": np.array([0, 0, 1, 1]),
        "kernel": np.array([[1.0, 1.0], [0.0, -1.0]]),
    },
    "large and small": {
        "embeddings": np.array([[1e38, 1e38], [1e-15, -2e-15]]),
        "labels": np.array([0, 1]),
        "kernel": np.array([[1e38, 1e-15], [-1e38, 1e-15]]),
    },
    "one class": {"embeddings": np.ones((2, 3)), "labels": np.zeros(2, int), "kernel": np.ones((3, 1))},
}


CASES = [
    Case(
        fn=fn,
        draw=_faces,
        oracle=oracle,
        source=source,
        hypers=hypers,
        bad_hypers=bad,
        shared=("kernel",),
        labels="labels",
        classes=lambda inputs: inputs["kernel"].shape[-1],
        ulps=16,
        extremes=SPHERE_EDGES,
    )
    for fn, oracle, source, hypers, bad in (
        (
            jaxloss.normalized_softmax_loss,
            lambda embeddings, labels, kernel, scale=20.0: _angular(np.cos)(embeddings, labels, kernel, scale),
            "Wang et al. (2017), with arccos",
            {"scale": 4.0},
            ({"scale": 0.0}, {"scale": -1.0}),
        ),
        (
            jaxloss.cosface_loss,
            lambda embeddings, labels, kernel, margin=0.35, scale=64.0: _angular(lambda a, m: np.cos(a) - m)(
                embeddings, labels, kernel, scale, m=margin
            ),
            "Wang et al. (2018), with arccos",
            {"scale": 4.0, "margin": 0.25},
            ({"scale": 0.0}, {"margin": -0.1}),
        ),
        (
            jaxloss.arcface_loss,
            lambda embeddings, labels, kernel, margin=0.5, scale=64.0: _angular(_arcface)(
                embeddings, labels, kernel, scale, margin=margin
            ),
            "Deng et al. (2019), with arccos",
            {"scale": 4.0, "margin": 0.75},
            ({"scale": 0.0}, {"margin": -0.1}, {"margin": 28.6}),
        ),
    )
]
