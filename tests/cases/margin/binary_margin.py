"""Cases of `jaxloss.margin.binary_margin`."""

from __future__ import annotations

import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.margin._shared import SIGNS, binary, optax_loss, right, signs

CASES = [
    Case(
        fn=jaxloss.soft_margin_loss,
        draw=signs,
        oracle=lambda scores, targets: -scipy.special.log_expit(targets * scores),
        source="scipy.special.log_expit",
        fixed=SIGNS,
        convex=True,
        extremes=binary(3e38),
        illegal={"targets": (0.0, 0.5)},
    ),
    Case(
        fn=jaxloss.perceptron_loss,
        draw=signs,
        oracle=optax_loss("perceptron_loss"),
        source="optax.losses.perceptron_loss",
        fixed=SIGNS,
        perfect=right(1e-30),
        convex=True,
        extremes=binary(3e38),
        illegal={"targets": (0.0, 0.5)},
    ),
]
