"""Cases of `jaxloss.distillation.class_groups`."""

from __future__ import annotations

import numpy as np
import scipy.special
import scipy.stats

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape
from tests.cases.distillation._shared import LOGITS, K, agreeing, students


def _labelled(draw: draws.Draw) -> draws.Draw:
    """A draw with a label for every row."""

    def with_labels(rng: np.random.Generator, batch: Shape) -> Inputs:
        inputs = draw(rng, batch)
        classes = inputs["logits"].shape[-1]
        return {**inputs, "labels": rng.integers(0, classes, size=batch).astype(np.int32)}

    return with_labels


def _rows(one):
    """An oracle of one row of each network, and what goes with it, applied to every row."""

    def oracle(logits, teacher_logits, labels=None, temperature=1.0, **hypers):
        batch = logits.shape[:-1]
        values = np.zeros(batch)
        for i in np.ndindex(batch):
            p, q = (scipy.special.softmax(x[i] / temperature) for x in (teacher_logits, logits))
            values[i] = temperature**2 * one(p, q, *(() if labels is None else (labels[i],)), **hypers)
        return values

    return oracle


def _decoupled(p, q, label, target_weight=1.0, non_target_weight=8.0):
    target = scipy.stats.entropy([p[label], np.delete(p, label).sum()], [q[label], np.delete(q, label).sum()])
    if len(p) == 1:
        return target_weight * target
    # SciPy normalises, so that these are the probabilities among the other classes.
    return target_weight * target + non_target_weight * scipy.stats.entropy(np.delete(p, label), np.delete(q, label))


def _decoupled_at_four(logits, teacher_logits, labels, temperature=4.0, **hypers):
    return _rows(_decoupled)(logits, teacher_logits, labels, temperature=temperature, **hypers)


def _top_k(p, q, k):
    best = np.argsort(-p, kind="stable")[:k]
    p, q = (np.append(x[best], np.delete(x, best).sum()) for x in (p, q))
    return scipy.stats.entropy(p, q)


def _some_best(logits, teacher_logits, k, temperature=1.0):
    return _rows(_top_k)(logits, teacher_logits, temperature=temperature, k=k)


LABELLED = {name: {**edge, "labels": np.array([1], np.int32)} for name, edge in LOGITS.items()}

DECOUPLED = {"target_weight": 0.5, "non_target_weight": 3.0, "temperature": 0.7}

CASES = [
    Case(
        fn=jaxloss.decoupled_distillation_loss,
        draw=_labelled(students()),
        structures={"one class": _labelled(students(1)), "two classes": _labelled(students(2))},
        oracle=_decoupled_at_four,
        source="scipy.stats.entropy of scipy.special.softmax, of the true class and of the others",
        hypers=DECOUPLED,
        ends=({**DECOUPLED, "target_weight": 0.0}, {**DECOUPLED, "non_target_weight": 0.0}),
        bad_hypers=({"temperature": 0.0}, {"target_weight": -0.1}, {"non_target_weight": -0.1}),
        perfect=_labelled(agreeing),
        cancels="the divergence of two groups alone is the square of a difference of log-odds, which may be small",
        labels="labels",
        extremes={
            **LABELLED,
            "only the true class": {
                "logits": np.array([[-np.inf, 1.0, -np.inf]]),
                "teacher_logits": np.array([[-np.inf, 2.0, -np.inf]]),
                "labels": np.array([1], np.int32),
            },
            "only the true class of the teacher": {
                "logits": np.array([[0.0, 1.0, -1.0]]),
                "teacher_logits": np.array([[-np.inf, 2.0, -np.inf]]),
                "labels": np.array([1], np.int32),
            },
        },
        translates=(("logits",), ("teacher_logits",)),
    ),
    Case(
        fn=jaxloss.top_k_distillation_loss,
        draw=students(),
        structures={"three classes": students(3), "many classes": students(300)},
        oracle=_some_best,
        source="scipy.stats.entropy of scipy.special.softmax, of the best classes and the sum of the others",
        hypers={"k": 2, "temperature": 0.7},
        static=("k",),
        bad_hypers=({"k": 0}, {"k": K + 1}, {"k": 2, "temperature": 0.0}),
        perfect=agreeing,
        ulps=16,  # a square of a difference of rounded logarithms
        extremes=LOGITS,
        translates=(("logits",), ("teacher_logits",)),
    ),
]
