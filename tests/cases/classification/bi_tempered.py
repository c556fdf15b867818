"""Cases of `jaxloss.classification.noisy_labels.bi_tempered`."""

from __future__ import annotations

import numpy as np
import scipy.optimize

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape
from tests.cases.classification._shared import EDGES, distributions, two_classes


def _alone(rng: np.random.Generator, batch: Shape) -> Inputs:
    one_hot = np.eye(5)[rng.integers(0, 5, size=batch)]
    return {"logits": np.where(one_hot > 0, 0.0, -np.inf), "targets": one_hot}


def _exp_t(x, t):
    return np.exp(x) if t == 1 else np.maximum(1 + (1 - t) * x, 0) ** (1 / (1 - t))


def _log_t(x, t):
    return np.log(x) if t == 1 else (x ** (1 - t) - 1) / (1 - t)


def _bi_tempered_oracle(logits, targets, t1=0.8, t2=1.2):
    """The definition, its normaliser by Brent's method."""

    def one(z, y):
        low = np.max(z)
        high = low - _log_t(1 / z.size, t2) + 1e-9
        shift = scipy.optimize.brentq(lambda s: np.sum(_exp_t(z - s, t2)) - 1, low, high, xtol=1e-15, rtol=1e-15)
        p = _exp_t(z - shift, t2)
        return np.sum(y * (_log_t(y, t1) - _log_t(p, t1)) - (y ** (2 - t1) - p ** (2 - t1)) / (2 - t1))

    return np.vectorize(one, signature="(k),(k)->()")(logits, targets)


CASES = [
    Case(
        fn=jaxloss.bi_tempered_logistic_loss,
        mistakes={"sum to 1": draws.half_of("targets")},
        draw=distributions,
        oracle=_bi_tempered_oracle,
        source="definition, with scipy.optimize.brentq for the normaliser",
        hypers={"t1": 0.5, "t2": 1.5},
        bad_hypers=({"t1": -0.1}, {"t1": 2.0}, {"t2": 0.0}),
        perfect=_alone,
        cancels="near the targets it is the square of a difference of rounded logarithms",
        extremes={
            "saturated and absent": {"logits": EDGES, "targets": np.eye(5)[[1, 1, 0]]},
            "far": {"logits": 1e30 * np.eye(5)[:2], "targets": np.eye(5)[[1, 1]]},
            "soft": {"logits": EDGES[1:], "targets": np.full((2, 5), 0.2)},
        },
        tolerance=1e-11,
        illegal={"targets": (-0.1,)},
        ends=({"t1": 0.0, "t2": 1.5}, {"t1": 1.0, "t2": 1.5}, {"t1": 0.5, "t2": 1.0}),
        structures={"two classes": two_classes},
        translates=(("logits",),),
    ),
]
