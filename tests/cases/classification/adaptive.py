"""Cases of `jaxloss.classification.large_vocabularies.adaptive`."""

from __future__ import annotations

import functools

import jax.numpy as jnp
import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case

WIDTH, HEAD, TAILS = 6, 4, ((3, 5), (2, 8))
"""Features, classes of the head, and the width and the classes of each cluster."""


def _pairs(packed):
    """The kernels of the clusters, which the Case keeps in one vector: its inputs are arrays, not trees."""
    pairs, at = [], 0
    for width, classes in TAILS:
        ends = at + WIDTH * width, at + WIDTH * width + width * classes
        pairs.append((packed[at : ends[0]].reshape(WIDTH, width), packed[ends[0] : ends[1]].reshape(width, classes)))
        at = ends[1]
    return pairs


@functools.wraps(jaxloss.adaptive_softmax_loss)
def _packed_adaptive_softmax(hidden, labels, head_kernel, tail_kernels, **kwargs):
    pairs = _pairs(jnp.asarray(tail_kernels))
    return jaxloss.adaptive_softmax_loss(hidden, labels, head_kernel, pairs, **kwargs)


def _hidden(rng, batch):
    vocabulary = HEAD + sum(classes for _, classes in TAILS)
    size = sum(WIDTH * width + width * classes for width, classes in TAILS)
    kernels = np.random.default_rng(11)
    return {
        "hidden": rng.normal(size=(*batch, WIDTH)),
        "labels": rng.integers(0, vocabulary, batch).astype(np.int32),
        "head_kernel": kernels.normal(size=(WIDTH, HEAD + len(TAILS))),
        "tail_kernels": kernels.normal(size=size),
    }


def _whole_vocabulary(hidden, labels, head_kernel, tail_kernels):
    """Log-probabilities of every class, side by side."""
    head = scipy.special.log_softmax(hidden @ head_kernel, -1)
    blocks = [head[..., :HEAD]]
    for i, (projection, kernel) in enumerate(_pairs(tail_kernels)):
        below = scipy.special.log_softmax(hidden @ (projection @ kernel), -1)
        blocks.append(head[..., HEAD + i : HEAD + i + 1] + below)
    return -np.take_along_axis(np.concatenate(blocks, -1), labels[..., None], -1)[..., 0]


CASES = [
    Case(
        fn=_packed_adaptive_softmax,
        draw=_hidden,
        oracle=_whole_vocabulary,
        source="scipy.special.log_softmax over the whole vocabulary",
        shared=("head_kernel", "tail_kernels"),
        convex=True,
        extremes={
            "saturated": {**(drawn := _hidden(np.random.default_rng(3), (4,))), "hidden": 1e4 * drawn["hidden"]},
            "no features": {**drawn, "hidden": np.zeros((4, WIDTH))},
        },
        labels="labels",
        classes=lambda _: HEAD + sum(classes for _, classes in TAILS),
    ),
]
