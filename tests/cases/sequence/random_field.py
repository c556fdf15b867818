"""Cases of `jaxloss.sequence.random_field`."""

from __future__ import annotations

import itertools

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case, Inputs, Shape


def _tags(rng: np.random.Generator, batch: Shape, frames: int = 4, classes: int = 3) -> Inputs:
    return {
        "logits": rng.normal(size=(*batch, frames, classes)),
        "labels": rng.integers(0, classes, size=(*batch, frames)).astype(np.int32),
        "lengths": rng.integers(1, frames + 1, size=batch).astype(np.int32),
        "transitions": np.random.default_rng(1).normal(size=(classes, classes)),
    }


def _crf(logits, labels, lengths, transitions):
    """Over all label sequences."""
    result = np.empty(lengths.shape)
    for i in np.ndindex(result.shape):

        def score(path, z=logits[i]):
            return sum(z[t, k] for t, k in enumerate(path)) + sum(
                transitions[j, k] for j, k in itertools.pairwise(path)
            )

        paths = itertools.product(range(logits.shape[-1]), repeat=lengths[i])
        result[i] = scipy.special.logsumexp([score(path) for path in paths]) - score(labels[i][: lengths[i]])
    return result


def _tagged(rng: np.random.Generator, batch: Shape) -> Inputs:
    tags = _tags(rng, batch)
    return {**tags, "logits": 1e4 * np.eye(3)[tags["labels"]]}


def _one_tagging(logits: list, transitions: np.ndarray) -> Inputs:
    labels = np.array([[0, 1]], np.int32)
    return {
        "logits": np.array([logits]),
        "labels": labels,
        "lengths": np.array([2], np.int32),
        "transitions": transitions,
    }


CASES = [
    Case(
        fn=jaxloss.linear_chain_crf_nll,
        draw=_tags,
        structures={
            "one frame": lambda rng, batch: _tags(rng, batch, 1, 2),
            "one class": lambda rng, batch: _tags(rng, batch, 3, 1),
            "as many frames as classes": lambda rng, batch: _tags(rng, batch, 3, 3),
        },
        illegal={"lengths": (0, 5)},
        oracle=_crf,
        source="enumeration of all label sequences",
        shared=("transitions",),
        labels="labels",
        perfect=_tagged,
        convex=True,
        towards=lambda inputs: np.eye(3)[inputs["labels"]],
        extremes={
            "forbidden": _one_tagging([[0.0, -np.inf], [0.0, 0.0]], np.array([[-np.inf, 0.0], [-np.inf, -np.inf]])),
            "far": _one_tagging([[-1e30, 1e30], [1e30, -1e30]], np.zeros((2, 2))),
        },
        translates=(("logits",), ("transitions",)),
    ),
]
