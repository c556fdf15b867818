"""Cases of `jaxloss.vision.depth_and_motion.optical_flow`."""

from __future__ import annotations

import numpy as np
import pytest

import jaxloss
from tests import draws
from tests.cases import Case


def flows(components):
    return lambda rng, batch: draws.pair()(rng, (*batch, components))


def equal_flows(rng, batch):
    return draws.equal_pair()(rng, (*batch, 2))


def refinements(steps, components):
    return lambda rng, batch: {
        "predictions": rng.normal(size=(*batch, steps, components)),
        "targets": rng.normal(size=(*batch, components)),
    }


def perfect_refinements(rng, batch):
    targets = rng.normal(size=(*batch, 2))
    return {"predictions": np.stack([targets] * 3, -2), "targets": targets}


def average_endpoint_error(predictions, targets):
    torch, kornia = pytest.importorskip("torch"), pytest.importorskip("kornia")
    return kornia.metrics.average_endpoint_error(*map(torch.tensor, (predictions, targets)), reduction="none").numpy()


def robust(predictions, targets, exponent=0.4, epsilon=0.01):
    return (np.linalg.norm(predictions - targets, ord=1, axis=-1) + epsilon) ** exponent


def sequence(predictions, targets, decay=0.8):
    total, steps = 0.0, predictions.shape[-2]
    for i in range(steps):
        total = total + decay ** (steps - 1 - i) * np.linalg.norm(predictions[..., i, :] - targets, ord=1, axis=-1)
    return total


EXTREMES = {
    "equal": {"predictions": np.array([[1.0, -2.0]]), "targets": np.array([[1.0, -2.0]])},
    "large": {"predictions": np.array([[1e37, -1e37], [1e30, 0.0]]), "targets": np.array([[-1e37, 0.0], [0.0, 1.0]])},
    "small": {"predictions": np.array([[1e-37, 0.0], [1e-25, 1e-25]]), "targets": np.zeros((2, 2))},
}

CASES = [
    Case(
        fn=jaxloss.endpoint_error,
        draw=flows(2),
        oracle=average_endpoint_error,
        source="kornia.metrics.average_endpoint_error",
        perfect=equal_flows,
        convex=True,
        extremes=EXTREMES,
        translates=(("predictions", "targets"),),
    ),
    Case(
        fn=jaxloss.robust_endpoint_error,
        draw=flows(2),
        oracle=robust,
        source="formula of the paper",
        hypers={"exponent": 0.625, "epsilon": 0.125},
        ends=({"exponent": 1.0, "epsilon": 0.125},),
        bad_hypers=({"exponent": 0.0}, {"exponent": 1.5}, {"epsilon": 0.0}),
        structures={"scene flow": flows(3), "disparity": flows(1)},
        extremes=EXTREMES,
        translates=(("predictions", "targets"),),
    ),
    Case(
        fn=jaxloss.flow_sequence_loss,
        draw=refinements(3, 2),
        oracle=sequence,
        source="formula of the paper",
        hypers={"decay": 0.625},
        ends=({"decay": 0.0}, {"decay": 1.0}),
        bad_hypers=({"decay": -0.1}, {"decay": 1.1}),
        perfect=perfect_refinements,
        convex=True,
        structures={"one refinement": refinements(1, 2), "disparity": refinements(2, 1)},
        extremes={
            "equal": {"predictions": np.ones((1, 2, 2)), "targets": np.ones((1, 2))},
            "large": {"predictions": np.full((1, 2, 2), 1e37), "targets": np.full((1, 2), -1e37)},
            "small": {"predictions": np.full((1, 2, 2), 1e-37), "targets": np.zeros((1, 2))},
        },
        translates=(("predictions", "targets"),),
    ),
]
