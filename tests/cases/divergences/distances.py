"""Cases of the symmetric distances of discrete distributions."""

from __future__ import annotations

import numpy as np
import scipy.spatial.distance

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


def _jensen_shannon(log_predictions, log_targets):
    return scipy.spatial.distance.jensenshannon(np.exp(log_targets), np.exp(log_predictions), axis=-1) ** 2


def _probs(classes: int) -> Draw:
    return lambda rng, batch: {n: draws.simplex(rng, batch, classes) for n in ("probs", "targets")}


def _equal_probs(rng: np.random.Generator, batch: Shape) -> Inputs:
    values = draws.simplex(rng, batch, 5)
    return {"probs": values, "targets": values.copy()}


def _overlap(log_predictions, log_targets):
    return np.sqrt(np.exp(log_predictions) * np.exp(log_targets)).sum(-1)


OVERLAPPING = {
    "modes": {"log_predictions": ABSENT, "log_targets": PRESENT},
    "modes of the target": {"log_predictions": PRESENT, "log_targets": ABSENT},
    "absent in both": {"log_predictions": ABSENT, "log_targets": ABSENT},
}
FAR = {"log_predictions": np.array([[-1e4, 0.0]]), "log_targets": np.array([[0.0, -1e4]])}

CASES = [
    Case(
        fn=jaxloss.jensen_shannon_divergence,
        mistakes={"sum to 1": draws.half_of("log_predictions")},
        draw=log_distributions,
        oracle=_jensen_shannon,
        source="scipy.spatial.distance.jensenshannon, squared",
        perfect=equal_log_distributions,
        illegal=NOT_LOG_PROBABILITIES,
        structures=FEW,
        extremes={**OVERLAPPING, "far": FAR},
    ),
    Case(
        fn=jaxloss.total_variation_distance,
        mistakes={"sum to 1": draws.half_of("targets")},
        draw=_probs(5),
        oracle=lambda probs, targets: np.maximum(probs - targets, 0).sum(-1),
        source="the probability that the prediction has too much",
        perfect=_equal_probs,
        illegal={"probs": (-0.1, 1.5), "targets": (-0.1, 1.5)},
        structures={"two classes": _probs(2)},  # one class is always at the kink
        convex=True,
        extremes={"corners": {"probs": np.array([[1.0, 0.0], [0.0, 1.0]]), "targets": np.array([[0, 1], [0, 1]])}},
    ),
    Case(
        fn=jaxloss.squared_hellinger_distance,
        mistakes={"sum to 1": draws.half_of("log_predictions")},
        draw=log_distributions,
        oracle=lambda log_predictions, log_targets: 1 - _overlap(log_predictions, log_targets),
        source="one minus the overlap",
        perfect=equal_log_distributions,
        illegal=NOT_LOG_PROBABILITIES,
        structures=FEW,
        extremes={**OVERLAPPING, "far": FAR},
    ),
    Case(
        fn=jaxloss.bhattacharyya_distance,
        mistakes={"sum to 1": draws.half_of("log_predictions")},
        draw=log_distributions,
        oracle=lambda log_predictions, log_targets: -np.log(_overlap(log_predictions, log_targets)),
        source="logarithm of the overlap",
        perfect=equal_log_distributions,
        illegal=NOT_LOG_PROBABILITIES,
        structures=FEW,
        extremes=OVERLAPPING,
    ),
]
