"""The Case of the distortion of rays."""

from __future__ import annotations

import itertools

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.draws import Draw


def _rays(intervals: int) -> Draw:
    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        return {
            "ray_weights": rng.dirichlet(np.ones(intervals), size=batch) * rng.uniform(0.5, 1.0, size=(*batch, 1)),
            "edges": np.cumsum(rng.uniform(0.05, 0.3, size=(*batch, intervals + 1)), axis=-1),
        }

    return draw


def _distortion(ray_weights, edges):
    """All pairs of intervals, ray by ray: the definition, quadratic in their number."""
    values = np.zeros(ray_weights.shape[:-1])
    for ray in np.ndindex(values.shape):
        w, s = ray_weights[ray], edges[ray]
        middle = [(a + b) / 2 for a, b in itertools.pairwise(s)]
        pairs = sum(w[i] * w[j] * abs(middle[i] - middle[j]) for i in range(len(w)) for j in range(len(w)))
        values[ray] = pairs + sum(w[i] ** 2 * (s[i + 1] - s[i]) for i in range(len(w))) / 3
    return values


def _nothing(rng: np.random.Generator, batch: Shape) -> Inputs:
    inputs = _rays(6)(rng, batch)
    return {**inputs, "ray_weights": np.zeros_like(inputs["ray_weights"])}


EDGES = np.array([[0.0, 0.1, 0.1, 0.7, 1.0]])

CASES = [
    Case(
        fn=jaxloss.ray_distortion_loss,
        draw=_rays(6),
        structures={"one interval": _rays(1), "two intervals": _rays(2)},
        oracle=_distortion,
        source="Barron et al. (2022), the definition by a double loop",
        perfect=_nothing,
        ulps=8,  # the widths of intervals are differences of rounded edges
        illegal={"ray_weights": (-0.5,)},
        mistakes={"increasing order": lambda inputs: {**inputs, "edges": inputs["edges"][..., ::-1].copy()}},
        extremes={
            "a surface": {"ray_weights": np.array([[0.0, 0, 1, 0]]), "edges": EDGES},
            "no width": {"ray_weights": np.ones((1, 4)) / 4, "edges": np.zeros((1, 5))},
            "empty": {"ray_weights": np.zeros((1, 4)), "edges": EDGES},
            "far": {"ray_weights": np.ones((1, 4)) / 4, "edges": 1e30 * EDGES},
        },
        translates=(("edges",),),
    ),
]
