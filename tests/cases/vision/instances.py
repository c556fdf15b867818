"""Cases of `jaxloss.vision.segmentation.instances`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape

MOST = 3


def _pixels(features: int):
    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        labels = rng.integers(0, MOST, size=batch).astype(np.int32)
        return {"embeddings": rng.normal(size=(*batch, features)), "labels": labels}

    return draw


def _terms(
    embeddings,
    labels,
    num_instances,
    pull_margin=0.5,
    push_margin=1.5,
    pull_weight=1.0,
    push_weight=1.0,
    norm_weight=1e-3,
):
    """Instance by instance and pair by pair."""
    values = np.zeros(labels.shape[:-1])
    for i in np.ndindex(values.shape):
        x, groups = embeddings[i], [np.flatnonzero(labels[i] == c) for c in range(num_instances)]
        groups = [g for g in groups if len(g)]
        means = [x[g].mean(0) for g in groups]
        pull = [
            np.mean(np.maximum(np.linalg.norm(x[g] - m, axis=-1) - pull_margin, 0) ** 2)
            for g, m in zip(groups, means, strict=True)
        ]
        push = [
            max(2 * push_margin - np.linalg.norm(a - b), 0) ** 2
            for j, a in enumerate(means)
            for k, b in enumerate(means)
            if j != k
        ]
        values[i] = pull_weight * np.mean(pull) + push_weight * (np.mean(push) if push else 0)
        values[i] += norm_weight * np.mean(np.linalg.norm(means, axis=-1))
    return values


FEW = np.array([[0.0, 1.0], [2.0, 0.0], [1.0, 1.0], [3.0, 5.0]])

HYPERS = {
    "num_instances": MOST,
    "pull_margin": 0.2,
    "push_margin": 1.0,
    "pull_weight": 0.7,
    "push_weight": 2.0,
    "norm_weight": 0.1,
}
NUMBERS = ("pull_margin", "push_margin", "pull_weight", "push_weight", "norm_weight")

CASES = [
    Case(
        fn=jaxloss.discriminative_loss,
        draw=_pixels(2),
        oracle=_terms,
        source="instance by instance, in NumPy",
        pooled=True,
        exempt={"says_where_its_examples_are": "a pool is one image"},
        hypers=HYPERS,
        ends=({**HYPERS, "pull_margin": 0.0, "push_margin": 0.0}, {**HYPERS, **dict.fromkeys(NUMBERS[2:], 0.0)}),
        static=("num_instances",),
        bad_hypers=({**HYPERS, "num_instances": 0}, *({**HYPERS, name: -1.0} for name in NUMBERS)),
        labels="labels",
        classes=lambda inputs: MOST,
        structures={"one feature": _pixels(1)},
        extremes={
            "one instance": {"embeddings": np.stack([FEW, 0 * FEW]), "labels": np.zeros((2, 4), np.int32)},
            "at one point": {"embeddings": np.ones((1, 4, 2)), "labels": np.array([[0, 1, 2, 0]], np.int32)},
            "large": {"embeddings": 1e15 * FEW[None], "labels": np.array([[0, 1, 1, 0]], np.int32)},
        },
    ),
]
