"""Cases of the self-supervised losses and of distillation in `jaxloss.representation`."""

from __future__ import annotations

import numpy as np
import scipy.spatial.distance
import scipy.special
import scipy.stats

import jaxloss
from tests.cases import Case

HELPERS = {
    "dino_init": "the state of dino_loss before its first step",
    "dino_loss": "takes a centre and returns the loss with the next one",
}

CONSTANT = "held constant: the gradient is stopped"
D, K = 3, 5


def _two(first, second, size=D):
    return lambda rng, batch: {name: rng.normal(size=(*batch, size)) for name in (first, second)}


def _same(first, second, size=D):
    def draw(rng, batch):
        values = rng.normal(size=(*batch, size))
        return {first: values, second: values.copy()}

    return draw


def _views(rng, batch):
    """Two views that agree in part, of features that differ in scale and are correlated."""
    shared = rng.normal(size=(*batch, D))
    mix = np.array([[0.5, 0.3, 0.0], [0.0, 0.8, 0.4], [0.0, 0.0, 1.2]])
    return {name: (shared + 0.5 * rng.normal(size=(*batch, D))) @ mix + 0.7 for name in ("first", "second")}


def _spread_view(rng, batch):
    """One feature, equal in both views and of large spread."""
    values = 5.0 * np.arange(batch[-1]) + rng.normal(size=batch)
    return {"first": values[..., None], "second": values[..., None].copy()}


def _in_sets(one):
    def oracle(first, second, **hypers):
        batch = first.shape[:-2]
        return np.reshape([one(first[i], second[i], **hypers) for i in np.ndindex(batch)], batch)

    return oracle


def _barlow_twins(a, b, redundancy=0.005):
    correlation = np.corrcoef(a.T, b.T)[: a.shape[1], a.shape[1] :]
    gap = (correlation - np.eye(len(correlation))) ** 2
    return np.trace(gap) + redundancy * (gap.sum() - np.trace(gap))


def _vicreg(a, b, invariance=25.0, variance=25.0, covariance=1.0, epsilon=1e-4):
    total = invariance * np.mean((a - b) ** 2)
    for z in (a, b):
        spread = np.atleast_2d(np.cov(z.T))
        total += variance / 2 * np.mean(np.maximum(0, 1 - np.sqrt(np.diag(spread) + epsilon)))
        total += covariance * (np.sum(spread**2) - np.sum(np.diag(spread) ** 2)) / len(spread)
    return total


def _cosine(x, y):
    flat = zip(x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1]), strict=True)
    return np.array([1 - scipy.spatial.distance.cosine(a, b) for a, b in flat]).reshape(x.shape[:-1])


def _four(rng, batch):
    names = ("first_predictions", "second_predictions", "first_projections", "second_projections")
    return {name: rng.normal(size=(*batch, D)) for name in names}


def _agreeing(rng, batch):
    inputs = _four(rng, batch)
    first, second = inputs["first_predictions"], inputs["second_predictions"]
    return {**inputs, "first_projections": second.copy(), "second_projections": first.copy()}


def _kd(logits, teacher_logits, temperature=2.0):
    p, q = (scipy.special.softmax(x / temperature, axis=-1) for x in (teacher_logits, logits))
    return temperature**2 * scipy.stats.entropy(p, q, axis=-1)


def _jsd(logits, teacher_logits, beta=0.5):
    p, q = (scipy.special.softmax(x, axis=-1) for x in (teacher_logits, logits))
    mixture = beta * p + (1 - beta) * q
    return beta * scipy.stats.entropy(p, mixture, axis=-1) + (1 - beta) * scipy.stats.entropy(q, mixture, axis=-1)


VIEWS = {
    "constant": {"first": np.full((4, 2), 0.1), "second": np.full((4, 2), 0.3)},
    "zeros": {"first": np.zeros((3, 2)), "second": np.zeros((3, 2))},
    "one example": {"first": np.ones((1, 2)), "second": np.ones((1, 2))},
    "one feature dead": {"first": np.array([[1.0, 0], [2, 0]]), "second": np.array([[1.0, 3], [2, 4]])},
}

VECTORS = {
    "large": (np.full((2, 2), 1e30), np.full((2, 2), -1e30)),
    "zero": (np.zeros((2, 2)), np.ones((2, 2))),
    "tiny": (np.full((2, 2), 1e-30), np.full((2, 2), 1e-30)),
}

LOGITS = {
    "saturated": (np.array([[1e4, -1e4, 0.0]]), np.array([[-1e4, 1e4, 0.0]])),
    "equal": (np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 2.0, 3.0]])),
    "absent from both": (np.array([[1.0, -np.inf, 3.0]]), np.array([[2.0, -np.inf, 3.0]])),
    "absent from the teacher": (np.array([[1.0, 2.0, 3.0]]), np.array([[2.0, -np.inf, 3.0]])),
    "far": (np.array([[0.0, -200.0]]), np.array([[-200.0, 0.0]])),
}


def _named(edges, first, second):
    return {name: {first: x, second: y} for name, (x, y) in edges.items()}


CASES = [
    Case(
        fn=jaxloss.barlow_twins_loss,
        draw=_views,
        oracle=_in_sets(_barlow_twins),
        source="numpy.corrcoef",
        hypers={"redundancy": 0.3},
        pooled=True,
        bad_hypers=({"redundancy": -0.1},),
        perfect=_spread_view,
        ulps=16,  # a square of a correlation, which is a sum of products of both signs
        extremes={**VIEWS, "large": {"first": 1e30 * np.eye(3), "second": -1e30 * np.eye(3)}},
    ),
    Case(
        fn=jaxloss.vicreg_loss,
        draw=_views,
        oracle=_in_sets(_vicreg),
        source="numpy.cov",
        hypers={"invariance": 7.0, "variance": 5.0, "covariance": 2.0, "epsilon": 0.01},
        pooled=True,
        bad_hypers=({"invariance": -1.0}, {"variance": -1.0}, {"covariance": -1.0}, {"epsilon": 0.0}),
        perfect=_spread_view,
        ulps=16,  # a square of a covariance, which is a sum of products of both signs
        exempt={"weight_is_repetition": "the unbiased covariance knows how many examples there are"},
        extremes={**VIEWS, "large": {"first": 1e8 * np.eye(3), "second": -1e8 * np.eye(3)}},
    ),
    Case(
        fn=jaxloss.negative_cosine_loss,
        draw=_two("predictions", "targets"),
        oracle=lambda predictions, targets: -_cosine(predictions, targets),
        source="scipy.spatial.distance.cosine",
        bound=-1.0,
        perfect=_same("predictions", "targets"),
        best=-1.0,
        cancels="a cosine has values on both sides of 0",
        extremes=_named(VECTORS, "predictions", "targets"),
    ),
    Case(
        fn=jaxloss.byol_loss,
        draw=_two("predictions", "targets"),
        oracle=lambda predictions, targets: 2 - 2 * _cosine(predictions, targets),
        source="scipy.spatial.distance.cosine",
        fixed={"targets": CONSTANT},
        perfect=_same("predictions", "targets"),
        extremes=_named(VECTORS, "predictions", "targets"),
    ),
    Case(
        fn=jaxloss.simsiam_loss,
        draw=_four,
        oracle=lambda first_predictions, second_predictions, first_projections, second_projections: (
            -(_cosine(first_predictions, second_projections) + _cosine(second_predictions, first_projections)) / 2
        ),
        source="scipy.spatial.distance.cosine",
        fixed={"first_projections": CONSTANT, "second_projections": CONSTANT},
        bound=-1.0,
        perfect=_agreeing,
        best=-1.0,
        cancels="a cosine has values on both sides of 0",
        extremes={
            "zero": {n: np.zeros((2, 2)) for n in _four(np.random.default_rng(0), ())},
            "large": {n: np.full((2, 2), 1e30) for n in _four(np.random.default_rng(0), ())},
        },
    ),
    Case(
        fn=jaxloss.knowledge_distillation_loss,
        draw=_two("logits", "teacher_logits", K),
        oracle=_kd,
        source="scipy.stats.entropy of scipy.special.softmax",
        hypers={"temperature": 0.7},
        bad_hypers=({"temperature": 0.0},),
        perfect=_same("logits", "teacher_logits", K),
        convex=True,
        ulps=16,  # a square of a difference of rounded logarithms
        extremes=_named(LOGITS, "logits", "teacher_logits"),
    ),
    Case(
        fn=jaxloss.generalized_jensen_shannon_divergence,
        draw=_two("logits", "teacher_logits", K),
        oracle=_jsd,
        source="scipy.stats.entropy of scipy.special.softmax",
        hypers={"beta": 0.2},
        bad_hypers=({"beta": 0.0}, {"beta": 1.0}),
        perfect=_same("logits", "teacher_logits", K),
        ulps=16,  # a square of a difference of rounded logarithms
        extremes={
            **_named(LOGITS, "logits", "teacher_logits"),
            "disjoint": {"logits": np.array([[0.0, -np.inf]]), "teacher_logits": np.array([[-np.inf, 0.0]])},
        },
    ),
]
