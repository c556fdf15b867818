"""Cases of `jaxloss.margin.hinge`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.margin._shared import SIGNS, binary, optax_loss, right, signs


def _smoothed_hinge(scores, targets, gamma=1.0):
    margin = targets * scores
    return np.where(
        margin >= 1, 0.0, np.where(margin <= 1 - gamma, 1 - margin - gamma / 2, (1 - margin) ** 2 / (2 * gamma))
    )


CASES = [
    Case(
        fn=jaxloss.hinge_loss,
        draw=signs,
        oracle=optax_loss("hinge_loss"),
        source="optax.losses.hinge_loss",
        fixed=SIGNS,
        perfect=right(1.0),
        convex=True,
        extremes=binary(3e38),
        illegal={"targets": (0.0, 0.5)},
    ),
    Case(
        fn=jaxloss.squared_hinge_loss,
        draw=signs,
        oracle=lambda scores, targets: np.where(targets * scores < 1, (scores - targets) ** 2, 0.0),
        source="formula, with the square written as a residual",
        fixed=SIGNS,
        perfect=right(1.0),
        convex=True,
        extremes=binary(1e18),
        illegal={"targets": (0.0, 0.5)},
    ),
    Case(
        fn=jaxloss.smoothed_hinge_loss,
        draw=signs,
        oracle=_smoothed_hinge,
        source="Shalev-Shwartz and Zhang (2013), equation 12",
        hypers={"gamma": 0.7},
        bad_hypers=({"gamma": 0.0}, {"gamma": -1.0}),
        fixed=SIGNS,
        perfect=right(1.0),
        convex=True,
        extremes=binary(3e38),
        illegal={"targets": (0.0, 0.5)},
    ),
    Case(
        fn=jaxloss.modified_huber_loss,
        draw=signs,
        oracle=lambda scores, targets: np.where(
            targets * scores >= -1, np.maximum(0, 1 - targets * scores) ** 2, -4 * targets * scores
        ),
        source="Zhang (2004)",
        fixed=SIGNS,
        perfect=right(1.0),
        convex=True,
        extremes=binary(4e37),
        illegal={"targets": (0.0, 0.5)},
    ),
]
