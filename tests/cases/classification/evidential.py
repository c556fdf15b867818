"""Cases of `jaxloss.classification.evidential`."""

from __future__ import annotations

import numpy as np
import scipy.special
import scipy.stats

import jaxloss
from tests import draws
from tests.cases import Case


def _evidence(rng, batch, classes=5):
    inputs = draws.scores_and_labels(classes)(rng, batch)
    return {"evidence": np.exp(inputs["logits"] / 2), "labels": inputs["labels"]}


def _evidential(evidence, labels, kl_weight=1.0):
    def one(alpha, label):
        y = np.eye(alpha.size)[label]
        dirichlet, uniform = scipy.stats.dirichlet(alpha), np.ones(alpha.size)
        risk = np.sum((y - dirichlet.mean()) ** 2 + dirichlet.var())
        wrong = y + (1 - y) * alpha
        cross = np.sum((wrong - uniform) * (scipy.special.psi(wrong) - scipy.special.psi(wrong.sum())))
        norms = [scipy.special.gammaln(a).sum() - scipy.special.gammaln(a.sum()) for a in (uniform, wrong)]
        return risk + kl_weight * (cross + norms[0] - norms[1])

    rows = zip(evidence.reshape(-1, evidence.shape[-1]), labels.ravel(), strict=True)
    return np.array([one(1 + e, y) for e, y in rows]).reshape(labels.shape)


CASES = [
    Case(
        fn=jaxloss.evidential_classification_loss,
        draw=_evidence,
        oracle=_evidential,
        source="scipy.stats.dirichlet and the log-gamma form of the divergence",
        hypers={"kl_weight": 0.4},
        bad_hypers=({"kl_weight": -0.1},),
        extremes={
            "no evidence": {"evidence": np.zeros((1, 3)), "labels": np.array([1], np.int32)},
            "much": {
                "evidence": np.array([[1e30, 0, 1e-30], [1e30, 1e30, 1e10]]),
                "labels": np.array([0, 1], np.int32),
            },
        },
        labels="labels",
        illegal={"evidence": (-0.5, -3.0)},
        ends=({"kl_weight": 0.0},),
        structures={
            "one class": lambda rng, batch: _evidence(rng, batch, 1),
            "two classes": lambda rng, batch: _evidence(rng, batch, 2),
        },
    ),
]
