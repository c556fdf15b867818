"""Cases of `jaxloss.distillation.distributions`."""

from __future__ import annotations

import numpy as np
import scipy.special
import scipy.stats

import jaxloss
from tests.cases import Case
from tests.cases.distillation._shared import LOGITS, agreeing, students


def _kd(logits, teacher_logits, temperature=2.0):
    p, q = (scipy.special.softmax(x / temperature, axis=-1) for x in (teacher_logits, logits))
    return temperature**2 * scipy.stats.entropy(p, q, axis=-1)


def _jsd(logits, teacher_logits, beta=0.5):
    p, q = (scipy.special.softmax(x, axis=-1) for x in (teacher_logits, logits))
    mixture = beta * p + (1 - beta) * q
    return beta * scipy.stats.entropy(p, mixture, axis=-1) + (1 - beta) * scipy.stats.entropy(q, mixture, axis=-1)


def _skewed(logits, teacher_logits, skew=0.1):
    p, q = (scipy.special.softmax(x, axis=-1) for x in (teacher_logits, logits))
    return scipy.stats.entropy(p, skew * p + (1 - skew) * q, axis=-1)


DISJOINT = {"logits": np.array([[0.0, -np.inf]]), "teacher_logits": np.array([[-np.inf, 0.0]])}

CASES = [
    Case(
        fn=jaxloss.knowledge_distillation_loss,
        draw=students(),
        structures={
            "one class": students(1),
            "two classes": students(2),
        },
        oracle=_kd,
        source="scipy.stats.entropy of scipy.special.softmax",
        hypers={"temperature": 0.7},
        bad_hypers=({"temperature": 0.0},),
        perfect=agreeing,
        convex=True,
        ulps=16,  # a square of a difference of rounded logarithms
        extremes=LOGITS,
        translates=(("logits",), ("teacher_logits",)),
    ),
    Case(
        fn=jaxloss.generalized_jensen_shannon_divergence,
        draw=students(),
        structures={
            "one class": students(1),
            "two classes": students(2),
        },
        oracle=_jsd,
        source="scipy.stats.entropy of scipy.special.softmax",
        hypers={"beta": 0.2},
        bad_hypers=({"beta": 0.0}, {"beta": 1.0}),
        perfect=agreeing,
        ulps=16,  # a square of a difference of rounded logarithms
        extremes={
            **LOGITS,
            "disjoint": DISJOINT,
        },
        translates=(("logits",), ("teacher_logits",)),
    ),
    Case(
        fn=jaxloss.skewed_kl_divergence,
        draw=students(),
        structures={
            "one class": students(1),
            "two classes": students(2),
        },
        oracle=_skewed,
        source="scipy.stats.entropy of scipy.special.softmax",
        hypers={"skew": 0.3},
        bad_hypers=({"skew": 0.0}, {"skew": 1.0}),
        perfect=agreeing,
        ulps=16,  # a square of a difference of rounded logarithms
        extremes={**LOGITS, "disjoint": DISJOINT},
        translates=(("logits",), ("teacher_logits",)),
    ),
]
