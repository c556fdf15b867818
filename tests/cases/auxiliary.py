"""Cases of `jaxloss.auxiliary`."""

from __future__ import annotations

import numpy as np
import scipy.special
import scipy.stats

import jaxloss
from tests.cases import Case, Inputs, Shape

_PARAMETERS = "a penalty on parameters: one number per model"

HELPERS = {
    "center_loss": "returns the moved centres beside the loss",
    "cutmix": "mixes images; not a loss",
    "elastic_net_penalty": _PARAMETERS,
    "group_lasso_penalty": _PARAMETERS,
    "init_center_loss": "makes the first state of center_loss",
    "jacobian_penalty": "takes a function; its tail is tested with it",
    "l1_penalty": _PARAMETERS,
    "l2_sp_penalty": _PARAMETERS,
    "mixup": "mixes examples; not a loss",
    "weight_orthogonality_penalty": _PARAMETERS,
}

UNITS = 4


def _logits(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"logits": 2 * rng.normal(size=(*batch, 5))}


def _certain(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"logits": 1e4 * np.eye(5)[rng.integers(0, 5, size=batch)]}


def _sparsity(activations, sparsity=0.05, epsilon=1e-6):
    rates = activations.mean(-2)
    return scipy.stats.entropy(
        np.stack([sparsity + 0 * rates, 1 - sparsity + 0 * rates]), np.stack([rates, 1 - rates])
    ).sum(-1)


def _cosines(representations):
    values = np.zeros(representations.shape[:-2])
    for pool in np.ndindex(values.shape):
        rows = representations[pool]
        squares = [(u @ v) ** 2 / (u @ u) / (v @ v) for i, u in enumerate(rows) for j, v in enumerate(rows) if i != j]
        values[pool] = np.mean(squares)
    return values


def _mixed(logits, labels, partner_labels, lam, label_smoothing=0.0):
    targets = lam * np.eye(5)[labels] + (1 - lam) * np.eye(5)[partner_labels]
    targets = (1 - label_smoothing) * targets + label_smoothing / 5
    return -np.sum(targets * scipy.special.log_softmax(logits, -1), -1)


SATURATED = np.array([[1e4, 0.0, -1e4], [-np.inf, 0.0, 1.0], [1e30, -1e30, 0.0], [0.0, 0.0, 0.0]])

CASES = [
    Case(
        fn=jaxloss.activity_l1_penalty,
        draw=lambda rng, batch: {"activations": 2 * rng.normal(size=batch)},
        oracle=lambda activations: np.abs(activations),
        source="numpy.abs",
        perfect=lambda rng, batch: {"activations": np.zeros(batch)},
        convex=True,
        extremes={"any size": {"activations": np.array([0.0, 1e30, -1e-30])}},
    ),
    Case(
        fn=jaxloss.kl_sparsity_penalty,
        draw=lambda rng, batch: {"activations": rng.uniform(0.02, 0.9, size=(*batch, UNITS))},
        oracle=_sparsity,
        source="scipy.stats.entropy of two coins",
        pooled=True,
        hypers={"sparsity": 0.1, "epsilon": 1e-3},
        bad_hypers=({"sparsity": 0.0}, {"sparsity": 1.0}, {"epsilon": 0.0}, {"epsilon": 0.5}),
        convex=True,
        extremes={
            "dead and always on": {"activations": np.array([[0.0, 1.0, 0.5], [0.0, 1.0, 1e-30]])},
        },
    ),
    Case(
        fn=jaxloss.representation_orthogonality_penalty,
        draw=lambda rng, batch: {"representations": rng.normal(size=(*batch, 3))},
        oracle=_cosines,
        source="formula, pair by pair",
        pooled=True,
        perfect=lambda rng, batch: {"representations": np.eye(batch[-1]) * rng.uniform(0.5, 2, size=(batch[-1], 1))},
        extremes={
            "zero, equal and opposite": {
                "representations": np.array([[0.0, 0.0], [1.0, 2.0], [1.0, 2.0], [-1.0, -2.0]])
            },
            "any size": {"representations": np.array([[1e30, 1e-30], [1e-30, 1e-30]])},
        },
        exempt={"weight_is_repetition": "a copy of a vector is a pair of vectors that are not orthogonal"},
    ),
    Case(
        fn=jaxloss.spectral_decoupling_penalty,
        draw=_logits,
        oracle=lambda logits: 0.5 * np.linalg.norm(logits, axis=-1) ** 2,
        source="numpy.linalg.norm",
        perfect=lambda rng, batch: {"logits": np.zeros((*batch, 3))},
        convex=True,
        extremes={"large": {"logits": np.array([[1e18, -1e18], [0.0, 1e-30]])}},
    ),
    Case(
        fn=jaxloss.entropy,
        draw=_logits,
        oracle=lambda logits: scipy.stats.entropy(scipy.special.softmax(logits, -1), axis=-1),
        source="scipy.stats.entropy",
        perfect=_certain,
        extremes={"saturated and absent": {"logits": SATURATED}},
    ),
    Case(
        fn=jaxloss.entropy_loss,
        draw=_logits,
        oracle=lambda logits: -scipy.stats.entropy(scipy.special.softmax(logits, -1), axis=-1),
        source="scipy.stats.entropy",
        bound=-float(np.log(5)) - 1e-6,
        extremes={"saturated and absent": {"logits": SATURATED}},
    ),
    Case(
        fn=jaxloss.mixup_cross_entropy,
        draw=lambda rng, batch: {
            **_logits(rng, batch),
            "labels": rng.integers(0, 5, size=batch).astype(np.int32),
            "partner_labels": rng.integers(0, 5, size=batch).astype(np.int32),
        },
        oracle=_mixed,
        source="scipy.special.log_softmax with mixed one-hot targets",
        hypers={"lam": 0.3, "label_smoothing": 0.1},
        bad_hypers=({"lam": -0.1}, {"lam": 1.5}, {"label_smoothing": 2.0}),
        labels="partner_labels",
        convex=True,
        extremes={
            "saturated": {
                "logits": np.array([[1e4, 0.0, -1e4], [0.0, -1e4, 1e4]]),
                "labels": np.array([0, 1], np.int32),
                "partner_labels": np.array([2, 1], np.int32),
            }
        },
    ),
]
