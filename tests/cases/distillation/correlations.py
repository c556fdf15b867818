"""Cases of `jaxloss.distillation.correlations`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.distillation._shared import LOGITS, agreeing, students


def _correlations(logits, teacher_logits, inter_class_weight=1.0, intra_class_weight=1.0, temperature=1.0):
    """By rows and by columns of the probabilities of every set of examples."""
    batch = logits.shape[:-2]
    values = np.zeros(batch)
    for i in np.ndindex(batch):
        q, p = (scipy.special.softmax(x[i] / temperature, axis=-1) for x in (logits, teacher_logits))
        inter = [1 - np.corrcoef(*rows)[0, 1] for rows in zip(q, p, strict=True)]
        intra = [1 - np.corrcoef(*columns)[0, 1] for columns in zip(q.T, p.T, strict=True)]
        values[i] = temperature**2 * (inter_class_weight * np.mean(inter) + intra_class_weight * np.mean(intra))
    return values


FACTORS = {"inter_class_weight": 2.0, "intra_class_weight": 0.5, "temperature": 1.7}

CASES = [
    Case(
        fn=jaxloss.correlation_distillation_loss,
        draw=students(),
        structures={"two classes": students(2), "many classes": students(20)},
        oracle=_correlations,
        source="numpy.corrcoef of scipy.special.softmax, by rows and by columns",
        hypers=FACTORS,
        ends=({**FACTORS, "inter_class_weight": 0.0}, {**FACTORS, "intra_class_weight": 0.0}),
        bad_hypers=({"inter_class_weight": -1.0}, {"intra_class_weight": -1.0}, {"temperature": 0.0}),
        pooled=True,
        perfect=agreeing,
        ulps=16,  # a correlation is a sum of products of both signs
        extremes=LOGITS,
        translates=(("logits",), ("teacher_logits",)),
    ),
]
