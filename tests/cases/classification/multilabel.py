"""Cases of `jaxloss.classification.multilabel`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.classification._shared import FACTORS, certain_binary


def _multilabel(rng: np.random.Generator, batch: Shape, labels: int = 5) -> Inputs:
    return {"logits": 2 * rng.normal(size=(*batch, labels)), "targets": rng.uniform(size=(*batch, labels))}


def _certain_multilabel(rng: np.random.Generator, batch: Shape) -> Inputs:
    return certain_binary(rng, (*batch, 5))


def _asymmetric_oracle(logits, targets, gamma_positive=1.0, gamma_negative=4.0, clip=0.05):
    p = scipy.special.expit(logits)
    shifted = np.maximum(p - clip, 0)
    positive = targets * (1 - p) ** gamma_positive * np.log(p)
    return -np.sum(positive + (1 - targets) * shifted**gamma_negative * np.log(1 - shifted), -1)


def _soft_margin_oracle(logits, targets, class_weights=None):
    c = np.ones(logits.shape[-1]) if class_weights is None else class_weights
    terms = targets * scipy.special.log_expit(logits) + (1 - targets) * scipy.special.log_expit(-logits)
    return -(c * terms).mean(-1)


WIDE = {
    "logits": np.array([[1e4, -1e4, 0.0, 88.0, -88.0]] * 2),
    "targets": np.array([[0.0, 1.0, 0.5, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0, 0.0]]),
}
SURE = {"logits": np.array([[np.inf, -np.inf, 0.0, 1.0, -1.0]]), "targets": np.array([[1.0, 0.0, 0.5, 1.0, 0.0]])}

CASES = [
    Case(
        fn=jaxloss.asymmetric_multilabel_loss,
        boolean=True,
        draw=_multilabel,
        oracle=_asymmetric_oracle,
        source="formula of the paper",
        hypers={"gamma_positive": 0.5, "gamma_negative": 2.5, "clip": 0.1},
        bad_hypers=({"gamma_positive": -1.0}, {"gamma_negative": -0.5}, {"clip": 1.0}, {"clip": -0.1}),
        perfect=_certain_multilabel,
        extremes={"saturated": WIDE, "infinite": SURE},
        illegal={"targets": (-1.0, 1.5)},
        ends=tuple(
            {"gamma_positive": 0.5, "gamma_negative": 2.5, "clip": 0.1, **end}
            for end in ({"gamma_positive": 0.0}, {"gamma_negative": 0.0}, {"clip": 0.0})
        ),
        structures={"one label": lambda rng, batch: _multilabel(rng, batch, 1)},
    ),
    Case(
        fn=jaxloss.multilabel_soft_margin_loss,
        boolean=True,
        draw=_multilabel,
        oracle=_soft_margin_oracle,
        source="scipy.special.log_expit",
        hypers={"class_weights": FACTORS},
        bad_hypers=({"class_weights": np.ones(3)},),
        convex=True,
        perfect=_certain_multilabel,
        extremes={"saturated": WIDE, "infinite": SURE},
        illegal={"targets": (-1.0, 1.5)},
    ),
]
