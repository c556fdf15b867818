"""Cases of `jaxloss.representation.class_prototypes.several_centers`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.representation._shared import ROUNDED, D

C = 4


def _compared(centers=3, size=D):
    def draw(rng, batch):
        return {
            "embeddings": rng.normal(size=(*batch, size)),
            "labels": rng.integers(0, C, size=batch).astype(np.int32),
            "proxies": np.random.default_rng(7).normal(size=(C, centers, size)),
        }

    return draw


def _soft_triple(embeddings, labels, proxies, temperature=0.1, margin=0.01, scale=20.0):
    """Example by example, class by class."""
    unit = lambda v: v / np.linalg.norm(v)

    def one(x, y):
        cosines = [np.array([unit(x) @ unit(w) for w in own]) for own in proxies]
        nearness = np.array([scipy.special.softmax(s / temperature) @ s for s in cosines])
        return -scipy.special.log_softmax(scale * (nearness - margin * (np.arange(len(proxies)) == y)))[y]

    flat = zip(embeddings.reshape(-1, embeddings.shape[-1]), labels.ravel(), strict=True)
    return np.reshape([one(x, y) for x, y in flat], labels.shape)


CENTERS = np.stack([np.eye(3), np.roll(np.eye(3), 1, 0)], 1)

CASES = [
    Case(
        fn=jaxloss.soft_triple_loss,
        draw=_compared(),
        structures={"one centre": _compared(1), "two features": _compared(3, 2)},
        oracle=_soft_triple,
        source="Qian et al. (2019), equations 6 to 8, class by class",
        hypers={"temperature": 0.3, "margin": 0.2, "scale": 4.0},
        ends=({"temperature": 0.3, "margin": 0.0, "scale": 4.0},),
        bad_hypers=({"temperature": 0.0}, {"margin": -0.1}, {"scale": 0.0}),
        shared=("proxies",),
        labels="labels",
        classes=lambda inputs: len(inputs["proxies"]),
        ulps=2 * ROUNDED,
        extremes={
            "zeros": {"embeddings": np.zeros((2, 3)), "labels": np.array([0, 1]), "proxies": CENTERS},
            "zero proxies": {"embeddings": np.ones((2, 3)), "labels": np.array([0, 1]), "proxies": 0 * CENTERS},
            "at the proxies": {"embeddings": np.eye(3), "labels": np.arange(3), "proxies": CENTERS},
            "opposite": {"embeddings": -np.eye(3), "labels": np.arange(3), "proxies": CENTERS},
            "equal centres": {"embeddings": np.eye(3), "labels": np.arange(3), "proxies": np.ones((3, 2, 3))},
            "large": {"embeddings": 1e30 * np.eye(3), "labels": np.array([1, 1, 1]), "proxies": -1e30 * CENTERS},
        },
    ),
]
