"""Cases of the Kullback-Leibler divergence of discrete distributions."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape
from tests.cases.divergences._shared import (
    ABSENT,
    FEW,
    NOT_LOG_PROBABILITIES,
    PRESENT,
    equal_log_distributions,
    log_distributions,
)
from tests.draws import Draw

NO_LOG = np.array([[0.0, -np.inf, -np.inf], [np.log(0.5), np.log(0.5), -np.inf]])


ONE_HOT = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])


def _distributions(classes: int) -> Draw:
    return lambda rng, batch: {
        "log_predictions": np.log(draws.simplex(rng, batch, classes)),
        "targets": draws.simplex(rng, batch, classes),
    }


def _certain(rng: np.random.Generator, batch: Shape) -> Inputs:
    """One class is certain, in both: the only distributions whose logarithms are exact."""
    targets = np.eye(5)[rng.integers(0, 5, size=batch)]
    with np.errstate(divide="ignore"):
        return {"log_predictions": np.log(targets), "targets": targets}


def _logit_pair(classes: int) -> Draw:
    return lambda rng, batch: {n: rng.normal(size=(*batch, classes)) for n in ("logits", "target_logits")}


def _equal_logits(rng: np.random.Generator, batch: Shape) -> Inputs:
    values = 3 * rng.normal(size=(*batch, 5))
    return {"logits": values, "target_logits": values.copy()}


CASES = [
    Case(
        fn=jaxloss.kl_divergence,
        mistakes={"sum to 1": draws.half_of("targets")},
        draw=_distributions(5),
        oracle=lambda log_predictions, targets: scipy.special.rel_entr(targets, np.exp(log_predictions)).sum(-1),
        source="scipy.special.rel_entr",
        perfect=_certain,
        convex=True,
        cancels="the logarithm of a target is rounded before it meets the prediction's",
        illegal={"log_predictions": (0.5, 3.0), "targets": (-0.1, 1.5)},
        structures={"one class": _distributions(1), "two classes": _distributions(2)},
        extremes={
            "one hot": {"log_predictions": NO_LOG, "targets": ONE_HOT},
            "far": {"log_predictions": np.array([[-1e4, 0.0]]), "targets": np.array([[1.0, 0.0]])},
            "rare": {"log_predictions": np.array([[-80.0, 0.0]]), "targets": np.array([[1e-37, 1.0]])},
        },
    ),
    Case(
        fn=jaxloss.kl_divergence_with_log_targets,
        mistakes={"sum to 1": draws.half_of("log_predictions")},
        draw=log_distributions,
        oracle=lambda log_predictions, log_targets: scipy.special.rel_entr(
            np.exp(log_targets), np.exp(log_predictions)
        ).sum(-1),
        source="scipy.special.rel_entr",
        perfect=equal_log_distributions,
        convex=True,
        illegal=NOT_LOG_PROBABILITIES,
        structures=FEW,
        extremes={
            "one hot": {"log_predictions": NO_LOG, "log_targets": np.array([[0.0, -np.inf, -np.inf]] * 2)},
            "far": {"log_predictions": np.array([[-1e4, 0.0]]), "log_targets": np.array([[0.0, -1e4]])},
            "below the dtype": {"log_predictions": np.array([[-np.inf, 0.0]]), "log_targets": np.array([[-1e9, 0.0]])},
        },
    ),
    Case(
        fn=jaxloss.kl_divergence_from_logits,
        draw=_logit_pair(5),
        oracle=lambda logits, target_logits: scipy.special.rel_entr(
            scipy.special.softmax(target_logits, -1), scipy.special.softmax(logits, -1)
        ).sum(-1),
        source="scipy.special.rel_entr and softmax",
        perfect=_equal_logits,
        convex=True,
        structures={"one class": _logit_pair(1), "two classes": _logit_pair(2)},
        cancels="the normalisation of the logits is rounded, and near equality their difference is small",
        extremes={
            "absent classes": {"logits": PRESENT, "target_logits": ABSENT},
            "absent in both": {"logits": ABSENT, "target_logits": ABSENT},
            "far": {"logits": np.array([[-1e4, 1e4, 0.0]]), "target_logits": np.array([[1e4, -1e4, 0.0]])},
        },
        translates=(("logits",), ("target_logits",)),
    ),
    Case(
        fn=jaxloss.reverse_kl_divergence,
        mistakes={"sum to 1": draws.half_of("log_predictions")},
        draw=log_distributions,
        oracle=lambda log_predictions, log_targets: scipy.special.rel_entr(
            np.exp(log_predictions), np.exp(log_targets)
        ).sum(-1),
        source="scipy.special.rel_entr",
        perfect=equal_log_distributions,
        illegal=NOT_LOG_PROBABILITIES,
        structures=FEW,
        extremes={
            "modes": {"log_predictions": ABSENT, "log_targets": PRESENT},
            "absent in both": {"log_predictions": ABSENT, "log_targets": ABSENT},
            "far": {"log_predictions": np.array([[-1e4, 0.0]]), "log_targets": np.array([[0.0, -1e4]])},
        },
    ),
]
