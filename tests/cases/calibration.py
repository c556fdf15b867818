"""Cases of `jaxloss.classification.calibration`."""

from __future__ import annotations

import numpy as np
import scipy.special
import scipy.stats

import jaxloss
from tests import draws
from tests.cases import Case

LARGE = {"logits": np.array([[1e4, -1e4, 0.0], [0.0, 0.0, 0.0]]), "labels": np.array([1, 2], np.int32)}
ABSENT = {"logits": np.array([[1.0, -np.inf, 0.0]]), "labels": np.array([2], np.int32)}
LABELLED = draws.scores_and_labels()


def _nll(logits, labels):
    return -np.take_along_axis(scipy.special.log_softmax(logits, -1), labels[..., None], -1)[..., 0]


def _soft_bins(logits, labels, num_bins=15, temperature=0.01):
    probs = scipy.special.softmax(logits, -1)
    confidence, correct = probs.max(-1), probs.argmax(-1) == labels
    centres = (np.arange(num_bins) + 0.5) / num_bins
    kernel = np.exp(-((confidence[..., None] - centres) ** 2) / temperature)
    member = kernel / kernel.sum(-1, keepdims=True)
    size = member.sum(-2)
    gaps = (member * correct[..., None]).sum(-2) / size - (member * confidence[..., None]).sum(-2) / size
    return np.sqrt((size / confidence.shape[-1] * gaps**2).sum(-1))


def _certain(rng, batch):
    labels = rng.integers(0, 5, batch).astype(np.int32)
    return {"logits": 1e3 * np.eye(5)[labels], "labels": labels}


def _margin(logits, labels, margin=10.0, coefficient=0.1):
    far = logits.max(-1, keepdims=True) - logits - margin
    return _nll(logits, labels) + coefficient * np.clip(far, 0, None).sum(-1)


def _evidence(rng, batch):
    inputs = LABELLED(rng, batch)
    return {"evidence": np.exp(inputs["logits"] / 2), "labels": inputs["labels"]}


def _evidential(evidence, labels, kl_coefficient=1.0):
    def one(alpha, label):
        y = np.eye(alpha.size)[label]
        dirichlet, uniform = scipy.stats.dirichlet(alpha), np.ones(alpha.size)
        risk = np.sum((y - dirichlet.mean()) ** 2 + dirichlet.var())
        wrong = y + (1 - y) * alpha
        cross = np.sum((wrong - uniform) * (scipy.special.psi(wrong) - scipy.special.psi(wrong.sum())))
        norms = [scipy.special.gammaln(a).sum() - scipy.special.gammaln(a.sum()) for a in (uniform, wrong)]
        return risk + kl_coefficient * (cross + norms[0] - norms[1])

    rows = zip(evidence.reshape(-1, evidence.shape[-1]), labels.ravel(), strict=True)
    return np.array([one(1 + e, y) for e, y in rows]).reshape(labels.shape)


CASES = [
    Case(
        fn=jaxloss.soft_ece,
        draw=LABELLED,
        oracle=_soft_bins,
        source="formula of the paper",
        hypers={"num_bins": 7, "temperature": 0.03},
        static=("num_bins",),
        bad_hypers=({"num_bins": 0}, {"num_bins": 2.0}, {"temperature": 0.0}),
        pooled=True,
        perfect=_certain,
        cancels="calibration is a difference of averages",
        extremes={
            "large": LARGE,
            "absent class": ABSENT,
            "certain": {"logits": 1e4 * np.eye(3), "labels": np.arange(3, dtype=np.int32)},
        },
        labels="labels",
        exempt={
            "labels_out_of_range_never_train": "one bad label makes its whole pool NaN; see test_calibration",
        },
    ),
    Case(
        fn=jaxloss.margin_label_smoothing_loss,
        draw=LABELLED,
        oracle=_margin,
        source="formula of the paper",
        hypers={"margin": 1.5, "coefficient": 0.3},
        bad_hypers=({"margin": -1.0}, {"coefficient": -0.1}),
        convex=True,
        extremes={"large": LARGE, "absent class": ABSENT},
        labels="labels",
    ),
    Case(
        fn=jaxloss.temperature_scaling_nll,
        draw=LABELLED,
        oracle=lambda logits, labels, temperature: _nll(logits / temperature, labels),
        source="scipy.special.log_softmax of the scaled logits",
        hypers={"temperature": 1.7},
        bad_hypers=({"temperature": 0.0},),
        convex=True,
        extremes={"large": LARGE, "absent class": ABSENT},
        labels="labels",
    ),
    Case(
        fn=jaxloss.evidential_classification_loss,
        draw=_evidence,
        oracle=_evidential,
        source="scipy.stats.dirichlet and the log-gamma form of the divergence",
        hypers={"kl_coefficient": 0.4},
        bad_hypers=({"kl_coefficient": -0.1},),
        extremes={
            "no evidence": {"evidence": np.zeros((1, 3)), "labels": np.array([1], np.int32)},
            "much": {
                "evidence": np.array([[1e30, 0, 1e-30], [1e30, 1e30, 1e10]]),
                "labels": np.array([0, 1], np.int32),
            },
        },
        labels="labels",
    ),
]
