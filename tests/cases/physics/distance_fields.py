"""Cases of `jaxloss.physics.distance_fields`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.physics._shared import CAST, CURVATURE, TINY, points


def _bowl(params, x):
    return 0.5 * params * (x[0] ** 2 + x[1] ** 2)


CASES = [
    Case(
        fn=jaxloss.eikonal_loss,
        draw=points("points"),
        oracle=lambda points: (CURVATURE * np.linalg.norm(points, axis=-1) - 1) ** 2,
        source="the slope of a bowl in closed form",
        leading=(_bowl, CURVATURE),
        cancels="a length less 1",
        extremes={"tiny": {"points": TINY}, "large": {"points": np.array([[1e8, -1e8]])}},
        exempt={"half_precision": CAST},
    ),
]
