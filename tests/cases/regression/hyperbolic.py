"""Cases of `jaxloss.regression.hyperbolic`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases.regression._shared import EDGES


def _fair(predictions, targets, scale=1.0):
    """The integral of its influence function, by an antiderivative on each side of 0."""
    size = np.abs(predictions - targets)
    return scale * size - scale**2 * np.log((scale + size) / scale)


CASES = [
    Case(
        fn=jaxloss.pseudo_huber_loss,
        draw=draws.pair(),
        oracle=lambda predictions, targets, delta=1.0: scipy.special.pseudo_huber(delta, predictions - targets),
        source="scipy.special.pseudo_huber",
        hypers={"delta": 1.75},
        bad_hypers=({"delta": 0.0}, {"delta": -1.0}),
        perfect=draws.equal_pair(),
        convex=True,
        extremes=EDGES,
        translates=(("predictions", "targets"),),
    ),
    Case(
        fn=jaxloss.charbonnier_loss,
        draw=draws.pair(),
        oracle=lambda predictions, targets, epsilon=1e-3: np.hypot(predictions - targets, epsilon),
        source="numpy.hypot",
        hypers={"epsilon": 0.5},
        bad_hypers=({"epsilon": 0.0}, {"epsilon": -1.0}),
        bound=1e-3,
        convex=True,
        extremes=EDGES,
        translates=(("predictions", "targets"),),
    ),
    Case(
        fn=jaxloss.fair_loss,
        draw=draws.pair(),
        oracle=_fair,
        source="Zhang (1997), table 1",
        hypers={"scale": 1.75},
        bad_hypers=({"scale": 0.0}, {"scale": -1.0}),
        perfect=draws.equal_pair(),
        convex=True,
        extremes=EDGES,
        translates=(("predictions", "targets"),),
    ),
    Case(
        fn=jaxloss.log_cosh,
        draw=draws.pair(),
        oracle=lambda predictions, targets: np.logaddexp(predictions - targets, targets - predictions) - np.log(2.0),
        source="formula by numpy.logaddexp",
        perfect=draws.equal_pair(),
        convex=True,
        extremes=EDGES,
        translates=(("predictions", "targets"),),
    ),
]
