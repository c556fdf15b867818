"""Cases of `jaxloss.classification.softmax`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape
from tests.cases.classification._shared import EDGES

CLASS_WEIGHTS = np.array([0.5, 2.0, 1.0, 0.25, 1.5])


def _targets(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"logits": 2 * rng.normal(size=(*batch, 5)), "targets": draws.simplex(rng, batch, 5)}


def _log_probs(rng: np.random.Generator, batch: Shape) -> Inputs:
    labels = rng.integers(0, 5, size=batch).astype(np.int32)
    return {"log_probs": np.log(draws.simplex(rng, batch, 5)), "labels": labels}


def _dense_oracle(logits, targets, label_smoothing=0.0, class_weights=None, z_loss=0.0):
    c = np.ones(logits.shape[-1]) if class_weights is None else class_weights
    smooth = (1 - label_smoothing) * targets + label_smoothing / logits.shape[-1]
    mass = 1.0 if class_weights is None else np.sum(c * targets, -1)
    each = -np.sum(c * smooth * scipy.special.log_softmax(logits, -1), -1)
    return each + mass * z_loss * scipy.special.logsumexp(logits, -1) ** 2


def _integer_oracle(logits, labels, **hypers):
    return _dense_oracle(logits, np.eye(logits.shape[-1])[labels], **hypers)


def _nll_oracle(log_probs, labels, class_weights=None):
    c = np.ones(log_probs.shape[-1]) if class_weights is None else class_weights
    return -np.sum(np.eye(log_probs.shape[-1])[labels] * c * log_probs, -1)


HYPERS = {"label_smoothing": 0.15, "class_weights": CLASS_WEIGHTS, "z_loss": 0.03}
BAD = ({"label_smoothing": -0.1}, {"label_smoothing": 1.1}, {"z_loss": -1.0}, {"class_weights": np.ones(3)})

CASES = [
    Case(
        fn=jaxloss.softmax_cross_entropy_with_integer_labels,
        draw=draws.scores_and_labels(),
        oracle=_integer_oracle,
        source="scipy.special.log_softmax and logsumexp",
        hypers=HYPERS,
        bad_hypers=BAD,
        convex=True,
        labels="labels",
        extremes={
            "saturated and absent": {"logits": EDGES, "labels": np.array([1, 1, 0], np.int32)},
            "large": {"logits": 1e18 * np.eye(5)[:1], "labels": np.array([1], np.int32)},
        },
        ends=tuple({**HYPERS, **end} for end in ({"label_smoothing": 0.0}, {"label_smoothing": 1.0}, {"z_loss": 0.0})),
    ),
    Case(
        fn=jaxloss.softmax_cross_entropy,
        mistakes={"sum to 1": draws.half_of("targets")},
        draw=_targets,
        oracle=_dense_oracle,
        source="scipy.special.log_softmax and logsumexp",
        hypers=HYPERS,
        bad_hypers=BAD,
        convex=True,
        extremes={"saturated and absent": {"logits": EDGES, "targets": np.eye(5)[[1, 1, 0]]}},
        ends=tuple({**HYPERS, **end} for end in ({"label_smoothing": 0.0}, {"label_smoothing": 1.0}, {"z_loss": 0.0})),
        illegal={"targets": (-0.1, -3.0)},
    ),
    Case(
        fn=jaxloss.nll_loss,
        draw=_log_probs,
        oracle=_nll_oracle,
        source="formula",
        hypers={"class_weights": CLASS_WEIGHTS},
        bad_hypers=({"class_weights": np.ones((5, 1))},),
        convex=True,
        labels="labels",
        extremes={
            "impossible class": {
                "log_probs": np.array([[-np.inf, 0.0, -9.0, -9.0, -9.0]]),
                "labels": np.array([1], np.int32),
            }
        },
        illegal={"log_probs": (0.1, 2.0)},
    ),
]
