"""Cases of `jaxloss.sequence.minimum_risk`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape


def _candidates(rng: np.random.Generator, batch: Shape, number: int = 4) -> Inputs:
    return {"logps": -rng.gamma(4.0, size=(*batch, number)), "risks": rng.gamma(2.0, size=(*batch, number))}


CASES = [
    Case(
        fn=jaxloss.minimum_risk_loss,
        draw=_candidates,
        structures={f"{n} candidates": lambda rng, batch, n=n: _candidates(rng, batch, n) for n in (1, 2)},
        oracle=lambda logps, risks, temperature=1.0: (
            (np.exp(logps / temperature) * risks).sum(-1) / np.exp(logps / temperature).sum(-1)
        ),
        source="a ratio of two sums",
        hypers={"temperature": 2.0},
        bad_hypers=({"temperature": 0.0}, {"temperature": -1.0}),
        extremes={
            "far": {"logps": np.array([[0.0, -1e30, -np.inf]]), "risks": np.array([[1.0, 1e30, -1e30]])},
            "equal": {"logps": np.full((1, 2), -1e5), "risks": np.array([[-1.0, 1.0]])},
        },
        bound=None,
        translates=(("logps",),),
    ),
]
