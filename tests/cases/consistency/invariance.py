"""Cases of invariance across environments."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests import draws
from tests.cases import Case


def _risk_slope(logits, labels):
    """The squared derivative of the mean cross-entropy of ``w * logits`` in ``w`` at 1, by a complex step."""
    w = 1 + 1e-30j
    scaled = w * (logits - logits.max(-1, keepdims=True))
    at_label = np.take_along_axis(scaled, labels[..., None], axis=-1)[..., 0]
    risk = (np.log(np.exp(scaled).sum(-1)) - at_label).mean(-1)
    return (risk.imag / 1e-30) ** 2


def _labels(*labels: int) -> np.ndarray:
    return np.array(labels, np.int32)


CASES = [
    Case(
        fn=jaxloss.irm_penalty,
        draw=draws.scores_and_labels(),
        structures={"one class": draws.scores_and_labels(1), "two classes": draws.scores_and_labels(2)},
        oracle=_risk_slope,
        source="Arjovsky et al. (2019), the derivative of the risk by a complex step",
        pooled=True,
        labels="labels",
        cancels="slopes of either sign add up to that of an environment",
        extremes={
            "right and wrong": {"logits": np.array([[1e4, 0.0], [0.0, 1e4]]), "labels": _labels(0, 0)},
            "certain": {"logits": np.array([[1e4, 0.0], [0.0, 1e4]]), "labels": _labels(0, 1)},
            "absent": {"logits": np.array([[-np.inf, 0.0, 1.0]] * 2), "labels": _labels(1, 2)},
            "zero": {"logits": np.zeros((3, 2)), "labels": _labels(0, 1, 1)},
            "large": {"logits": np.array([[1e18, -1e18], [0.0, 0.0]]), "labels": _labels(1, 1)},
        },
        translates=(("logits",),),
    ),
]
