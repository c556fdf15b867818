"""Cases of `jaxloss.language.policies.values`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.language._shared import CONSTANT


def _values(rng: np.random.Generator, batch: Shape) -> Inputs:
    values = rng.normal(size=batch)
    return {"values": values, "old_values": values + 0.5 * rng.normal(size=batch), "returns": rng.normal(size=batch)}


def _fitted(rng: np.random.Generator, batch: Shape) -> Inputs:
    values = rng.normal(size=batch)
    return {"values": values, "old_values": values + 0.05 * rng.uniform(-1, 1, size=batch), "returns": values.copy()}


def _value_clip(values, old_values, returns, clip=0.2):
    clipped = np.clip(values, old_values - clip, old_values + clip)
    return np.maximum((values - returns) ** 2, (clipped - returns) ** 2) / 2


CASES = [
    Case(
        fn=jaxloss.ppo_value_clip_loss,
        draw=_values,
        oracle=_value_clip,
        source="formula with numpy.clip",
        hypers={"clip": 0.5},
        ends=({"clip": np.inf},),
        fixed={"old_values": CONSTANT, "returns": CONSTANT},
        constant={"old_values": CONSTANT, "returns": CONSTANT},
        bad_hypers=({"clip": 0.0}, {"clip": -1.0}),
        perfect=_fitted,
        convex=True,
        extremes={"far": {"values": np.array([1e18, -1e18]), "old_values": np.zeros(2), "returns": np.zeros(2)}},
        translates=(("values", "old_values", "returns"),),
    ),
]
