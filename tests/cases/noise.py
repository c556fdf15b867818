"""Cases of the losses for noisy labels."""

from __future__ import annotations

import numpy as np
import scipy.optimize
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape


def _noisy(rng: np.random.Generator, batch: Shape) -> Inputs:
    transition = 0.7 * np.eye(5) + 0.3 * draws.simplex(rng, (5,), 5)
    return {**draws.scores_and_labels()(rng, batch), "transition": transition}


def _distributions(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"logits": 2 * rng.normal(size=(*batch, 5)), "targets": draws.simplex(rng, batch, 5)}


def _certain_labels(rng: np.random.Generator, batch: Shape) -> Inputs:
    labels = rng.integers(0, 5, size=batch).astype(np.int32)
    return {"logits": 1000 * np.eye(5)[labels], "labels": labels}


def _alone(rng: np.random.Generator, batch: Shape) -> Inputs:
    one_hot = np.eye(5)[rng.integers(0, 5, size=batch)]
    return {"logits": np.where(one_hot > 0, 0.0, -np.inf), "targets": one_hot}


def _log_p(logits, labels):
    return np.sum(np.eye(logits.shape[-1])[labels] * scipy.special.log_softmax(logits, -1), -1)


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


EDGES = np.array([[-np.inf, 0.0, 1.0, -np.inf, 2.0], [1e4, -1e4, 0.0, 0.0, 1.0], [-1e4, 1e4, 1e4, 0.0, 0.0]])
SATURATED = {"logits": EDGES, "labels": np.array([1, 1, 1], np.int32)}
BANDED = 0.75 * np.eye(5) + 0.25 * np.roll(np.eye(5), 1, axis=1)

CASES = [
    Case(
        fn=jaxloss.generalized_cross_entropy,
        draw=draws.scores_and_labels(),
        oracle=lambda logits, labels, q=0.7: (1 - np.exp(_log_p(logits, labels)) ** q) / q,
        source="scipy.special.log_softmax",
        hypers={"q": 0.3},
        bad_hypers=({"q": -0.1}, {"q": 1.1}),
        perfect=_certain_labels,
        labels="labels",
        extremes={"saturated and absent": SATURATED},
        tolerance=1e-11,
    ),
    Case(
        fn=jaxloss.symmetric_cross_entropy,
        draw=draws.scores_and_labels(),
        oracle=lambda logits, labels, alpha=0.1, beta=1.0, log_zero=-4.0: (
            -alpha * _log_p(logits, labels) - beta * log_zero * (1 - np.exp(_log_p(logits, labels)))
        ),
        source="scipy.special.log_softmax",
        hypers={"alpha": 0.4, "beta": 0.7, "log_zero": -9.0},
        bad_hypers=({"alpha": -0.1}, {"beta": -1.0}, {"log_zero": 0.0}),
        perfect=_certain_labels,
        labels="labels",
        extremes={"saturated and absent": SATURATED},
        tolerance=1e-11,
    ),
    Case(
        fn=jaxloss.forward_correction_loss,
        draw=_noisy,
        oracle=lambda logits, labels, transition: (
            -np.log(np.sum(np.eye(5)[labels] * (scipy.special.softmax(logits, -1) @ transition), -1))
        ),
        source="scipy.special.softmax",
        shared=("transition",),
        labels="labels",
        extremes={
            "saturated and absent": {**SATURATED, "transition": BANDED},
            "no noise": {**SATURATED, "transition": np.eye(5)},
        },
    ),
    Case(
        fn=jaxloss.backward_correction_loss,
        draw=_noisy,
        oracle=lambda logits, labels, transition: (
            -np.sum(
                np.eye(5)[labels]
                * np.linalg.solve(transition, scipy.special.log_softmax(logits, -1)[..., None])[..., 0],
                -1,
            )
        ),
        source="numpy.linalg.solve and scipy.special.log_softmax",
        shared=("transition",),
        bound=None,
        cancels="an inverse of a stochastic matrix has entries of both signs",
        ulps=8,  # the inverse of the matrix is computed in the working dtype
        labels="labels",
        extremes={
            "saturated": {"logits": EDGES[1:], "labels": np.array([1, 1], np.int32), "transition": BANDED},
            "no noise": {**SATURATED, "transition": np.eye(5)},
        },
    ),
    Case(
        fn=jaxloss.bi_tempered_logistic_loss,
        draw=_distributions,
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
    ),
]
