"""Cases of `jaxloss.margin.angular.fixed_margins`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.margin._faces import SPHERE_EDGES, arcface_turn, faces, of_angles

CASES = [
    Case(
        fn=fn,
        draw=faces,
        oracle=oracle,
        source=source,
        hypers=hypers,
        bad_hypers=bad,
        shared=("kernel",),
        labels="labels",
        classes=lambda inputs: inputs["kernel"].shape[-1],
        ulps=16,
        extremes=SPHERE_EDGES,
    )
    for fn, oracle, source, hypers, bad in (
        (
            jaxloss.normalized_softmax_loss,
            lambda embeddings, labels, kernel, scale=20.0: of_angles(np.cos)(embeddings, labels, kernel, scale),
            "Wang et al. (2017), with arccos",
            {"scale": 4.0},
            ({"scale": 0.0}, {"scale": -1.0}),
        ),
        (
            jaxloss.cosface_loss,
            lambda embeddings, labels, kernel, margin=0.35, scale=64.0: of_angles(lambda a, m: np.cos(a) - m)(
                embeddings, labels, kernel, scale, m=margin
            ),
            "Wang et al. (2018), with arccos",
            {"scale": 4.0, "margin": 0.25},
            ({"scale": 0.0}, {"margin": -0.1}),
        ),
        (
            jaxloss.arcface_loss,
            lambda embeddings, labels, kernel, margin=0.5, scale=64.0: of_angles(arcface_turn)(
                embeddings, labels, kernel, scale, margin=margin
            ),
            "Deng et al. (2019), with arccos",
            {"scale": 4.0, "margin": 0.75},
            ({"scale": 0.0}, {"margin": -0.1}, {"margin": 28.6}),
        ),
    )
]
